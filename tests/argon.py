"""COHERENT liquid argon (2020): its released shapes, and what is predicted of it."""

import jax
import jax.numpy as jnp
import numpy as np

import cevns_jax as cj
from cevns_jax.data.tables import DATA, read_table

NAME = "coherent_lar_2020"
ENERGY = "coherent_lar_2020_energy"
FOLDER = DATA / NAME
MODEL = cj.interactions.standard_model()
COMPONENTS = jax.jit(cj.Likelihood.components)
CHI2 = jax.jit(cj.Likelihood.chi2)
GRADIENT = jax.jit(jax.grad(cj.Likelihood.chi2, argnums=1))
ENDS = ("energy_low_kevee", "energy_high_kevee", "f90_low", "f90_high")
VARIED = (
    *("brn_energy_plus", "brn_energy_minus", "brn_time_plus", "brn_time_minus"),
    "brn_time_width",
)
NAMES = (
    *("cevns", "cevns_f90_plus", "cevns_f90_minus", "cevns_time"),
    *("brn", *VARIED, "delayed_brn", "steady_state"),
)
SHAPES = read_table(FOLDER / "energy_f90.csv", (*ENDS, *NAMES))
ARRIVALS = read_table(FOLDER / "time.csv", ("time_low_us", "time_high_us", *NAMES))


def released(name, total):
    """A released template as (energy, F90, time)."""
    return total * np.multiply.outer(SHAPES[name].reshape(12, 8), ARRIVALS[name])


def numbers(values):
    """Values of one type, so that nothing compiles twice."""
    return {name: jnp.asarray(value, dtype=float) for name, value in values.items()}


def likelihood(experiment, *free):
    return cj.Likelihood([experiment], MODEL, free=free)


def predicted(experiment, **values):
    like = likelihood(experiment)
    parts = COMPONENTS(like, like.values() | numbers(values))
    return {name: np.asarray(counts) for name, counts in parts[NAME].items()}


def energies(experiment, **values):
    like = likelihood(experiment)
    return np.asarray(COMPONENTS(like, like.values() | numbers(values))[ENERGY]["cevns"])
