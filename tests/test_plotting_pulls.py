"""Pulls are relative to the prior, whatever its mean and width."""

import io

import numpy as np
import pytest
from drawn_results import fit_of

from cevns_jax.errors import ConfigError
from cevns_jax.plotting import pulls
from cevns_jax.plotting.needs import check_pulls


def fit(number=4):
    """A physics parameter, a ratio 1.03 of prior 1 +- 0.03, a free slope, and pulls."""
    result = fit_of("")
    names = np.array(["s", "ratio", "slope", *(f"pull_{i}" for i in range(number - 3))])
    values = np.array([0.24, 1.03, 3.0, *[0.5] * (number - 3)])
    widths = np.array([np.inf, 0.03, np.inf, *[1.0] * (number - 3)])
    result.attributes["labels"] = {"s": r"$\sin^2\theta_W$"}
    result.attributes["units"] = dict.fromkeys(names, "")
    correlation = np.eye(number)
    correlation[0, 1] = correlation[1, 0] = -0.5
    result.variables.update(
        parameter=(("parameter",), names),
        physics=(("physics",), np.array(["s"])),
        prior_mean=(("parameter",), np.where(names == "ratio", 1.0, 0.0)),
        prior_width=(("parameter",), widths),
        correlation=(("parameter", "parameter_2"), correlation),
        impact=(("physics", "parameter", "side"), np.full((1, number, 2), 0.01)),
        **{n: (("parameter",), values) for n in ("value",)},
        **{n: (("parameter",), np.full(number, 0.02)) for n in ("error_low", "error_high")},
    )
    return result


@pytest.mark.parametrize("number", [4, 14])
def test_pulls_are_relative_to_the_prior(number):
    figure = pulls(fit(number))
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    points, impacts = figure.axes[:2]
    shown = dict(
        zip(
            [label.get_text() for label in points.get_yticklabels()],
            points.containers[0].lines[0].get_xdata(),
            strict=True,
        )
    )
    assert shown["ratio"] == pytest.approx(1.0)
    assert shown["pull_0"] == pytest.approx(0.5)
    assert "slope" not in shown  # it has no prior to be compared with
    assert impacts.get_xlabel() == r"impact on $\sin^2\theta_W$"


def test_a_file_without_priors_is_refused(tmp_path):
    result = fit()
    check_pulls(tmp_path, result)
    del result.variables["prior_width"]
    with pytest.raises(ConfigError, match=r"pulls cannot be drawn: .* prior_width"):
        check_pulls(tmp_path, result)
