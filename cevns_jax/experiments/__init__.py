"""Data sets, one file each, and the reader's own."""

from cevns_jax.experiments.coherent_csi_2017 import coherent_csi_2017
from cevns_jax.experiments.coherent_csi_2021 import coherent_csi_2021
from cevns_jax.experiments.coherent_lar_2020 import coherent_lar_2020
from cevns_jax.experiments.coherent_lar_2020_energy import coherent_lar_2020_energy
from cevns_jax.experiments.dresden_ii import dresden_ii
from cevns_jax.experiments.own_experiment import ArrivalTimes, own_experiment
from cevns_jax.prediction.experiment import Experiment
from cevns_jax.prediction.nuisances import Nuisance

__all__ = [
    "ArrivalTimes",
    "Experiment",
    "Nuisance",
    "coherent_csi_2017",
    "coherent_csi_2021",
    "coherent_lar_2020",
    "coherent_lar_2020_energy",
    "dresden_ii",
    "own_experiment",
]
