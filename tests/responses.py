"""A response of germanium size, and what it gives at recoils, for tests of detectors."""

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors import (
    GaussianResolution,
    PolynomialQuenching,
    energy_response,
    gaussian_resolution,
    lindhard,
    linear_table,
)

K = 0.157
EDGES = np.array([0.2, 0.5, 1.0, 2.5, 6.0])
EFFICIENCY = linear_table(
    "efficiency", [0.0, 0.3, 0.45, 1.7, 4.0, 9.0], [0.0, 0.1, 0.8, 0.85, 0.6, 0.6]
)
RECOIL = np.linspace(1e-4, 0.05, 120)  # [MeV]
UNQUENCHED = PolynomialQuenching(coefficients=(1.0,))
WIDTH = gaussian_resolution(noise_kev=0.08, statistical=0.05, proportional=0.02)
WIDTH_TABLE = GaussianResolution(
    linear_table("resolution", [0.0, 1.0, 3.0, 60.0], [0.1, 0.2, 0.15, 0.9])
)


def build(**changed):
    """Lindhard quenching, Gaussian resolution and an efficiency table, all of germanium size."""
    given = {
        "axis": "energy_kevee",
        "edges": EDGES,
        "quenching": lindhard(K, 32),
        "resolution": WIDTH,
        "efficiency": EFFICIENCY,
    }
    return energy_response(**(given | changed))


def probabilities(response, recoil=RECOIL, k=None, **effects):
    """Probability of each bin; ``k`` is that of Lindhard, at its start where it is not given."""
    values = {p.name: p.start if k is None else k for p in response.parameters}
    return np.asarray(response(jnp.asarray(recoil), values, effects))


@jax.jit
def moved(response, k, quenching, resolution):
    """Probability of each bin, compiled, for a value of k and two effects."""
    effects = {"quenching": quenching, "resolution": resolution}
    return response(jnp.asarray(RECOIL), {"lindhard_k": k}, effects)
