"""Own experiments against double integrals written here from the formulae, and against a library
data set described anew; their nuisances, forecasts and result files, and what is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import fixed_quad, quad_vec
from scipy.optimize import brentq
from scipy.special import ndtr

import cevns_jax as cj
from cevns_jax.detectors import (
    GaussianResolution,
    PerfectResolution,
    PoissonResolution,
    PolynomialQuenching,
    TabulatedQuenching,
    energy_response,
    gaussian_resolution,
    lindhard,
    linear_table,
    tabulated_response,
)
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import ArrivalTimes, Nuisance, own_experiment
from cevns_jax.form_factors import Helm
from cevns_jax.nuclei import NUCLIDES, target
from cevns_jax.prediction.templates import morphed_template
from cevns_jax.sources import spallation_source, tabulated_source

HBAR_C = 197.3269804  # [MeV fm]
FERMI = 1.1663787e-11  # [MeV^-2]
MUON, PION = 105.6583755, 139.57039  # [MeV]
END, LINE = MUON / 2, (PION**2 - MUON**2) / (2 * PION)
ANGLE = 0.23857
MODEL = cj.interactions.standard_model(axial=False)

GERMANIUM = ("Ge70", "Ge72", "Ge73", "Ge74", "Ge76")
SILICON = ("Si28", "Si29", "Si30")
SNS = spallation_source(neutrinos_per_proton=0.08, protons_on_target=1.5e23, distance_m=19.2)
GE = target("Ge", form_factor=Helm())
K = 0.157
EDGES = np.array([0.5, 1.5, 2.5, 3.5, 5.0, 8.0, 14.0])

# A table of the size of a reactor's flux, 1/(cm^2 s MeV); linear between rows.
REACTOR_ENERGY = np.array([0.3, 1.0, 1.8, 2.5, 3.2, 4.0, 5.0, 6.0, 7.0, 8.0, 9.5])
REACTOR_FLUX = 1e12 * np.array([4.0, 2.6, 1.9, 1.35, 0.9, 0.5, 0.22, 0.09, 0.03, 0.008, 0.0])
DAYS = 86400.0 * 180
REACTOR = tabulated_source(REACTOR_ENERGY, {"nu_e_bar": REACTOR_FLUX}, live_time_s=DAYS)
FACTOR = linear_table("quenching", [0.0, 0.4, 1.1, 3.0, 9.0], [0.08, 0.13, 0.19, 0.22, 0.25])
LOW_EDGES = np.array([0.03, 0.06, 0.1, 0.2, 0.4, 0.7])
LOW_EFFICIENCY = linear_table(
    "efficiency", [0.0, 0.05, 0.08, 0.25, 1.0], [0.0, 0.1, 0.8, 0.95, 0.9]
)


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


def low_response(**changed):
    """Of a small crystal at a reactor, quenching and efficiency from tables."""
    given = {
        "edges": LOW_EDGES,
        "quenching": TabulatedQuenching(FACTOR),
        "resolution": gaussian_resolution(noise_kev=0.02),
        "efficiency": LOW_EFFICIENCY,
    }
    return ge_response(**(given | changed))


components = jax.jit(cj.Likelihood.components)


def expected(experiment, **values):
    """Counts of all components at the start, or with some values changed."""
    like = cj.Likelihood([experiment], MODEL)
    parts = components(like, like.values() | {n: jnp.array(v) for n, v in values.items()})
    return np.asarray(sum(parts[experiment.name].values()))


def element(symbols):
    """Masses [MeV] and nuclei per kg times (hbar c)^2 (G_F^2 M/pi) Q^2 of natural isotopes.

    Q = ((1/2 - 2 s^2) Z - N/2) F(q), Helm with s = 0.9 fm at the charge radius.
    """
    rows = [NUCLIDES[symbol] for symbol in symbols]
    mass, share, atomic, radius, neutrons = (
        np.array([getattr(row, name) for row in rows])
        for name in ("mass", "abundance", "atomic_mass_u", "charge_radius", "neutrons")
    )
    per_kg = 6.02214076e26 * share / (share @ atomic)
    charge = (0.5 - 2 * ANGLE) * rows[0].protons - neutrons / 2

    def strength(recoil):
        q = np.sqrt(2 * mass * recoil) / HBAR_C
        x = q * np.sqrt(5 / 3 * radius**2 - 5 * 0.9**2)
        helm = 3 * (np.sin(x) - x * np.cos(x)) / x**3 * np.exp(-((q * 0.9) ** 2) / 2)
        return per_kg * (HBAR_C * 1e-13) ** 2 * FERMI**2 * mass / np.pi * (charge * helm) ** 2

    return mass, strength


def shape(mass, recoil, energy):
    """1 - T/E - M T/(2 E^2), zero where the recoil is too high for the energy."""
    return np.maximum(1 - recoil / energy - mass * recoil / (2 * energy**2), 0.0)


def highest(energy, mass):
    return 2 * energy**2 / (mass + 2 * energy)


def lowest_energy(mass, recoil):
    return (recoil + np.sqrt(recoil**2 + 2 * mass * recoil)) / 2


def spallation_spectrum(mass, recoil):
    """Integral of the three spectra times ``shape`` over the energy, for unit fluence."""
    lowest = np.minimum(lowest_energy(mass, recoil), END)[:, None]

    def michel(share):
        energy = lowest + share * (END - lowest)
        x = energy / MUON
        both = 64 / MUON * x**2 * (0.75 - x) + 192 / MUON * x**2 * (0.5 - x)
        return both * shape(mass[:, None], recoil, energy) * (END - lowest)

    return fixed_quad(michel, 0, 1, n=20)[0] + shape(mass, recoil, LINE)


def reactor_spectrum(mass, recoil):
    """The same for the table, in each of its segments."""
    ends = np.maximum(REACTOR_ENERGY, lowest_energy(mass, recoil)[:, None])[..., None]
    low, width = ends[:, :-1], np.diff(ends, axis=1)

    def integrand(share):
        energy = low + share * width
        flux = np.interp(energy, REACTOR_ENERGY, REACTOR_FLUX)
        return flux * shape(mass[:, None, None], recoil, energy) * width

    return fixed_quad(integrand, 0, 1, n=12)[0].sum(axis=1)


def double_integral(symbols, spectrum, ends, probability, bends, lowest=0.0):
    """Counts per kg and bin by adaptive quadrature over sqrt(T), fixed quadrature over E inside.

    Args:
        symbols: Isotopes.
        spectrum: (masses, recoil) -> integral over the neutrino energy.
        ends: Neutrino energies at which the spectrum bends [MeV].
        probability: Recoil [MeV] -> probability of each bin.
        bends: Recoils where that bends or jumps [MeV].
        lowest: Lowest recoil seen [MeV].
    """
    mass, strength = element(symbols)
    kinks = np.concatenate([highest(np.array(ends)[:, None], mass).ravel(), bends])
    top = highest(max(ends), mass).max()

    def integrand(root):
        recoil = root**2
        return 2 * root * (strength(recoil) @ spectrum(mass, recoil)) * probability(recoil)

    low, high = np.sqrt([lowest, top])
    return quad_vec(
        integrand, low, high, points=np.sqrt(kinks[kinks > lowest]), epsrel=1e-9, limit=3000
    )[0]


def lindhard_energy(recoil):
    """E_ee [keV] of T [MeV] in germanium."""
    e = 11.5 * 32 ** (-7 / 3) * 1e3 * recoil
    g = 3 * e**0.15 + 0.7 * e**0.6 + e
    return 1e3 * recoil * K * g / (1 + K * g)


def recoils_of(energies, quenched, top):
    """T [MeV] at which the quenched energy takes each value [keV] below that of the top."""
    seen = [e for e in energies if 0 < e < quenched(top)]
    return np.array([brentq(lambda t, e=e: quenched(t) - e, 1e-12, top, xtol=1e-17) for e in seen])


def counts_at_the_sns(sigma, quenched=lindhard_energy, near=()):
    """Counts of the 10 kg of germanium, x normal around E_ee with sigma(E_ee).

    Args:
        sigma: E_ee [keV] -> width [keV]; ``None``: perfect.
        quenched: T [MeV] -> E_ee [keV].
        near: More energies [keV] to split at.
    """

    def probability(recoil):
        energy = quenched(recoil)
        above = energy >= EDGES if sigma is None else ndtr((energy - EDGES) / sigma(energy))
        return -np.diff(above.astype(float))

    top = highest(END, min(NUCLIDES[symbol].mass for symbol in GERMANIUM))
    bends = recoils_of([*EDGES, *near], quenched, top)
    integral = double_integral(GERMANIUM, spallation_spectrum, [LINE, END], probability, bends)
    return 10 * SNS.fluence * integral


def test_germanium_at_the_sns_is_the_double_integral():
    """Michel spectra and line, Helm, SM cross section, Lindhard, sigma^2 = 0.2^2 + 0.05^2 E."""
    reference = counts_at_the_sns(lambda energy: np.sqrt(0.2**2 + 0.05**2 * energy))
    np.testing.assert_allclose(expected(own()), reference, rtol=1e-8)


@pytest.mark.parametrize("pull", [-4.0, 3.0])
def test_a_quenching_that_moves_far_is_the_double_integral(pull):
    """E_ee lower by 40 % or higher by 30 %: recoils that lie far above or below the bins come to
    their edges."""
    nuisance = Nuisance(name="quenching", acts_on=("quenching",), width=0.1)
    reference = counts_at_the_sns(
        lambda energy: np.sqrt(0.2**2 + 0.05**2 * energy),
        lambda recoil: (1 + 0.1 * pull) * lindhard_energy(recoil),
    )
    moved = expected(own(nuisances=[nuisance]), ge_quenching=pull)
    np.testing.assert_allclose(moved, reference, rtol=1e-6)


def test_germanium_with_perfect_resolution_is_the_double_integral():
    found = expected(own(response=ge_response(resolution=PerfectResolution())))
    np.testing.assert_allclose(found, counts_at_the_sns(None), rtol=1e-11)


@pytest.mark.parametrize(
    ("symbols", "name", "lowest"), [(SILICON, "Si", 0.25), (GERMANIUM, "Ge", 0.0)]
)
def test_a_tabulated_flux_on_a_crystal_is_the_double_integral(symbols, name, lowest):
    """Quenching and efficiency tables, a lowest recoil: folded by Gauss-Legendre in each piece."""
    sigma = 0.02
    cuts = np.union1d(LOW_EDGES, LOW_EFFICIENCY.x[1:-1])

    def quenched(recoil):
        return 1e3 * recoil * np.interp(1e3 * recoil, FACTOR.x, FACTOR.y)

    def probability(recoil):
        """a + b x against the normal distribution in each piece of the efficiency table."""
        energy = quenched(recoil)
        z = (cuts - energy) / sigma
        inside, density = np.diff(ndtr(z)), np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        at_cuts = np.interp(cuts, LOW_EFFICIENCY.x, LOW_EFFICIENCY.y)
        slope = np.diff(at_cuts) / np.diff(cuts)
        kept = (at_cuts[:-1] + slope * (energy - cuts[:-1])) * inside
        kept = kept - slope * sigma * np.diff(density)
        return np.add.reduceat(kept, np.searchsorted(cuts, LOW_EDGES[:-1]))

    top = highest(9.5, element(symbols)[0]).max()
    bends = np.append(recoils_of(cuts, quenched, top), 1e-3 * FACTOR.x[1:-1])
    bends = bends[bends < top]
    reference = double_integral(
        symbols, reactor_spectrum, REACTOR_ENERGY, probability, bends, lowest * 1e-3
    )
    experiment = own(
        target=target(name, form_factor=Helm()),
        source=REACTOR,
        mass_kg=0.7,
        response=low_response(),
        recoil_min_kev=lowest,
    )
    found = expected(experiment)
    counts = 0.7 * DAYS * reference
    assert (abs(found - counts) <= 1e-8 * counts.max()).all()
    assert experiment.conventions["lowest recoil"] == f"{lowest:g} keV"


@pytest.mark.parametrize("sigma", [1e-5, 0.02])
def test_a_sharp_resolution_that_nothing_moves_is_integrated(sigma):
    """1e-7 of the fullest bin, where no recoil node, or many, lie in the rise of the response."""
    near = (EDGES[:, None] + sigma * np.array([-8.0, -3.0, 3.0, 8.0])).ravel()
    reference = counts_at_the_sns(lambda energy: sigma, lambda recoil: 200 * recoil, near)
    response = ge_response(
        quenching=PolynomialQuenching(coefficients=(0.2,)),
        resolution=gaussian_resolution(noise_kev=sigma),
    )
    found = expected(own(response=response))
    np.testing.assert_allclose(found, reference, atol=1e-7 * reference.max(), rtol=0)


@pytest.mark.parametrize("sigma", [1e-4, 0.02])
def test_a_sharp_resolution_is_resolved_or_refused(sigma):
    """1e-5 of the fullest bin where a quenching nuisance has moved the edges between the nodes.

    At the start 1e-7. An experiment whose recoil nodes cannot follow may say so instead.
    """
    nuisance = Nuisance(name="quenching", acts_on=("quenching",), width=0.1)
    response = ge_response(resolution=gaussian_resolution(noise_kev=sigma))
    try:
        sharp = own(response=response, nuisances=[nuisance])
    except ConfigError as error:
        assert "too sharp" in str(error)  # noqa: PT017
        return
    near = (EDGES[:, None] + sigma * np.array([-8.0, -3.0, 3.0, 8.0])).ravel()
    for pull, accuracy in ((0.0, 1e-7), (-1.0, 1e-5)):
        scale = 1 + 0.1 * pull
        reference = counts_at_the_sns(
            lambda energy: sigma, lambda recoil, by=scale: by * lindhard_energy(recoil), near
        )
        found = expected(sharp, ge_quenching=pull)
        np.testing.assert_allclose(found, reference, atol=accuracy * reference.max(), rtol=0)


def test_a_width_with_kinks_is_integrated():
    """sigma(E) from a table bends at its rows, wherever the bins end."""
    rows, widths = [0.0, 1.0, 2.0, 4.0, 40.0], [0.1, 0.2, 0.15, 0.3, 1.2]
    table = GaussianResolution(linear_table("resolution", rows, widths))
    found = expected(own(response=ge_response(resolution=table)))
    reference = counts_at_the_sns(lambda energy: np.interp(energy, rows, widths), near=rows)
    np.testing.assert_allclose(found, reference, rtol=1e-7)


# A data set of the library, described anew


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


# Nuisances


def slope_of_rebuilt(build, step):
    """Derivative at zero of the counts of experiments built for several values."""
    far = [expected(build(i * step)) for i in (-2, -1, 1, 2)]
    return (far[0] - 8 * far[1] + 8 * far[2] - far[3]) / (12 * step)


def slope_in_pull(experiment, name):
    like = cj.Likelihood([experiment], MODEL)
    counts = jax.jit(lambda x: like.expected(like.values() | {name: x}))
    return np.asarray(jax.jacfwd(counts)(jnp.zeros(())))


def test_slope_in_a_quenching_nuisance_is_that_of_rebuilt_experiments():
    """Counts of experiments with scaled quenching tables, which know of no nuisance."""

    def response(scale):
        factor = linear_table(
            "quenching", [0.0, 2.0, 10.0, 100.0], scale * np.array([0.14, 0.19, 0.24, 0.33])
        )
        return ge_response(
            quenching=TabulatedQuenching(factor), resolution=gaussian_resolution(noise_kev=0.2)
        )

    nuisance = Nuisance(name="quenching", acts_on=("quenching",), width=0.1)
    moved = own(response=response(1.0), nuisances=[nuisance])
    reference = slope_of_rebuilt(lambda pull: own(response=response(1 + 0.1 * pull)), 0.05)
    found = slope_in_pull(moved, "ge_quenching")
    assert abs(reference).max() > 1
    np.testing.assert_allclose(found, reference, atol=1e-5 * abs(reference).max(), rtol=0)


def test_slope_in_a_resolution_nuisance_is_that_of_rebuilt_experiments():
    def response(scale):
        return ge_response(
            resolution=gaussian_resolution(noise_kev=0.2 * scale, statistical=0.3 * scale)
        )

    nuisance = Nuisance(name="width", acts_on=("resolution",), width=0.2)
    moved = own(response=response(1.0), nuisances=[nuisance])
    reference = slope_of_rebuilt(lambda pull: own(response=response(1 + 0.2 * pull)), 0.05)
    found = slope_in_pull(moved, "ge_width")
    assert abs(reference).max() > 0.05
    np.testing.assert_allclose(found, reference, atol=1e-5 * abs(reference).max(), rtol=0)


def test_nuisances_on_one_effect_add_up_and_others_multiply():
    nuisances = [
        Nuisance(name="calibration", acts_on=("quenching",), width=0.03),
        Nuisance(name="model", acts_on=("quenching",), width=0.06),
        Nuisance(name="flux", acts_on=("cevns",), width=0.1, shared=True),
    ]
    both = own(nuisances=nuisances)
    one = own(nuisances=[Nuisance(name="sum", acts_on=("quenching",), width=0.1)])
    found = expected(both, ge_calibration=2.0, ge_model=0.5, flux=-1.5)
    np.testing.assert_allclose(found, 0.85 * expected(one, ge_sum=0.9), rtol=1e-12)


def test_the_neutron_radius_nuisance_is_another_target():
    nuisance = Nuisance(name="radius", acts_on=("neutron_radius",), width=0.05)
    radii = {symbol: 1.05 * NUCLIDES[symbol].charge_radius for symbol in GERMANIUM}
    larger = target("Ge", form_factor=Helm(), neutron_radius_fm=radii)
    found = expected(own(nuisances=[nuisance]), ge_radius=1.0)
    np.testing.assert_allclose(found, expected(own(target=larger)), rtol=1e-7)
    assert (found < expected(own())).all()


# Several quantities


AXES = {"s1_pe": np.array([0.0, 2.0, 5.0, 20.0]), "s2_pe": np.array([50.0, 200.0, 900.0])}


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


def test_a_tensor_of_two_quantities_and_times_marginalises_to_one():
    recoil, tensor, summed = two_axes()
    full = own(
        response=tabulated_response(AXES, recoil, tensor),
        arrival_times=arrival_times(),
        backgrounds={"flat": np.ones((3, 2, 2))},
    )
    assert full.axes == ("s1_pe", "s2_pe", "time_us")
    assert full.observed.shape == (3, 2, 2)
    for edges, given in zip(full.edges, (*AXES.values(), [0.0, 1.0, 6.0]), strict=True):
        np.testing.assert_array_equal(edges, given)
    counts = expected(full) - 1
    assert counts.shape == (3, 2, 2)

    one_axis = tabulated_response({"s1_pe": AXES["s1_pe"]}, recoil, summed)
    timed = own(response=one_axis, arrival_times=arrival_times())
    np.testing.assert_allclose(counts.sum(axis=1), expected(timed), rtol=1e-7)
    everything = {flavour: [0.25, 0.75] for flavour in SNS.flavours}
    whole = own(response=one_axis, arrival_times=arrival_times(**everything))
    untimed = own(response=one_axis)
    np.testing.assert_allclose(expected(whole).sum(axis=1), expected(untimed), rtol=1e-12)


def test_each_flavour_arrives_at_its_own_times():
    """One flavour in the first time bin, the others in the second."""
    rows = {"nu_mu": [1.0, 0.0], "nu_mu_bar": [0.0, 1.0], "nu_e": [0.0, 1.0]}
    timed = own(arrival_times=ArrivalTimes(edges_us=np.array([0.0, 1.0, 6.0]), fractions=rows))
    parts = expected(timed)

    def probability(recoil):
        energy = lindhard_energy(recoil)
        return np.diff(ndtr((EDGES - energy) / np.sqrt(0.2**2 + 0.05**2 * energy)))

    def spectrum(mass, recoil):
        return shape(mass, recoil, LINE)

    bends = recoils_of(EDGES, lindhard_energy, highest(LINE, 65000.0))
    line = double_integral(GERMANIUM, spectrum, [LINE], probability, bends)
    np.testing.assert_allclose(parts[:, 0], 10 * SNS.fluence * line, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(parts.sum(axis=1), expected(own()), rtol=1e-12)


# Forecasts and results


@pytest.fixture(scope="module")
def forecast():
    return own(
        backgrounds={"flat": np.full(6, 9.0)},
        nuisances=[
            Nuisance(name="flux", acts_on=("cevns",), width=0.1, shared=True),
            Nuisance(name="flat", acts_on=("flat",), width=0.1),
        ],
    )


@pytest.fixture(scope="module")
def gaussian():
    return own(
        backgrounds={"residual": np.array([-1.0, 2.0, 0.5, -3.0, 0.0, 1.0])},
        nuisances=[Nuisance(name="flux", acts_on=("cevns",), width=0.1, shared=True)],
        errors=np.array([9.0, 7.0, 6.0, 5.0, 4.0, 3.0]),
    )


def test_a_forecast_has_no_data_and_says_what_to_do(forecast):
    like = cj.Likelihood([forecast], MODEL, free=["n_sigma"])
    assert np.isnan(forecast.observed).all()
    with pytest.raises(ConfigError, match=r"ge: has no data.*asimov.*toy"):
        cj.fit(like)


@pytest.fixture(scope="module")
def asimov_fit(forecast):
    """Asimov data of another quenching, with the flux and a background unknown besides."""
    like = cj.Likelihood([forecast], MODEL, free=["lindhard_k"])
    return cj.fit(cj.asimov(like, {"lindhard_k": 0.18}))


def test_a_freed_lindhard_parameter_comes_back(asimov_fit):
    assert asimov_fit.converged
    assert asimov_fit.names == ("lindhard_k", "flux", "ge_flat")
    np.testing.assert_allclose(asimov_fit.x, [0.18, 0.0, 0.0], atol=1e-6)
    assert asimov_fit.chi2 == pytest.approx(0.0, abs=1e-8)


def test_asimov_data_of_a_forecast_are_signal_plus_background(asimov_fit):
    """Those of an experiment that is built with the other quenching."""
    rebuilt = own(response=ge_response(quenching=lindhard(0.18, 32)))
    data = np.asarray(asimov_fit.likelihood.experiments[0].observed)
    np.testing.assert_allclose(data, expected(rebuilt) + 9, rtol=1e-6)


def test_toys_of_forecasts_follow_their_statistic(forecast, gaussian):
    """Whole counts, or numbers with the given errors: 400 toys, five standard deviations."""
    for experiment, errors in (
        (forecast, np.sqrt(expected(forecast))),
        (gaussian, gaussian.statistic.error),
    ):
        like = cj.Likelihood([experiment], MODEL)
        keys = jax.random.split(jax.random.key(5), 400)
        mean = expected(experiment)
        toys = np.stack([experiment.statistic.draw(key, mean) for key in keys])
        assert (abs(toys.mean(axis=0) - mean) < 5 * errors / 20).all()
        assert (abs(toys.std(axis=0) / errors - 1) < 5 / np.sqrt(800)).all()
        one, same, other = (cj.toy(like, seed).experiments[0].observed for seed in (1, 1, 2))
        assert one.shape == (6,)
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()
        assert (one % 1 == 0).all() == (experiment is forecast)
        assert (abs(one - mean) < 6 * errors).all()


def test_results_of_gaussian_bins_hold_their_errors_and_round_trip(gaussian, tmp_path):
    like = cj.Likelihood([gaussian], MODEL, free=["n_sigma"]).hold(flux=0.0)
    best = cj.fit(cj.toy(like, 4))
    result = cj.fit_result(best)
    group = result.groups["ge"]
    assert group["error"][0] == ("energy_kevee",)
    np.testing.assert_array_equal(group["error"][1], [9.0, 7.0, 6.0, 5.0, 4.0, 3.0])
    assert "Gaussian" in result.attributes["conventions"]["ge"]["bins"]
    result.save(tmp_path / "fit.nc")
    again = cj.load(tmp_path / "fit.nc")
    assert again.attributes == result.attributes
    assert set(again.groups["ge"]) == set(group)
    for name, (dimensions, values) in group.items():
        assert again.groups["ge"][name][0] == dimensions
        assert (again.groups["ge"][name][1].astype(str) == values.astype(str)).all()


def test_results_of_poisson_bins_have_no_error(asimov_fit):
    result = cj.fit_result(asimov_fit)
    assert "error" not in result.groups["ge"]
    assert result.attributes["conventions"]["ge"]["bins"] == "Poisson"


def test_an_own_experiment_says_what_it_is(forecast):
    assert forecast.title == "ge"
    assert forecast.exposure.startswith("10 kg Ge, pion decay at rest")
    told = forecast.conventions
    assert told["quenching"] == "Lindhard, k = 0.157"
    assert told["resolution"] == "Gaussian, sigma^2 = 0.2^2 + 0.05^2 E + (0 E)^2"
    assert told["efficiency"] == "1"
    assert told["nuisances"] == "flux 0.1 linear, flat 0.1 linear"
    named = own(title="Ours", citation="arXiv", exposure="a year")
    assert (named.title, named.citation, named.exposure) == ("Ours", "arXiv", "a year")


# What is refused


ONES = np.ones(6)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"name": "my ge"}, 'name must be a Python identifier, not "my ge"'),
        ({"name": ""}, "Python identifier"),
        ({"mass_kg": 0.0}, "ge: mass_kg must be positive .*not 0"),
        ({"mass_kg": np.inf}, "ge: mass_kg must be positive"),
        ({"mass_kg": np.nan}, "ge: mass_kg must be positive"),
        ({"observed": np.ones(5)}, r"ge: observed: has shape \(5,\), the bins have \(6,\)"),
        ({"observed": ONES * np.nan}, "ge: observed: must be finite"),
        ({"observed": -ONES}, "ge: observed must not be negative in Poisson bins"),
        ({"backgrounds": {"flat": np.ones((6, 1))}}, r"ge: flat: has shape \(6, 1\)"),
        ({"backgrounds": {"flat": ONES * np.inf}}, "ge: flat: must be finite"),
        ({"backgrounds": {"flat": -ONES}}, "ge: flat must not be negative in Poisson bins"),
        ({"backgrounds": {"cevns": ONES}}, 'ge: a background cannot be called "cevns"'),
        ({"errors": np.ones(7)}, r"ge: errors: has shape \(7,\)"),
        ({"errors": 0 * ONES}, "ge: errors must be positive"),
        ({"errors": -ONES}, "ge: errors must be positive"),
        ({"errors": ONES * np.nan}, "ge: errors: must be finite"),
        ({"recoil_min_kev": -1.0}, "ge: recoil_min_kev must lie from 0 to below 85.5"),
        ({"recoil_min_kev": 86.0}, "recoil_min_kev must lie from 0 .* not at 86"),
        ({"recoil_min_kev": np.nan}, "recoil_min_kev must lie from 0"),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("quenchin",), width=0.1)]},
            'ge, nuisance "a": .*did you mean "quenching"',
        ),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("flat",), width=0.1)]},
            'no component or effect "flat".*cevns, neutron_radius, quenching, resolution',
        ),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("cevns",), width=-0.1)]},
            "width must be positive",
        ),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("cevns",), width=0.1)] * 2},
            'nuisance "a": declared twice',
        ),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("quenching",), width=0.1, form="gamma")]},
            'no form "gamma"',
        ),
    ],
)
def test_an_experiment_that_makes_no_sense_is_refused(changed, text):
    with pytest.raises(ConfigError, match=text):
        own(**changed)


@pytest.mark.parametrize(
    ("resolution", "effect"),
    [
        (PerfectResolution(), "quenching"),
        (PerfectResolution(), "resolution"),
        (PoissonResolution(quanta_per_kev=2.0), "resolution"),
    ],
)
def test_a_resolution_knows_its_effects_only(resolution, effect):
    """Recoil nodes would jump from bin to bin; a Poisson distribution has no width of its own."""
    with pytest.raises(ConfigError, match=f'no component or effect "{effect}"'):
        own(
            response=ge_response(resolution=resolution),
            nuisances=[Nuisance(name="a", acts_on=(effect,), width=0.1)],
        )


def test_effects_of_a_formula_are_unknown_to_a_ready_table():
    recoil, _, summed = two_axes()
    table = tabulated_response({"s1_pe": AXES["s1_pe"]}, recoil, summed)
    with pytest.raises(ConfigError, match=r'"quenching".*allowed: cevns, neutron_radius'):
        own(response=table, nuisances=[Nuisance(name="a", acts_on=("quenching",), width=0.1)])


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {"nu_e_bar": [0.1, 0.1]},
            "arrival times must be given for nu_mu, nu_mu_bar, nu_e, not .*nu_e_bar",
        ),
        ({"nu_e": [0.8, 0.3]}, "arrival times of nu_e add up to more than 1"),
        ({"nu_mu": [-0.1, 0.3]}, "arrival times of nu_mu: must be finite and not negative"),
        ({"nu_mu": [np.nan, 0.3]}, "arrival times of nu_mu: must be finite"),
        ({f: [0.1, 0.1, 0.1] for f in SNS.flavours}, r"arrival times of nu_mu: has shape \(3,\)"),
        ({"nu_mu": [0.1, 0.1, 0.1]}, "arrival times.*: has shape"),
    ],
)
def test_arrival_times_that_make_no_sense_are_refused(changed, text):
    with pytest.raises(ConfigError, match=f"ge: {text}"):
        own(arrival_times=arrival_times(**changed))


def test_arrival_times_of_no_flavour_or_edges_out_of_order_are_refused():
    good = arrival_times()
    with pytest.raises(ConfigError, match="not for nothing"):
        own(arrival_times=dataclasses.replace(good, fractions={}))
    with pytest.raises(ConfigError, match="time_us: bin edges must ascend"):
        own(arrival_times=dataclasses.replace(good, edges_us=np.array([0.0, 6.0, 1.0])))


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (
            lambda: ge_response(
                quenching=TabulatedQuenching(linear_table("quenching", [0, 50], [0.1, 0.2]))
            ),
            "ge: quenching: the table must reach from 0 to 85.5.*recoil_min_kev",
        ),
        (
            lambda: ge_response(recoil_efficiency=linear_table("kept", [0.1, 99], [0.1, 1.0])),
            "ge: kept: the table must reach from 0 to 85.5.*recoil_min_kev",
        ),
        (
            lambda: ge_response(
                resolution=GaussianResolution(linear_table("width", [0, 20], [0.1, 0.2]))
            ),
            "ge: width: the table must reach from 0 to 28.3",
        ),
        (
            lambda: tabulated_response(
                {"x": np.array([0.0, 1.0])}, np.array([0.0, 80.0]), np.zeros((2, 1))
            ),
            "ge: response: the table must reach from 0 to 85.5",
        ),
        (
            lambda: ge_response(edges=np.array([60.0, 70.0])),
            "ge: no recoil of this source reaches a bin",
        ),
    ],
)
def test_tables_and_bins_that_do_not_fit_the_source_are_refused(response, text):
    with pytest.raises(ConfigError, match=text):
        own(response=response())


def test_an_own_experiment_in_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(RuntimeError, match="jax_enable_x64"):
        own()


def test_recoils_may_be_energies():
    """No quenching, perfect resolution and efficiency: bins of recoil energy, all counted."""
    edges = np.array([0.0, 10.0, 90.0])
    bins = ge_response(
        edges=edges,
        quenching=PolynomialQuenching(coefficients=(1.0,)),
        resolution=PerfectResolution(),
    )
    everything = tabulated_response({"x": np.array([0.0, 1.0])}, edges[[0, 2]], np.ones((2, 1)))
    found = expected(own(response=bins)).sum()
    assert found == pytest.approx(expected(own(response=everything))[0], rel=1e-8)


def test_a_background_can_have_parameters_of_its_own():
    """A morphing template: its effect is known, and it moves with its pull."""
    flat = np.full(len(EDGES) - 1, 10.0)
    tilted = morphed_template(flat, {"tilt": (flat * np.linspace(0.5, 1.5, flat.size), None)})
    tilt = Nuisance(name="tilt", acts_on=("tilt",), width=1.0)
    mine = own(backgrounds={"flat": flat, "tilted": tilted}, nuisances=[tilt])
    counts = mine.components(MODEL, cj.Likelihood([mine], MODEL).values() | {"ge_tilt": 1.0})
    np.testing.assert_allclose(counts["flat"], flat)
    np.testing.assert_allclose(counts["tilted"], flat * np.linspace(0.5, 1.5, flat.size))
