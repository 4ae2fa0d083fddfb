"""An own experiment of 10 kg of germanium at the Spallation Neutron Source, and what it expects."""

import jax
import jax.numpy as jnp
import numpy as np

import cevns_jax as cj
from cevns_jax.detectors import energy_response, gaussian_resolution, lindhard
from cevns_jax.experiments import ArrivalTimes, own_experiment
from cevns_jax.form_factors import Helm
from cevns_jax.nuclei import target
from cevns_jax.sources import spallation_source

MODEL = cj.interactions.standard_model(axial=False)
SNS = spallation_source(neutrinos_per_proton=0.08, protons_on_target=1.5e23, distance_m=19.2)
GE = target("Ge", form_factor=Helm())
K = 0.157
EDGES = np.array([0.5, 1.5, 2.5, 3.5, 5.0, 8.0, 14.0])
AXES = {"s1_pe": np.array([0.0, 2.0, 5.0, 20.0]), "s2_pe": np.array([50.0, 200.0, 900.0])}


def own(**changed):
    """10 kg of germanium at the Spallation Neutron Source; a forecast without background."""
    given = {
        "name": "ge",
        "target": GE,
        "source": SNS,
        "mass_kg": 10.0,
        "response": ge_response(),
        "backgrounds": {},
        "nuisances": (),
        "observed": None,
    }
    return own_experiment(**(given | changed))


def ge_response(**changed):
    given = {
        "axis": "energy_kevee",
        "edges": EDGES,
        "quenching": lindhard(K, 32),
        "resolution": gaussian_resolution(noise_kev=0.2, statistical=0.05),
        "efficiency": 1.0,
    }
    return energy_response(**(given | changed))


components = jax.jit(cj.Likelihood.components)


def expected(experiment, **values):
    """Counts of all components at the start, or with some values changed."""
    like = cj.Likelihood([experiment], MODEL)
    parts = components(like, like.values() | {n: jnp.array(v) for n, v in values.items()})
    return np.asarray(sum(parts[experiment.name].values()))


def two_axes():
    """A tensor whose first quantity is the energy response, its share in the second uneven."""
    recoil = np.linspace(0.0, 90.0, 19)
    first = np.asarray(
        ge_response(edges=AXES["s1_pe"])(jnp.asarray(recoil * 1e-3), {"lindhard_k": K}, {})
    )
    share = recoil[:, None, None] / 100 * np.array([1.0, 0.0]) + np.array([0.05, 0.05])
    return recoil, first[:, :, None] * share, np.sum(share, axis=2) * first


def arrival_times(**changed):
    rows = {"nu_mu": [0.9, 0.05], "nu_mu_bar": [0.3, 0.5], "nu_e": [0.35, 0.4]}
    return ArrivalTimes(edges_us=np.array([0.0, 1.0, 6.0]), fractions=rows | changed)
