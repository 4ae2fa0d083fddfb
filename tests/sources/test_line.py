"""Neutrinos of one energy: closed forms of moments, totals and spectra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import fixed_quad

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.form_factors import Helm
from cevns_jax.interactions import DipolePortal, standard_model, with_new_physics
from cevns_jax.nuclei import target
from cevns_jax.recoil import differential_rate, kernel
from cevns_jax.sources import PionDecayAtRest, line_source

BERYLLIUM = 0.8613  # [MeV]
FLUX, SECONDS = 4.5e9, 3.0e7
GERMANIUM = target("Ge", form_factor=Helm())
SM = {"sin2_theta_w": 0.23857}


def beryllium(**changed):
    given = {"energy_mev": BERYLLIUM, "flux_per_cm2_s": FLUX, "live_time_s": SECONDS}
    return line_source(**given | changed)


@pytest.mark.parametrize("xp", [np, jnp])
def test_moments_are_powers_of_the_energy_up_to_the_line(xp):
    source = beryllium(flavour="nu_mu_bar")
    assert source.flavours == ("nu_mu_bar",)
    e_min = xp.asarray([[1e-6, 0.5], [BERYLLIUM, BERYLLIUM + 1e-12]])
    found = np.asarray(source.moments(e_min))
    assert found.shape == (1, 3, 2, 2)
    for k in range(3):
        full = FLUX * SECONDS * BERYLLIUM**-k
        np.testing.assert_allclose(found[0, k], [[full, full], [full, 0.0]], rtol=1e-14)


def test_the_line_of_pion_decay_is_one():
    source = PionDecayAtRest(fluence=3e14)
    alone = line_source(
        energy_mev=source.end_points[0], flux_per_cm2_s=3e12, live_time_s=100.0, flavour="nu_mu"
    )
    e_min = np.linspace(0.1, 60.0, 300)
    np.testing.assert_allclose(alone.moments(e_min)[0], source.moments(e_min)[0], rtol=1e-14)


@pytest.mark.parametrize("lowest", [0.0, 8e-6])
def test_all_recoils_are_the_total_cross_section(lowest):
    """From zero, and above a threshold [MeV], which 7Be passes on the lightest isotopes only."""
    one = kernel(beryllium(), GERMANIUM, mass_kg=2.0, recoil_min=lowest)
    found = one.counts(standard_model(), SM, jnp.ones((*one.recoil.shape, 1)))
    sigma = cj.cross_section(
        GERMANIUM,
        energy_mev=BERYLLIUM,
        interaction=standard_model(),
        flavour="nu_e",
        values=SM,
        recoil_min_kev=lowest * 1e3,
    )
    nuclei = 2.0 * GERMANIUM.nuclei_per_kg.sum()
    assert float(found[0, 0]) == pytest.approx(float(sigma) * nuclei * FLUX * SECONDS, rel=1e-9)


def test_the_spectrum_is_the_differential_cross_section():
    recoil = np.array([1e-7, 1e-6, 1e-5, 2.1e-5, 1.0])
    rate = differential_rate(recoil, beryllium(), GERMANIUM, standard_model(), SM)
    sigma = cj.cross_section(
        GERMANIUM, energy_mev=BERYLLIUM, recoil_kev=recoil * 1e3, interaction=standard_model()
    )
    scale = 1e3 * GERMANIUM.nuclei_per_kg.sum() * FLUX * SECONDS
    np.testing.assert_allclose(rate.sum(axis=(0, 1)), np.asarray(sigma) * scale, rtol=1e-10)


def test_a_heavy_lepton_has_a_window_with_two_ends():
    """Counts and their slope in m4 against quadrature in log T between T- and T+ of each isotope,
    of a line at 30 MeV and m4 = 8 MeV."""
    energy, mass4, moment = 30.0, 8.0, 1e-9
    model = with_new_physics(standard_model(), DipolePortal())
    source = beryllium(energy_mev=energy)
    splits = np.geomspace(1e-5, 0.02, 16)
    one = kernel(source, GERMANIUM, mass_kg=1.0, nodes=24, splits=splits)
    response = jnp.asarray(np.exp(-one.recoil / 0.01))[..., None]

    @jax.jit
    def counts(m4):
        values = SM | {"mu_dipole": moment, "m4": m4}
        return one.counts(model, values, response)[0, 0]

    @jax.jit
    def portal(recoil, m4):
        values = SM | {"mu_dipole": moment, "m4": m4}
        rows = recoil * jnp.ones((len(GERMANIUM.mass), 1))
        return DipolePortal().coefficients(rows, GERMANIUM.at(rows, values, 1.0), "nu_e", values)

    def by_quadrature(m4):
        total = 0.0
        for row, m in enumerate(GERMANIUM.mass):
            s = (2 * m * energy - m4**2) ** 2 - (2 * m * m4) ** 2
            high = 2 * m * energy**2 - m4**2 * (energy + m) + energy * np.sqrt(s)
            high /= 2 * m * (m + 2 * energy)
            low = m4**4 / (4 * m * (m + 2 * energy) * high)

            def rate(u, row=row):
                recoil = np.exp(u)
                a = portal(jnp.asarray(recoil)[None], m4)
                sigma = sum(np.asarray(x)[row] * energy**-k for k, x in enumerate(a))
                return sigma * recoil * np.exp(-recoil / 0.01)

            integral = fixed_quad(rate, np.log(low), np.log(high), n=120)[0]
            total += GERMANIUM.nuclei_per_kg[row] * integral
        return total * (197.3269804e-13) ** 2 * FLUX * SECONDS

    light = one.counts(standard_model(), SM, response)[0, 0]
    assert float(counts(mass4) - light) == pytest.approx(by_quadrature(mass4), rel=1e-7)
    slope = (by_quadrature(mass4 + 0.01) - by_quadrature(mass4 - 0.01)) / 0.02
    assert float(jax.grad(counts)(mass4)) == pytest.approx(slope, rel=1e-4)


def test_the_label_and_the_summary_say_which_line_it_is():
    source = beryllium()
    assert source.label == "line of nu_e at 0.8613 MeV, 1.35e+17 neutrinos per cm^2"
    assert "0.8613" in str(source)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"flavour": "nu_sterile"}, 'no flavour "nu_sterile"'),
        ({"energy_mev": 0.0}, "energy_mev must be positive"),
        ({"energy_mev": np.nan}, "energy_mev must be positive and finite"),
        ({"energy_mev": 1e9}, "energy_mev must lie"),
        ({"flux_per_cm2_s": -1.0}, "flux_per_cm2_s must be positive"),
        ({"flux_per_cm2_s": 1e30}, "flux_per_cm2_s must lie"),
        ({"live_time_s": np.inf}, "live_time_s must be positive and finite"),
    ],
)
def test_what_is_no_line_is_refused(changed, text):
    with pytest.raises(ConfigError, match=f"source: .*{text}"):
        beryllium(**changed)
