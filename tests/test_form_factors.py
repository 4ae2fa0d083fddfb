"""Form factors against the densities they are transforms of, and their numerical behaviour."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.integrate import quad
from scipy.special import erf

from cevns_jax.form_factors import (
    SMALL_FERMI,
    SMALL_SPHERE,
    Helm,
    KleinNystrand,
    SymmetrisedFermi,
    TwoParameterFermi,
    sphere,
)

HBAR_C = 197.3269804  # [MeV fm]
MODELS = {model.__name__: model for model in (Helm, KleinNystrand, SymmetrisedFermi)}
MODELS["TwoParameterFermi"] = TwoParameterFermi
FAST = {name: jax.jit(model()) for name, model in MODELS.items()}
SLOPES = {name: jax.jit(jax.grad(model(), argnums=(0, 1))) for name, model in MODELS.items()}
each_model = pytest.mark.parametrize("name", MODELS)
RADII = (2.9936, 3.4274, 4.8041)  # Na23, Ar40, Cs133 [fm]


def helm_density(r, rms):
    """Sphere of radius R0 folded with a Gaussian of width s = 0.9 fm, up to a factor."""
    s = 0.9
    r0 = np.sqrt(5 / 3 * rms**2 - 5 * s**2)
    step = (erf((r + r0) / (np.sqrt(2) * s)) - erf((r - r0) / (np.sqrt(2) * s))) / 2
    gauss = np.exp(-((r + r0) ** 2) / (2 * s**2)) - np.exp(-((r - r0) ** 2) / (2 * s**2))
    return step + s / (np.sqrt(2 * np.pi) * r) * gauss


def klein_nystrand_density(r, rms):
    """Sphere of radius R folded with exp(-r/a)/r, a = 0.7 fm: solves (1 - a^2 Laplace) rho = 1."""
    a = 0.7
    radius = np.sqrt(5 / 3 * (rms**2 - 6 * a**2))
    x, y = r / a, radius / a
    if r < radius:
        return 1 - (1 + y) * np.exp(-y) * np.sinh(x) / x
    return (y * np.cosh(y) - np.sinh(y)) * np.exp(-x) / x


def half_radius(rms, a=0.52):
    return np.sqrt(5 / 3 * rms**2 - 7 / 3 * (np.pi * a) ** 2)


def symmetrised_fermi_density(r, rms):
    a, c = 0.52, half_radius(rms)
    return np.sinh(c / a) / (np.cosh(c / a) + np.cosh(r / a))


def two_parameter_fermi_density(r, rms):
    return 1 / (1 + np.exp((r - half_radius(rms)) / 0.52))


DENSITIES = {
    "Helm": helm_density,
    "KleinNystrand": klein_nystrand_density,
    "SymmetrisedFermi": symmetrised_fermi_density,
    "TwoParameterFermi": two_parameter_fermi_density,
}


def moment(name, rms, weight):
    """Integral of r^2 rho(r) weight(r), adaptive, split at the Klein-Nystrand sphere."""
    density = DENSITIES[name]
    edge = np.sqrt(5 / 3 * max(rms**2 - 6 * 0.7**2, 0.5))
    pieces = zip((0, edge, 2 * edge), (edge, 2 * edge, edge + 35), strict=True)
    return sum(
        quad(lambda r: r**2 * density(r, rms) * weight(r), *piece, epsabs=1e-13, epsrel=1e-12)[0]
        for piece in pieces
    )


@each_model
@pytest.mark.parametrize("rms", RADII)
def test_form_factor_is_the_fourier_transform_of_its_density(name, rms):
    norm = moment(name, rms, lambda r: 1.0)
    for q in (1.0, 12.0, 40.0, 80.0, 120.0, 200.0, 300.0):
        k = q / HBAR_C
        transform = moment(name, rms, lambda r, k=k: np.sinc(k * r / np.pi)) / norm
        assert float(FAST[name](q, rms)) == pytest.approx(transform, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("name", ["SymmetrisedFermi", "TwoParameterFermi"])
@pytest.mark.parametrize("diffuseness", [0.4, 0.6])
def test_other_diffuseness_reaches_the_density(name, diffuseness):
    """The second length is a field: another surface gives the transform of that density."""
    rms, k = 4.8, 100.0 / HBAR_C
    c = half_radius(rms, diffuseness)

    def density(r):
        if name == "TwoParameterFermi":
            return 1 / (1 + np.exp((r - c) / diffuseness))
        return np.sinh(c / diffuseness) / (np.cosh(c / diffuseness) + np.cosh(r / diffuseness))

    def integral(wave_number):
        def integrand(r):
            return r**2 * density(r) * np.sinc(wave_number * r / np.pi)

        return quad(integrand, 0, 35, epsrel=1e-12, limit=200)[0]

    found = MODELS[name](diffuseness=diffuseness)(jnp.asarray(100.0), rms)
    assert float(found) == pytest.approx(integral(k) / integral(0.0), rel=1e-9)


@each_model
@pytest.mark.parametrize("rms", RADII)
def test_form_factor_is_one_at_zero_and_flat_there(name, rms):
    assert float(FAST[name](0.0, rms)) == pytest.approx(1.0, abs=1e-15)
    slope_q, slope_radius = SLOPES[name](0.0, rms)
    assert float(slope_q) == pytest.approx(0.0, abs=1e-15)
    assert float(slope_radius) == pytest.approx(0.0, abs=1e-15)


@each_model
@pytest.mark.parametrize("rms", [2.9936, 3.1176, 3.3905, 3.4274, 4.04, 4.8041, 5.5])
def test_curvature_at_zero_is_the_rms_radius(name, rms):
    """F = 1 - q^2 R_rms^2/6 + ...: -6 dF/dq^2 = -3 d^2F/dq^2 at zero is R_rms^2.

    TwoParameterFermi documents a difference of the order of exp(-c/a), below 3e-5 fm from argon
    upwards; its rms radius is that of its own density.
    """
    curvature = jax.grad(jax.grad(MODELS[name]()))(0.0, rms) * HBAR_C**2
    found = float(np.sqrt(-3 * curvature))
    if name != "TwoParameterFermi":
        assert found == pytest.approx(rms, rel=1e-13)
        return
    own = moment(name, rms, lambda r: r**2) / moment(name, rms, lambda r: 1.0)
    assert found == pytest.approx(np.sqrt(own), rel=1e-10)
    assert found == pytest.approx(rms, abs=np.exp(-half_radius(rms) / 0.52))
    if rms >= 3.39:  # Ar36
        assert found == pytest.approx(rms, abs=3e-5)


def precise(name, q, rms):
    """The closed forms in 40 digits, where the small-argument cancellation does no harm."""
    with mpmath.workdps(40):
        k, rms = mpmath.mpf(q) / mpmath.mpf(HBAR_C), mpmath.mpf(rms)
        if name in ("Helm", "KleinNystrand"):
            width = mpmath.mpf(0.9) if name == "Helm" else mpmath.mpf(0.7)
            shift = 3 * width**2 if name == "Helm" else 6 * width**2
            x = k * mpmath.sqrt(5 * (rms**2 - shift) / 3)
            ball = 3 * (mpmath.sin(x) - x * mpmath.cos(x)) / x**3
            if name == "Helm":
                return ball * mpmath.exp(-((k * width) ** 2) / 2)
            return ball / (1 + (k * width) ** 2)
        a = mpmath.mpf(0.52)
        c = mpmath.sqrt(5 * rms**2 / 3 - 7 * (mpmath.pi * a) ** 2 / 3)
        p = mpmath.pi * k * a
        top = (
            p
            / mpmath.sinh(p)
            * (p / mpmath.tanh(p) * mpmath.sin(k * c) - k * c * mpmath.cos(k * c))
        )
        bottom = c * (c**2 + (mpmath.pi * a) ** 2) / 3
        top = top / k**3
        if name == "TwoParameterFermi":
            for m in range(1, 40):  # geometric series of 1/(1 + exp((r - c)/a)) outside and inside
                weight, s = (-1) ** (m - 1) * mpmath.exp(-m * c / a), a / m
                top += weight * 2 * s**3 / (1 + (s * k) ** 2) ** 2
                bottom += weight * 2 * s**3
        return top / bottom


def switch_point(name, rms):
    """q [MeV] where the model changes from its series to the closed form."""
    if name == "Helm":
        return SMALL_SPHERE * HBAR_C / np.sqrt(5 / 3 * rms**2 - 5 * 0.9**2)
    if name == "KleinNystrand":
        return SMALL_SPHERE * HBAR_C / np.sqrt(5 / 3 * (rms**2 - 6 * 0.7**2))
    return SMALL_FERMI * HBAR_C / half_radius(rms)


@each_model
@pytest.mark.parametrize("rms", RADII)
@pytest.mark.parametrize("position", [0.1, 0.5, 0.9, 1 - 1e-9, 1 + 1e-9, 1.1, 1.5, 3.0])
def test_smooth_across_the_small_argument_switch(name, rms, position):
    """Value to 1e-12 on both sides; slope in q^2 to 1e-7 (the closed forms lose digits there)."""
    q = switch_point(name, rms) * position
    assert float(FAST[name](q, rms)) == pytest.approx(float(precise(name, q, rms)), abs=1e-12)
    exact = mpmath.diff(lambda v: precise(name, v, rms), q)
    assert float(SLOPES[name](q, rms)[0]) == pytest.approx(float(exact), rel=1e-7)


@each_model
@pytest.mark.parametrize("rms", RADII)
def test_values_keep_twelve_digits_around_the_small_argument_switch(name, rms):
    """The closed forms lose digits towards zero; the switch must come before they matter."""
    momenta = switch_point(name, rms) * np.linspace(0.9, 2.0, 45)
    exact = [float(precise(name, q, rms)) for q in momenta]
    np.testing.assert_allclose(FAST[name](momenta, rms), exact, rtol=0, atol=1e-12)


def test_sphere_has_the_zeros_of_the_spherical_bessel_function():
    np.testing.assert_allclose(sphere(jnp.array([4.4934094579, 7.7252518369])), 0.0, atol=1e-11)


@each_model
def test_gradients_in_momentum_transfer_and_radius(name):
    """First and second order against finite differences, at zero, at the series and beyond."""
    model = MODELS[name]()
    scaled = jax.jit(lambda t, r: model(100 * t, r))  # t of order one for the differences
    points = jnp.array([0.0, 0.004, 0.01, 0.15, 0.6, 1.1, 2.0]), jnp.full(7, 4.9)
    check_grads(scaled, points, order=2, modes=["fwd"], eps=1e-4)
    check_grads(scaled, points, order=1, modes=["rev"], eps=1e-4)


@each_model
@given(q=st.floats(0.0, 400.0), rms=st.floats(2.0, 10.0))
def test_bounded_and_differentiable_over_the_declared_domain(name, q, rms):
    """Radii of the declared parameters, 2 to 10 fm: |F| <= 1 for a density that is not negative."""
    assert abs(float(FAST[name](q, rms))) <= 1 + 1e-12
    assert np.isfinite(SLOPES[name](q, rms)).all()


@each_model
@given(q=st.floats(0.0, 60.0), rms=st.floats(2.6, 5.5), larger=st.floats(0.01, 1.0))
def test_larger_nuclei_lose_coherence_earlier(name, q, rms, larger):
    """Before the first zero a larger rms radius means a smaller form factor."""
    assert FAST[name](q, rms + larger) <= FAST[name](q, rms) + 1e-12


@each_model
@given(q=st.floats(0.0, 250.0), rms=st.floats(0.0, 2.0))
def test_stays_finite_below_its_domain(name, q, rms):
    """Where the squared second radius would be negative the model stays at (0.1 fm)^2."""
    assert np.isfinite(FAST[name](q, rms))
    assert np.isfinite(SLOPES[name](q, rms)).all()
