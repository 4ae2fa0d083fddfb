"""Morphed templates: exact at the released variations, positive, and smooth everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cevns_jax as cj
from cevns_jax.prediction.templates import mirrored, morphed_template

MODEL = cj.interactions.standard_model()
MORPHED = jax.jit(lambda shape, effects: shape(MODEL, {}, effects))
SLOPES = jax.jit(jax.jacfwd(lambda shape, effects: shape(MODEL, {}, effects), argnums=1))
PULL = st.floats(-5, 5)

rng = np.random.default_rng(5)
PLAIN = rng.uniform(1.0, 3.0, (4, 3))
PLAIN[1, 1] = 0.0  # and in all variations
PLUS, MINUS, WIDE = (PLAIN * rng.uniform(0.1, 1.9, PLAIN.shape) * f for f in (2, 0.7, 1.3))
PLAIN_SPARSE, PLUS_SPARSE = PLAIN.copy(), PLUS.copy()
PLAIN_SPARSE[0, 0] = 0.0  # counts in the variations only
PLUS_SPARSE[2, 0] = 0.0  # counts, but none at +1
FULL = morphed_template(PLAIN, {"a": (PLUS, MINUS), "b": (WIDE, None)})
SPARSE = morphed_template(PLAIN_SPARSE, {"a": (PLUS_SPARSE, MINUS), "b": (WIDE, None)})


def numbers(**effects):
    return {
        name: jnp.asarray(x, dtype=float) for name, x in ({"a": 0.0, "b": 0.0} | effects).items()
    }


def morphed(template, **effects):
    return np.asarray(MORPHED(template, numbers(**effects)))


def slopes(template, **effects):
    found = SLOPES(template, numbers(**effects))
    return np.stack([found[name] for name in ("a", "b")])


@pytest.mark.parametrize(
    ("template", "plain", "plus"), [(FULL, PLAIN, PLUS), (SPARSE, PLAIN_SPARSE, PLUS_SPARSE)]
)
def test_released_variations_are_met_at_one_sigma_and_the_nominal_template_at_zero(
    template, plain, plus
):
    np.testing.assert_array_equal(morphed(template), plain)
    np.testing.assert_array_equal(template(MODEL, {}, {}), plain)
    for effects, shape in (({"a": 1.0}, plus), ({"a": -1.0}, MINUS), ({"b": 1.0}, WIDE)):
        expected = shape * plain.sum() / shape.sum()
        np.testing.assert_allclose(morphed(template, **effects), expected, rtol=1e-13, atol=1e-14)


def test_a_one_sided_variation_is_mirrored_in_counts_and_leaves_something():
    """As many counts the other way; where more than half would go, n^2/(4 gained)."""
    plain, wide = np.array([10.0, 10.0, 10.0, 0.0]), np.array([4.0, 15.0, 40.0, 0.0])
    np.testing.assert_allclose(mirrored(plain, wide), [16.0, 5.0, 100 / 120, 0.0])
    found = morphed(morphed_template(plain[:2], {"b": (np.array([8.0, 12.0]), None)}), b=-1.0)
    np.testing.assert_allclose(found, [12.0, 8.0], rtol=1e-14)


def test_a_gentle_bin_moves_linearly_a_steep_one_grows_linearly_and_falls_as_an_inverse():
    """Ratio r = v + sqrt(1 + v^2), v linear in the pull where variations are inverse ratios; the
    large bin keeps the total, so that its small partners show r itself."""
    plain, ratio = np.array([1e9, 1.0, 1.0]), np.array([1.0, 1.01, 4.0])
    template = morphed_template(plain, {"a": (plain * ratio, plain / ratio)})
    steep = (4 - 1 / 4) / 2
    for x in (-30.0, -2.0, -0.3, 0.5, 3.0, 30.0):
        gentle, bold = morphed(template, a=x)[1:]
        v = np.sinh(np.log(1.01)) * x
        assert gentle == pytest.approx(v + np.sqrt(1 + v**2), rel=1e-6)
        assert bold == pytest.approx(np.exp(np.arcsinh(steep * x)), rel=1e-6)
    assert morphed(template, a=30.0)[2] == pytest.approx(2 * steep * 30, rel=1e-3)
    assert morphed(template, a=-30.0)[2] == pytest.approx(1 / (2 * steep * 30), rel=1e-3)


@given(PULL, PULL)
def test_bins_stay_positive_and_their_total_stays(a, b):
    for template, plain in ((FULL, PLAIN), (SPARSE, PLAIN_SPARSE)):
        counts = morphed(template, a=a, b=b)
        assert counts.sum() == pytest.approx(plain.sum(), rel=1e-12)
        assert (counts >= 0).all()
    counts = morphed(FULL, a=a, b=b)
    assert (counts[PLAIN > 0] > 0).all()
    assert counts[1, 1] == 0


def test_bins_stay_positive_far_away():
    for x in (-1e6, 1e6):
        counts = morphed(FULL, a=x, b=-x)
        assert (counts[PLAIN > 0] > 0).all()
        assert np.isfinite(slopes(FULL, a=x, b=-x)).all()


@given(PULL, PULL, st.sampled_from([FULL, SPARSE]))
def test_slopes_are_those_of_the_counts_and_do_not_jump(a, b, template):
    step = 1e-6
    here = slopes(template, a=a, b=b)
    up, down = (morphed(template, a=a + d, b=b) for d in (step, -step))
    np.testing.assert_allclose((up - down) / (2 * step), here[0], atol=2e-5)
    for sign in (-1, 1):
        there = slopes(template, a=a + sign * step, b=b - sign * step)
        np.testing.assert_allclose(there, here, atol=2e-4)


@pytest.mark.parametrize("template", [FULL, SPARSE])
@pytest.mark.parametrize("x", [-1.0, 0.0, 1.0])
def test_slopes_do_not_jump_where_pieces_meet(template, x):
    around = [slopes(template, a=x + d, b=x - d) for d in (-1e-9, 0.0, 1e-9)]
    np.testing.assert_allclose(around[0], around[1], atol=1e-6)
    np.testing.assert_allclose(around[2], around[1], atol=1e-6)


@pytest.mark.parametrize("bad", [[1.0, -1.0], [0.0, 0.0], [1.0, np.nan]])
def test_histograms_that_are_none_are_refused(bad):
    good, bad = np.array([1.0, 2.0]), np.array(bad)
    for nominal, moved, name in ((bad, good, "nominal"), (good, bad, "a")):
        with pytest.raises(ValueError, match=f"template {name}: counts must be finite"):
            morphed_template(nominal, {"a": (moved, None)})


# ------------------------------------------------------------------- liquid argon, all of chi^2


@pytest.fixture(scope="module")
def argon():
    lar = cj.experiments.coherent_lar_2020(nuisances="split")
    return cj.Likelihood([lar], MODEL, free=["sin2_theta_w"])


@jax.jit
def gradient(like, x):
    return jax.grad(lambda y: like.chi2(like.values(y)))(x)


def at(like, **pulls):
    x = np.array(like.start)
    for name, value in pulls.items():
        x[like.names.index(f"coherent_lar_2020_{name}")] = value
    return x


@pytest.mark.parametrize(
    ("pull", "kink"), [("brn_time_width", 1.312), ("f90", -1.458), ("brn_energy", 1.319)]
)
def test_gradient_of_chi2_has_no_kink(argon, pull, kink):
    """Where bins once ended at zero it jumped by 6.0, 3.3 and 0.55."""
    grid = kink + np.linspace(-5e-3, 5e-3, 21)
    found = np.stack([gradient(argon, at(argon, **{pull: x})) for x in grid])
    assert np.abs(np.diff(found, n=2, axis=0)).max() < 1e-2


SHAPES = ("f90", "timing", "brn_energy", "brn_time", "brn_time_width")


@settings(max_examples=12)
@given(*[st.tuples(*[PULL] * len(SHAPES))] * 2)
def test_gradient_of_chi2_never_jumps_with_several_shapes_moved_together(argon, first, last):
    """Halving the piece of a line on which it changes most leaves next to nothing of the change;
    of a jump all is left. chi^2 is finite: no bin is empty."""
    ends = [at(argon, **dict(zip(SHAPES, pulls, strict=True))) for pulls in (first, last)]

    def along(t):
        return np.asarray(gradient(argon, (1 - t) * ends[0] + t * ends[1]))

    t = np.linspace(0, 1, 25)
    found = np.stack([along(x) for x in t])
    assert np.isfinite(found).all()
    steepest = int(np.abs(np.diff(found, axis=0)).max(axis=1).argmax())
    low, high = t[steepest : steepest + 2]
    at_low, at_high = found[steepest : steepest + 2]
    for _ in range(16):
        middle = (low + high) / 2
        at_middle = along(middle)
        if np.abs(at_middle - at_low).max() > np.abs(at_high - at_middle).max():
            high, at_high = middle, at_middle
        else:
            low, at_low = middle, at_middle
    assert np.abs(at_high - at_low).max() < 1e-4 * (1 + np.abs(found).max())


def test_no_bin_of_argon_reaches_zero(argon):
    (lar,) = argon.experiments
    neutrons, f90 = lar.parts["brn"], lar.parts["cevns"].pulse_shape
    for x in (-5.0, -2.0, -0.5, 0.5, 2.0, 5.0):
        for template in (neutrons, f90):
            effects = {name: jnp.asarray(x) for name in template.effects}
            counts = np.asarray(MORPHED(template, effects))
            assert (counts[template.nominal > 0] > 0).all()
            assert counts.sum() == pytest.approx(template.nominal.sum(), rel=1e-12)
