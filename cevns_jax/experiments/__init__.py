"""Data sets, one file each, and the reader's own."""

from cevns_jax.experiments.arrival_times import ArrivalTimes
from cevns_jax.experiments.coherent_csi_2017 import coherent_csi_2017
from cevns_jax.experiments.coherent_csi_2021 import coherent_csi_2021
from cevns_jax.experiments.coherent_lar_2020 import coherent_lar_2020
from cevns_jax.experiments.coherent_lar_2020_energy import coherent_lar_2020_energy
from cevns_jax.experiments.dresden_ii import dresden_ii
from cevns_jax.experiments.exposure import Exposure
from cevns_jax.experiments.own_experiment import own_experiment
from cevns_jax.experiments.targets import argon_target, csi_target, germanium_target
from cevns_jax.prediction.experiment import Experiment
from cevns_jax.prediction.nuisances import Nuisance
from cevns_jax.prediction.templates import morphed_template

__all__ = [
    "ArrivalTimes",
    "Experiment",
    "Exposure",
    "Nuisance",
    "argon_target",
    "coherent_csi_2017",
    "coherent_csi_2021",
    "coherent_lar_2020",
    "coherent_lar_2020_energy",
    "csi_target",
    "dresden_ii",
    "germanium_target",
    "morphed_template",
    "own_experiment",
]
