"""The minimiser at bounds, far from the data, and where chi^2 is infinite."""

import jax.numpy as jnp
import numpy as np
import pytest
from germanium import germanium

import cevns_jax as cj
from cevns_jax.inference.batches import minimum_of
from cevns_jax.inference.scan import scan
from cevns_jax.interactions import light_vector, standard_model, with_new_physics


def like(*detector, **options):
    return cj.Likelihood([germanium(*detector, **options)], standard_model(), free=["n_sigma"])


@pytest.mark.parametrize(
    ("observed", "width", "n_sigma", "pull", "chi2"),
    [
        ([0, 1, 0], 1.0, 0.0044, -1.0, 2.900),
        ([40, 1, 0], 2.0, 0.1797, -0.5, 85.62),
    ],
)
def test_a_linear_pull_ends_where_nothing_of_its_background_is_left(
    observed, width, n_sigma, pull, chi2
):
    """Without that end a fit finds a negative background."""
    best = cj.fit(like(observed, [15, 30, 60], width))
    assert best.converged
    assert best.values["n_sigma"] == pytest.approx(n_sigma, abs=1e-4)
    assert best.values["germanium_b"] == pytest.approx(pull, abs=1e-6)
    assert best.chi2 == pytest.approx(chi2, abs=5e-3)


def test_which_pulls_have_an_end():
    """Linear ones of a normalisation; not those of an effect, nor other forms."""
    argon = cj.experiments.coherent_lar_2020(nuisances="split")
    declared = {p.name: p for p in argon.parameters}
    assert declared["coherent_lar_2020_delayed_brn"].lower == -1.0
    assert declared["coherent_lar_2020_brn"].lower == pytest.approx(-1 / 0.32)
    assert declared["sns_flux"].lower == pytest.approx(-10.0)
    assert declared["coherent_lar_2020_timing"].lower == -np.inf
    assert declared["coherent_lar_2020_brn_energy"].lower == -np.inf
    (pull,) = [p for p in germanium([1, 2, 3], [1, 1, 1], form="exponential").parameters[-1:]]
    assert pull.lower == -np.inf


@pytest.mark.parametrize("start", [0.0, 1e-12, 1.0, 1e4])
def test_a_start_where_chi2_is_infinite_is_left(start):
    """No signal and no background, but counts: chi^2 is infinite at n_sigma = 0."""
    found = minimum_of(like([3, 1, 0]), jnp.array([start]))
    assert bool(found.converged)
    assert float(found.chi2) == pytest.approx(4.3673, abs=1e-4)
    assert float(found.x[0]) == pytest.approx(4 / (71.4706 + 88.2336 + 68.4921), rel=1e-5)


def test_where_no_parameter_helps_chi2_stays_infinite_and_the_point_is_no_failure():
    detector = germanium([3, 1, 0], [0.0, 0.0, 1.0], 0.1)
    held = cj.Likelihood([detector], standard_model()).hold(n_sigma=0.0)
    found = minimum_of(held, jnp.zeros(1))
    assert np.isinf(found.chi2)
    assert bool(found.converged)
    assert not cj.fit(held).converged
    assert cj.fit(held).message.startswith("excluded: chi^2 is infinite")


def test_a_vector_far_too_strong_ends_with_no_flux_at_all():
    """Rates of 1e12 times the measured ones: the flux pull sits at its end to the last bit."""
    csi = cj.experiments.coherent_csi_2021(nuisances="normalisations")
    mediator = with_new_physics(standard_model(), light_vector())
    strong = cj.Likelihood([csi], mediator).hold(m_vector=1.0)
    found = scan(strong, {"g_vector": np.geomspace(0.02, 0.1, 12)})
    assert found.converged.all()
    assert np.ptp(found.chi2) < 1e-3
    flux = found.x[:, found.names.index("sns_flux")]
    assert flux == pytest.approx(-10.0, abs=1e-9)
