"""Data sets, one file each."""

from cevns_jax.experiments.coherent_csi_2017 import coherent_csi_2017
from cevns_jax.experiments.coherent_csi_2021 import coherent_csi_2021
from cevns_jax.experiments.experiment import Experiment, Nuisance

__all__ = ["Experiment", "Nuisance", "coherent_csi_2017", "coherent_csi_2021"]
