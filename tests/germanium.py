"""10 kg of germanium at the Spallation Neutron Source, three bins: the detector of small cases.

71.4706, 88.2336 and 68.4921 events of CEvNS at n_sigma = 1.
"""

import numpy as np

import cevns_jax as cj


def germanium(observed, background=None, width=1.0, form="linear"):
    """Counts of three bins on a background with one pull, or without any."""
    response = cj.detectors.energy_response(
        axis="energy_kevee",
        edges=np.array([1.0, 2.0, 4.0, 8.0]),
        efficiency=0.95,
        quenching=cj.detectors.lindhard(0.157, protons=32),
        resolution=cj.detectors.gaussian_resolution(noise_kev=0.1, statistical=0.018),
    )
    source = cj.sources.spallation_source(
        neutrinos_per_proton=0.0848, protons_on_target=1.6e23, distance_m=20.0
    )
    nuisances = []
    if background is not None:
        nuisances = [cj.experiments.Nuisance(name="b", acts_on=("bkg",), width=width, form=form)]
    return cj.experiments.own_experiment(
        name="germanium",
        target=cj.nuclei.target("Ge", form_factor=cj.form_factors.Helm()),
        mass_kg=10.0,
        source=source,
        response=response,
        nuisances=nuisances,
        backgrounds={} if background is None else {"bkg": np.array(background, dtype=float)},
        observed=np.array(observed, dtype=float),
    )
