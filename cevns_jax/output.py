"""Writing results and figures in a process of its own.

xarray and matplotlib take two seconds to import. A worker process does that while the main one
imports JAX and compiles, and writes what it is handed.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, Self


def _prepare() -> None:
    """Import what writing needs, let matplotlib load its fonts; interrupts are for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import h5netcdf  # noqa: F401
    import xarray  # noqa: F401

    from cevns_jax.plotting import figures

    figures.warm_up()


def _nothing() -> None:
    """A first task."""


def save_result(result: Any, path: Path) -> None:
    result.save(path)


def save_spectra(result: Any, experiment: str, path: Path) -> None:
    from cevns_jax.plotting import figures

    figures.save(figures.spectra(result, experiment), path)


def save_profiles(results: list[Any], path: Path) -> None:
    from cevns_jax.plotting import figures

    figures.save(figures.profiles(results), path)


class Writer:
    """Runs the functions of this module in a worker; leaving the context waits for all of them.

    Raises:
        ConfigError: on leaving, if something could not be written.
    """

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, context, initializer=_prepare)
        self._pending: list[Future[Any]] = [self._pool.submit(_nothing)]  # starts the worker now
        return self

    def submit(self, function: Callable[..., None], *arguments: Any) -> None:
        self._pending.append(self._pool.submit(function, *arguments))

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:  # bad input or an interrupt: do not wait for imports to finish
            for child in multiprocessing.active_children():
                child.terminate()
        self._pool.shutdown(wait=kind is None, cancel_futures=kind is not None)
        if kind is None:
            for future in self._pending:
                future.result()
