"""A data set of the library, described anew as an own experiment: same counts, same fit."""

import jax.numpy as jnp
import numpy as np
import pytest
from own_germanium import SNS, expected

import cevns_jax as cj
from cevns_jax.detectors import tabulated_response
from cevns_jax.experiments import ArrivalTimes, own_experiment
from cevns_jax.sources import spallation_source


@pytest.fixture(scope="module")
def library():
    return cj.experiments.coherent_csi_2017()


@pytest.fixture(scope="module")
def copy(library):
    """CsI 2017 as an own experiment: detected fractions of 800 mono-energetic recoils.

    Those of the experiment with its nuisances taken apart, whose response knows any recoil.
    """
    signal = cj.experiments.coherent_csi_2017(nuisances="split").parts["cevns"]
    recoil = np.linspace(0.0, 0.048, 801)
    # The library's spline through the response undershoots zero by 1e-8.
    matrix = np.maximum(signal.response(jnp.asarray(recoil), {}, {}), 0.0)
    energy, time = library.edges
    fractions = np.asarray(library.parts["cevns"].timing({}))
    return own_experiment(
        name="coherent_csi_2017",
        target=library.parts["cevns"].kernel.target,
        source=spallation_source(
            neutrinos_per_proton=0.08, protons_on_target=1.76e23, distance_m=19.3
        ),
        mass_kg=14.6,
        response=tabulated_response({"photoelectrons": energy}, recoil * 1e3, matrix),
        arrival_times=ArrivalTimes(
            edges_us=time, fractions=dict(zip(SNS.flavours, fractions, strict=True))
        ),
        backgrounds={name: part for name, part in library.parts.items() if name != "cevns"},
        nuisances=library.nuisances,
        observed=library.observed,
    )


def test_a_library_experiment_described_anew_expects_the_same(library, copy):
    """1e-5 of the fullest bin: the table is linear between rows 0.06 keV apart."""
    assert copy.axes == library.axes
    ours, theirs = expected(copy), expected(library)
    assert (abs(ours - theirs) <= 1e-5 * theirs.max()).all()


def test_a_library_experiment_described_anew_fits_the_same(library, copy):
    best, theirs = (
        cj.fit(cj.Likelihood([e], cj.interactions.standard_model(), free=["sin2_theta_w"]))
        for e in (copy, library)
    )
    assert best.converged
    assert best.names == theirs.names
    np.testing.assert_allclose(best.x, theirs.x, atol=1e-4 * theirs.errors.max())
    assert best.chi2 == pytest.approx(theirs.chi2, abs=1e-3)
    i = best.names.index("sin2_theta_w")
    assert best.x[i] == pytest.approx(theirs.x[i], abs=1e-4 * theirs.errors[i])
    assert best.error_high[i] == pytest.approx(theirs.error_high[i], rel=1e-4)
