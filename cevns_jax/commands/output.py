"""Writing results and figures in a process of its own.

xarray and matplotlib take two seconds to import. A worker process does that while the main one
imports JAX and compiles, and writes what it is handed through a pipe. When the main process is
gone, however it ended, the pipe ends and with it the worker.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

ENDED_EARLY = "the process that writes results ended early"


def save_result(result: Any, path: Path) -> None:
    result.save(path)


def save_spectra(result: Any, experiment: str, path: Path) -> None:
    from cevns_jax import plotting

    plotting.save(plotting.spectra(result, experiment), path)


def save_profiles(results: list[Any], path: Path) -> None:
    from cevns_jax import plotting

    plotting.save(plotting.profiles(results), path)


def save_pulls(result: Any, path: Path) -> None:
    from cevns_jax import plotting

    plotting.save(plotting.pulls(result), path)


def save_prediction(result: Any, experiment: str, path: Path) -> None:
    from cevns_jax import plotting

    plotting.save(plotting.prediction(result, experiment), path)


def save_limits(results: list[Any], path: Path) -> None:
    from cevns_jax import plotting

    plotting.save(plotting.limits(results), path)


def save_regions(results: list[Any], path: Path) -> None:
    from cevns_jax.plotting import figures, regions

    figures.save(regions.scans(results), path)


def save_posterior(result: Any, figure: tuple[str, ...], path: Path) -> None:
    """A figure of a posterior, as :func:`cevns_jax.commands.saving.posterior_figures` names it."""
    from cevns_jax.plotting import figures, posteriors

    function, *experiment = figure
    figures.save(getattr(posteriors, function)(result, *experiment), path)


def save_compared(curve: Any, posterior: Any, path: Path) -> None:
    from cevns_jax.plotting import figures, posteriors

    figures.save(posteriors.compared(curve, posterior), path)


def save_panels(planes: dict[str, Any], columns: dict[str, str], sns: str, path: Path) -> None:
    from cevns_jax.plotting import figures, regions

    figures.save(regions.panels(planes, columns, sns), path)


def save_running(own: list[dict[str, Any]], path: Path) -> None:
    from cevns_jax.plotting import figures, running

    figures.save(running.running_angle([running.OwnAngle(**angle) for angle in own]), path)


class Writer:
    """Runs the functions of this module in a worker; leaving the context waits for all of them.

    Raises:
        ConfigError: on leaving, if something could not be written.
    """

    def __enter__(self) -> Self:
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "cevns_jax.commands.output"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # an interrupt at the terminal is for the main process
        )
        return self

    def submit(self, function: Callable[..., None], *arguments: Any) -> None:
        """Have a function of this module run in the worker, after those before it."""
        assert self._worker.stdin is not None
        try:
            pickle.dump((function, arguments), self._worker.stdin)
            self._worker.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(ENDED_EARLY) from None

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:  # bad input: do not wait for imports to finish
            self._worker.kill()
            self._worker.communicate()
            return
        report = self._worker.communicate()[0]
        error = pickle.loads(report) if report else RuntimeError(ENDED_EARLY)
        if error is not None:
            raise error


def _work() -> None:
    """The worker: import what writing needs, then do what comes until the pipe ends."""
    import h5netcdf  # noqa: F401
    import xarray  # noqa: F401

    from cevns_jax.plotting import figures

    figures.warm_up()
    first_error = None
    while True:
        try:
            function, arguments = pickle.load(sys.stdin.buffer)
        except (EOFError, pickle.UnpicklingError):
            break
        try:
            function(*arguments)
        except Exception as error:
            first_error = first_error or error
    with contextlib.suppress(BrokenPipeError):  # nobody is left to be told
        pickle.dump(first_error, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    os._exit(0)


if __name__ == "__main__":
    _work()
