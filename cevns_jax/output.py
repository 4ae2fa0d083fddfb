"""Writing results and figures in a process of its own.

xarray and matplotlib take two seconds to import. A worker process does that while the main one
imports JAX and compiles, and writes what it is handed.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, Self


def _prepare() -> None:
    """Import what writing needs, and let matplotlib load its fonts."""
    import h5netcdf  # noqa: F401
    import xarray  # noqa: F401

    from cevns_jax.plotting import figures

    figures.warm_up()


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
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        self._pending: list[Future[Any]] = [self._pool.submit(_prepare)]
        return self

    def submit(self, function: Callable[..., None], *arguments: Any) -> None:
        self._pending.append(self._pool.submit(function, *arguments))

    def __exit__(self, kind: object, *_: object) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=kind is not None)
        if kind is None:
            for future in self._pending:
                future.result()
