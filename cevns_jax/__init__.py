"""Coherent elastic neutrino-nucleus scattering in JAX.

    import jax
    jax.config.update("jax_enable_x64", True)
    import cevns_jax as cj

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import Any

from cevns_jax import forks as _forks  # noqa: F401  (from the beginning on)

__version__ = "0.1.0"

_HOMES = {
    "Likelihood": "cevns_jax.likelihood",
    "cross_section": "cevns_jax.scattering",
    "asimov": "cevns_jax.inference.toys",
    "toy": "cevns_jax.inference.toys",
    "fit": "cevns_jax.inference.fit",
    "profile": "cevns_jax.inference.profile",
    "scan": "cevns_jax.inference.scan",
    "limit": "cevns_jax.inference.limit",
    "objective": "cevns_jax.inference.objective",
    "numpyro_model": "cevns_jax.inference.model",
    "sample": "cevns_jax.inference.sample",
    "bayes_factor": "cevns_jax.inference.evidence",
    "load": "cevns_jax.results",
    "fit_result": "cevns_jax.results",
    "profile_result": "cevns_jax.results",
    "scan_result": "cevns_jax.results",
    "limit_result": "cevns_jax.results",
    "prediction_result": "cevns_jax.results",
    "sample_result": "cevns_jax.results",
    "read_analysis": "cevns_jax.config.analysis",
    "constants": None,
    "detectors": None,
    "experiments": None,
    "form_factors": None,
    "interactions": None,
    "nuclei": None,
    "plotting": None,
    "priors": None,
    "published": None,
    "recoil": None,
    "sources": None,
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    if home is None:
        return import_module(f"{__name__}.{name}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """The public names and the version: no module that happens to be loaded, nothing private."""
    return sorted([*__all__, "__version__"])
