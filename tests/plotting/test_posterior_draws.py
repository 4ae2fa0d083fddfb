"""What figures of posteriors say of one parameter: intervals, numbers, prior."""

import numpy as np
import pytest
from drawn_results import posterior_of
from scipy.stats import norm, truncnorm

from cevns_jax.errors import ConfigError
from cevns_jax.plotting.draws import SHARES, shown

SHAPE = (4, 4000)
UNIT = "0 +- 1"


def one(x, prior, **told):
    result = posterior_of({"a": x}, {"a": prior}, "$a$")
    result.attributes["units"]["a"] = ""
    result.attributes["parameters"]["a"] |= told
    (parameter,) = shown(result, ["a"])
    return parameter


def inside(x, ranges):
    return np.mean([(x >= low) & (x <= high) for low, high in ranges], axis=(1, 2)).sum()


def normal(seed=0):
    return np.random.default_rng(seed).normal(size=SHAPE)


def valleys(seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(SHAPE) < 0.4, 1.0, 0.0) + 0.05 * rng.normal(size=SHAPE)


def coupling(seed=0):
    """Flat in the logarithm from the lower end of the prior to about 1e-5."""
    rng = np.random.default_rng(seed)
    return np.exp(rng.uniform(np.log(1e-8), np.log(1e-5) + 0.1 * rng.normal(size=SHAPE)))


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(
    ("draw", "prior", "number"),
    [
        (normal, "flat", 1),
        (valleys, "flat from -10 to 10", 2),
        (lambda: np.abs(normal()), "flat from 0 to 10", 1),
        (coupling, "flat in ln x from 1e-08 to 0.001", 1),
        (lambda: np.random.default_rng(0).uniform(size=SHAPE), "flat from 0 to 1", 1),
    ],
)
def test_ranges_hold_their_share_of_the_draws(draw, prior, number, share):
    x = draw()
    found = one(x, prior).ranges(share)
    assert len(found) == number
    assert inside(x, found) == pytest.approx(share, abs=0.005)


def test_an_interval_is_that_of_the_result():
    parameter = one(normal(), "flat", hdi_90=[-1.5, 1.75])
    assert parameter.ranges(SHARES[1]) == [(-1.5, 1.75)]
    assert parameter.interval_text(SHARES[1]) == "90 %: $-1.50$ to $1.75$"


def test_a_limit_of_the_result_is_one_sided():
    x = np.abs(normal())
    limit = float(np.quantile(x, 0.9))
    parameter = one(x, "flat from 0 to 10", upper_limit_90=limit)
    assert parameter.ranges(SHARES[1]) == [(0.0, pytest.approx(limit))]
    assert parameter.interval_text(SHARES[1]) == f"90 %: below ${limit:.2f}$"
    assert parameter.interval_text(SHARES[0]).startswith("68.3 %: below $")
    mirrored = one(-x, "flat from -10 to 0", lower_limit_90=-limit)
    assert mirrored.interval_text(SHARES[1]) == f"90 %: above $-{limit:.2f}$"


def test_a_coupling_that_is_flat_in_the_logarithm_has_a_limit():
    x = coupling()
    parameter = one(x, "flat in ln x from 1e-08 to 0.001")
    assert parameter.logarithmic
    ((low, high),) = parameter.ranges(SHARES[1])
    assert (low, high) == (1e-8, pytest.approx(np.quantile(x, 0.9)))
    assert parameter.interval_text(SHARES[1]).startswith("90 %: below $4.")
    assert r"\times 10^{-6}" in parameter.interval_text(SHARES[1])
    assert "mean" not in parameter.centre_text()


def test_draws_as_flat_as_their_prior_have_central_intervals():
    """The shortest interval of them could be anywhere."""
    x = np.random.default_rng(1).uniform(size=SHAPE)
    ((low, high),) = one(x, "flat from 0 to 1", hdi_90=[0.0, 0.9]).ranges(0.90)
    assert (low, high) == (pytest.approx(0.05, abs=0.01), pytest.approx(0.95, abs=0.01))


def test_valleys_are_written_apart():
    text = one(valleys(), "flat from -10 to 10").interval_text(SHARES[0])
    assert text.count(" or ") == 1
    assert text.count(" to ") == 2


@pytest.mark.parametrize(
    ("prior", "ends", "density"),
    [
        ("flat from -4 to 4", (-4, 4), lambda x: np.full(len(x), 1 / 8)),
        (UNIT, (-np.inf, np.inf), norm.pdf),
        ("0.5 +- 2, from -4 to inf", (-4, np.inf), truncnorm(-2.25, np.inf, 0.5, 2).pdf),
        ("flat", (-np.inf, np.inf), None),
        ("flat from -4 to inf", (-4, np.inf), None),
        ("Cauchy(loc=0)", (-np.inf, np.inf), None),
    ],
)
def test_the_prior_is_known_from_its_words(prior, ends, density):
    parameter = one(normal().clip(-3.9, 3.9), prior)
    assert parameter.ends == ends
    if density is None:
        assert parameter.prior_density is None
    else:
        places, height = parameter.prior_density
        assert height == pytest.approx(density(places), rel=1e-9)


def test_other_priors_are_known_from_their_draws():
    """A half-normal prior ends at zero, though its words do not say so."""
    x = np.abs(normal())
    result = posterior_of({"a": x}, {"a": "HalfNormal(scale=1)"})
    drawn = np.abs(np.random.default_rng(5).normal(size=(1, 4000)))
    result.draws["prior"] = {"a": (("chain", "draw"), drawn)}
    (parameter,) = shown(result, ["a"])
    assert parameter.ends == (0.0, np.inf)
    places, height = parameter.prior_density
    assert height == pytest.approx(2 * norm.pdf(places), abs=0.08)


def test_a_draw_beyond_the_rounded_end_of_its_prior_moves_the_end():
    x = np.abs(normal())
    x += -25 / 3 - x.min()
    parameter = one(x, "0 +- 1, from -8.33333 to inf")
    assert parameter.ends[0] == x.min()
    assert np.isfinite(parameter.density.height).all()


def test_priors_are_written_without_ends_that_are_none():
    assert one(normal(), "0 +- 1, from -8.33333 to inf").prior_words == (
        r"$0$ $\pm$ $1$, above $-8.3333$"
    )
    assert one(normal(), "flat from -inf to 9").prior_words == "flat below $9$"
    assert one(np.exp(normal()), "flat in ln x from 1e-08 to inf").prior_words == (
        r"flat in ln x above $1 \times 10^{-8}$"
    )


def test_numbers_have_the_places_of_half_the_standard_deviation():
    parameter = one(0.233 + 0.026 * normal(), "flat from 0 to 1", median=0.2312, mean=0.2329)
    assert parameter.centre_text() == "median $0.231$, mean $0.233$"
    assert parameter.result_text() == r"$a = 0.233 \pm 0.026$"
    tiny = one(1e-10 * np.abs(normal()), "flat from 0 to 1e-8")
    assert tiny.centre_text().count(r"\times 10^{-11}") == 2


def test_a_pull_has_that_as_its_unit():
    result = posterior_of({"pull_a": normal()}, {"pull_a": UNIT})
    (parameter,) = shown(result, ["pull_a"])
    assert parameter.label.endswith("[pull]")


def test_a_parameter_that_does_not_vary_is_refused():
    result = posterior_of({"a": normal()}, {"a": "flat"})
    with pytest.raises(ConfigError, match='posterior: no varying parameter "b"'):
        shown(result, ["b"])
