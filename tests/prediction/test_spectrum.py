"""Recoil spectra, response matrices, quenching and efficiency of experiments."""

import dataclasses
import subprocess
import sys
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.data.tables import DATA, read_table
from cevns_jax.errors import ConfigError
from cevns_jax.prediction.component import Component
from cevns_jax.prediction.spectrum import scattering
from cevns_jax.recoil import maximum_recoil, recoil_window
from cevns_jax.sources.pion_decay import END_POINT, LINE_ENERGY

SM = cj.interactions.standard_model()
MOVED = {
    "coherent_csi_2021": ("split", {"sns_flux": 0.4, "quenching_0": -1.0, "efficiency": 0.7}),
    "coherent_csi_2017": ("split", {"sns_flux": 0.4, "quenching": 0.5, "neutron_radius": 1.0}),
    "coherent_lar_2020": ("split", {"sns_flux": 0.4, "quenching_b": 0.5, "mass": -1.0}),
    "coherent_lar_2020_energy": ("lumped", {"cevns": -0.3}),
    "dresden_ii": ("flux_5_percent", {"reactor_flux": 1.0}),
}


def private(name, values):
    return {k if k == "sns_flux" else f"{name}_{k}": v for k, v in values.items()}


@pytest.fixture(scope="module", params=MOVED)
def moved(request):
    """Each experiment with nuisances, and values away from the start."""
    nuisances, values = MOVED[request.param]
    experiment = getattr(cj.experiments, request.param)(nuisances=nuisances)
    return experiment, private(request.param, values) | {"n_sigma": 1.1}


def folded(experiment, interaction, values):
    """CEvNS counts out of spectrum and response matrix, by flavour and bin of energy."""
    response = experiment.response_matrix(values)
    counts = 0.0
    for i, recoil in enumerate(response.recoil_kev):
        rate = experiment.recoil_spectrum(recoil, interaction, values).rate[:, i]
        counts = counts + np.asarray(rate * response.weight_kev[i]) @ response.probability[i]
    return counts


def predicted(experiment, interaction, values):
    """CEvNS counts by bin of energy, of all flavours, and what share of each flavour is in time."""
    like = cj.Likelihood(experiment, interaction)
    counts = np.asarray(like.components(values)[experiment.name]["cevns"])
    return counts.reshape(counts.shape[0], -1).sum(axis=1)


def shares(experiment, flavours, values):
    _, part = scattering(experiment, "cevns")
    if part.timing is None:
        return np.ones(len(flavours))
    return np.asarray(part.timing({})).sum(axis=1)


def test_folded_with_the_response_it_is_the_prediction(moved):
    """1e-12 in every bin of energy, with normalisations, quenching, efficiency and radii moved."""
    experiment, values = moved
    by_flavour = folded(experiment, SM, values)
    found = shares(experiment, by_flavour, values) @ by_flavour
    np.testing.assert_allclose(found, predicted(experiment, SM, values), rtol=1e-12, atol=1e-15)


@pytest.mark.slow
def test_so_it_is_with_a_heavy_lepton():
    """1e-9, by quadrature between the ends of its recoils, which the nodes do not know."""
    table = cj.detectors.tabulated_response(
        {"energy_kevee": np.array([0.0, 30.0])}, np.array([0.0, 500.0]), np.full((2, 1), 0.6)
    )
    one = own(table, atoms={"Ge74": 1.0}, recoil_min_kev=0.5)
    model = cj.interactions.with_new_physics(SM, cj.interactions.DipolePortal())
    values = {"mu_dipole": 1e-8, "m4": 20.0}
    mass = jnp.asarray(one.parts["cevns"].kernel.target.mass)
    ends = [
        float(recoil_window(e, mass, jnp.array(20.0), closed=jnp.array(9.0))[place][0]) ** 2 * 1e3
        for e in (LINE_ENERGY, END_POINT)
        for place in (0, 1)
    ]
    massless = [float(maximum_recoil(e, mass)[0]) * 1e3 for e in (LINE_ENERGY, END_POINT)]
    cuts = np.unique(np.clip([0.5, *ends, *massless], 0.5, None))
    total = 0.0
    for low, high in pairwise(cuts):
        x, w = np.polynomial.legendre.leggauss(64)
        recoil = (low + high) / 2 + (high - low) / 2 * x
        rates = [one.recoil_spectrum(recoil, i, v).total for i, v in ((model, values), (SM, {}))]
        total += (high - low) / 2 * float(w @ (rates[0] - rates[1]))
    alone = predicted(one, model, values) - predicted(one, SM, {})
    assert 0.6 * total == pytest.approx(float(alone[0]), rel=1e-9)
    assert total > 1


def test_spectrum_by_flavour_and_isotope_with_units():
    csi = cj.experiments.coherent_csi_2021()
    recoil = np.array([0.0, 1.0, 10.0, 30.0, 100.0])
    found = csi.recoil_spectrum(recoil)
    assert found.flavours == ("nu_mu", "nu_mu_bar", "nu_e")
    assert found.isotopes == ("Cs133", "I127")
    assert found.rate.shape == (3, 2, 5)
    assert found.unit == "events/keV"
    np.testing.assert_allclose(found.total, np.asarray(found.rate).sum(axis=(0, 1)), rtol=1e-14)
    assert (found.rate[:, :, -1] == 0).all()  # above the highest recoil, 46 keV
    assert (found.rate[:, :, 0] > found.rate[:, :, 1]).all()  # it is finite at T = 0, and highest
    assert csi.recoil_spectrum(10.0).rate.shape == (3, 2, 1)
    germanium = cj.experiments.dresden_ii()
    assert germanium.recoil_spectrum(0.5).unit == "events/(keV day)"


def test_spectrum_of_the_line_is_flux_times_nuclei_times_cross_section():
    """dR/dT of nu_mu by the other function of one energy, on both isotopes."""
    csi = cj.experiments.coherent_csi_2021()
    recoil = np.array([2.0, 8.0])
    found = csi.recoil_spectrum(recoil, values={"sin2_theta_w": 0.25})
    kernel = csi.parts["cevns"].kernel
    energy = kernel.source.end_points[0]
    assert energy < END_POINT
    for i, symbol in enumerate(found.isotopes):
        sigma = cj.cross_section(
            symbol,
            energy_mev=energy,
            recoil_kev=recoil,
            flavour="nu_mu",
            proton_radius_fm={symbol: {"Cs133": 4.804, "I127": 4.749}[symbol]},
            neutron_radius_fm={symbol: {"Cs133": 5.01, "I127": 4.94}[symbol]},
            values={"sin2_theta_w": 0.25},
        )
        nuclei = kernel.target.nuclei_per_kg[i] * kernel.mass_kg
        expected = kernel.source.fluence * nuclei * sigma
        np.testing.assert_allclose(found.rate[0, i], expected, rtol=1e-12)


def test_gradients_of_the_spectrum_are_differences():
    csi = cj.experiments.coherent_csi_2021(nuisances="split")
    point = {"sin2_theta_w": 0.23, "coherent_csi_2021_neutron_radius": 0.5, "sns_flux": 0.1}

    def rate(recoil, values):
        return csi.recoil_spectrum(recoil, values=values).total[0]

    by_recoil, by_values = jax.jit(jax.grad(rate, argnums=(0, 1)))(8.0, point)
    step = 1e-4
    around = [float(rate(8.0 + k * step, point)) for k in (-1, 1)]
    assert float(by_recoil) == pytest.approx((around[1] - around[0]) / (2 * step), rel=1e-6)
    for name, slope in by_values.items():
        ends = [float(rate(8.0, {**point, name: point[name] + k * step})) for k in (-1, 1)]
        assert float(slope) == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-6), name
    model = cj.interactions.with_new_physics(SM, cj.interactions.MagneticMoment())
    at_zero = jax.grad(lambda mu: csi.recoil_spectrum(0.0, model, {"mu_nu": mu}).total[0])(1e-11)
    assert np.isfinite(at_zero)


def test_spectrum_becomes_xarray_with_names_and_units():
    found = cj.experiments.coherent_csi_2021().recoil_spectrum(np.array([1.0, 2.0])).to_xarray()
    assert found.dims == ("flavour", "isotope", "recoil_kev")
    assert found.attrs["units"] == "events/keV"
    assert found.attrs["long_name"] == "recoil spectrum before the detector response"
    assert found["recoil_kev"].attrs == {"long_name": "nuclear recoil energy", "units": "keV"}
    assert float(found.sel(flavour="nu_e", isotope="I127", recoil_kev=2.0)) > 0


def test_spectra_do_without_xarray_until_they_become_it():
    code = (
        "import sys, jax; jax.config.update('jax_enable_x64', True)\n"
        "import cevns_jax as cj\n"
        "found = cj.experiments.coherent_csi_2021().recoil_spectrum(1.0)\n"
        "assert 'xarray' not in sys.modules\n"
        "found.to_xarray()\n"
        "assert 'xarray' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------------ quenching and efficiency


def test_quenching_of_caesium_iodide_is_the_released_polynomial():
    """c_1 + c_2 T + c_3 T^2 + c_4 T^3 with T in MeV; 0.0878 in 2017."""
    t = np.array([5.0, 10.0, 40.0])
    csi = cj.experiments.coherent_csi_2021()
    c = (0.0554628, 4.30681, -111.707, 840.384)
    polynomial = sum(c[k] * (t * 1e-3) ** k for k in range(4))
    np.testing.assert_allclose(csi.quenching(t), polynomial, rtol=1e-12)
    first = cj.experiments.coherent_csi_2017(nuisances="split")
    np.testing.assert_allclose(first.quenching(t), 0.0878, rtol=1e-12)
    up = first.quenching(t, {"coherent_csi_2017_quenching": 1.0})
    np.testing.assert_allclose(up, 0.0878 + 0.0166, rtol=1e-12)


def test_quenching_of_argon_and_germanium_with_their_parameters():
    lar = cj.experiments.coherent_lar_2020(nuisances="split")
    t = np.array([10.0, 50.0])
    nominal = lar.quenching(t)
    np.testing.assert_allclose(nominal, 0.246 + 7.8e-4 * t, rtol=1e-12)
    up = lar.quenching(t, {"coherent_lar_2020_quenching_a": 1.0})
    np.testing.assert_allclose(up - nominal, 0.006, rtol=1e-9)
    lindhard = cj.experiments.dresden_ii(quenching="lindhard")

    def theory(k, recoil):
        e = 11.5 * 32 ** (-7 / 3) * recoil
        g = 3 * e**0.15 + 0.7 * e**0.6 + e
        return k * g / (1 + k * g)

    found = lindhard.quenching(np.array([0.5, 2.0]), {"dresden_ii_k": 0.2})
    np.testing.assert_allclose(found, theory(0.2, np.array([0.5, 2.0])), rtol=1e-12)
    slope = jax.grad(lambda k: lindhard.quenching(1.0, {"dresden_ii_k": k})[0])(0.2)
    assert float(slope) == pytest.approx((theory(0.2001, 1) - theory(0.1999, 1)) / 2e-4, rel=1e-6)
    iron = cj.experiments.dresden_ii()
    rows = read_table(
        DATA / "dresden_ii" / "quenching.csv", ("recoil_kev", "iron_filter", "photo_neutron")
    )
    above = rows["recoil_kev"] > 0
    found = iron.quenching(rows["recoil_kev"][above])
    np.testing.assert_allclose(found, rows["iron_filter"][above], rtol=1e-12)


def test_efficiency_of_caesium_iodide_is_the_released_curve_and_moves():
    csi = cj.experiments.coherent_csi_2021(nuisances="split")
    x = np.array([2.0, 12.0, 30.0])
    curve = np.maximum(1.32045 / (1 + np.exp(-0.285979 * (x - 10.8646))) - 0.333322, 0)
    np.testing.assert_allclose(csi.efficiency(x), curve, rtol=1e-12)
    up, down = (csi.efficiency(x, values={"coherent_csi_2021_efficiency": p}) for p in (1.0, -1.0))
    assert up[1] != down[1]
    first = cj.experiments.coherent_csi_2017()
    step = 0.6655 / (1 + np.exp(-0.4942 * (x - 10.8507))) * (x >= 6)
    np.testing.assert_allclose(first.efficiency(x), step, rtol=1e-12)


def test_efficiency_of_argon_is_its_table_and_that_of_germanium_one():
    lar = cj.experiments.coherent_lar_2020()
    table = read_table(
        DATA / "coherent_lar_2020" / "efficiency.csv", ("energy_kevee", "efficiency")
    )
    inside = (table["energy_kevee"] > 0) & (table["energy_kevee"] < 120)
    found = lar.efficiency(table["energy_kevee"][inside])
    np.testing.assert_allclose(found, table["efficiency"][inside], rtol=1e-10)
    assert (np.asarray(lar.efficiency(np.array([-1.0, 121.0]))) == 0).all()
    germanium = cj.experiments.dresden_ii()
    np.testing.assert_allclose(germanium.efficiency(np.array([0.2, 1.0, 1.5])), 1.0, rtol=1e-12)


def own(response, atoms="Ge", **options):
    source = cj.sources.spallation_source(
        neutrinos_per_proton=0.08, protons_on_target=1e23, distance_m=20.0
    )
    return cj.experiments.own_experiment(
        name="own",
        target=cj.nuclei.target(atoms, form_factor=cj.form_factors.Helm()),
        mass_kg=10.0,
        source=source,
        response=response,
        nuisances=[],
        backgrounds={},
        observed=None,
        **options,
    )


def test_an_efficiency_against_recoils_is_a_factor():
    table = cj.detectors.linear_table("efficiency", np.array([0.0, 500.0]), np.array([0.0, 1.0]))
    experiment = own(
        cj.detectors.energy_response(
            axis="energy_kevee",
            edges=np.linspace(1.0, 10.0, 10),
            efficiency=0.8,
            quenching=cj.detectors.lindhard(0.157, protons=32),
            resolution=cj.detectors.gaussian_resolution(noise_kev=0.3),
            recoil_efficiency=table,
        )
    )
    assert float(experiment.efficiency(5.0)) == pytest.approx(0.8)
    assert float(experiment.efficiency(5.0, recoil_kev=50.0)) == pytest.approx(0.08)


def test_an_experiment_says_what_it_has_not():
    table = cj.detectors.tabulated_response(
        {"energy_kevee": np.linspace(0.0, 30.0, 4)},
        np.linspace(0.0, 500.0, 3),
        np.full((3, 3), 0.2),
    )
    experiment = own(table)
    assert experiment.response_matrix().probability.shape[-1] == 3
    for call in (experiment.quenching, experiment.efficiency):
        with pytest.raises(ConfigError, match=r"own: .* is no separate part of its response"):
            call(5.0)
    ready = experiment.precomputed(SM, cj.Likelihood(experiment).values())
    with pytest.raises(ConfigError, match=r"Precomputed.*as it was built"):
        ready.recoil_spectrum(5.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: e.recoil_spectrum(-1.0), "recoil_spectrum: recoil_kev must be finite and not"),
        (lambda e: e.recoil_spectrum([[1.0]]), "must have one dimension"),
        (lambda e: e.recoil_spectrum("ten"), "must be numbers"),
        (
            lambda e: e.recoil_spectrum(1.0, values={"sin2_theta": 0.2}),
            'did you mean "sin2_theta_w"',
        ),
        (lambda e: e.quenching(0.0), "quenching: recoil_kev must be finite and positive"),
        (lambda e: e.quenching(1.0, {"n_sigmas": 1.0}), 'did you mean "n_sigma"'),
        (lambda e: e.efficiency(1.0, values={"n_sigmas": 1.0}), 'did you mean "n_sigma"'),
        (lambda e: e.response_matrix({"n_sigmas": 1.0}), 'did you mean "n_sigma"'),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(ConfigError, match=words):
        call(cj.experiments.coherent_csi_2021())


def test_numbers_of_a_detector_are_no_part_of_the_structure():
    """Another efficiency or other edges: nothing compiles again."""

    def structure(efficiency, last):
        response = cj.detectors.energy_response(
            axis="energy_kevee",
            edges=np.linspace(1.0, last, 10),
            efficiency=efficiency,
            quenching=cj.detectors.PolynomialQuenching(coefficients=(0.2,)),
            resolution=cj.detectors.gaussian_resolution(noise_kev=0.3),
        )
        return jax.tree.structure(own(response).detector)

    assert structure(0.8, 10.0) == structure(0.9, 12.0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Halved:
    """A component of one's own that wraps another one: half of its counts."""

    inner: Component

    costly = True
    scatters = True
    nominal_counts = None

    effects = property(lambda self: self.inner.effects)
    parameters = property(lambda self: self.inner.parameters)
    stages = property(lambda self: self.inner.stages)
    recoils = property(lambda self: self.inner.recoils)

    def __call__(self, interaction, values, effects):
        return self.inner(interaction, values, effects) / 2

    def precomputed(self, interaction, values, effects, moving):
        inner = self.inner.precomputed(interaction, values, effects, moving)
        return dataclasses.replace(self, inner=inner)


def test_a_component_says_itself_which_recoils_are_in_it():
    """Whatever its class and its attributes are called."""
    csi = cj.experiments.coherent_csi_2021()
    parts = OrderedDict(csi.parts) | {"cevns": Halved(csi.parts["cevns"])}
    wrapped = dataclasses.replace(csi, parts=parts)
    at = np.array([5.0, 20.0])
    np.testing.assert_array_equal(wrapped.recoil_spectrum(at).total, csi.recoil_spectrum(at).total)
    assert csi.parts["brn"].recoils is None
