"""Pulls are relative to the prior, whatever its mean and width."""

import io

import numpy as np
import pytest
from drawn_results import fit_of

from cevns_jax.config.names import PRESETS, backgrounds
from cevns_jax.config.names import pulls as pull_names
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
    assert shown["pull 0"] == pytest.approx(0.5)
    assert "slope" not in shown  # it has no prior to be compared with
    assert impacts.get_xlabel() == r"impact on $\sin^2\theta_W$"


def named(experiments, *nuisances):
    """What parameters are called, physics first."""
    result = fit(3 + len(nuisances))
    names = [str(name) for name in result.variables["parameter"][1][:3]]
    result.variables["parameter"] = (("parameter",), np.array([*names, *nuisances]))
    bins = result.groups.pop("mine")
    result.groups.update(dict.fromkeys(experiments, bins))
    result.attributes["titles"] = dict.fromkeys(experiments, "title")
    figure = pulls(result)
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    return [label.get_text() for label in figure.axes[2].get_yticklabels()][3:]


def test_nuisances_are_called_by_words():
    assert named(["csi"], "csi_brn", "csi_nin", "csi_steady_state", "sns_flux", "csi_my_own") == [
        "beam-related neutrons",
        "neutrino-induced neutrons",
        "steady state",
        "neutrino flux of the SNS",
        "my own",
    ]


def test_nuisances_of_several_experiments_say_of_which():
    found = named(["lar", "lar_energy"], "lar_brn", "lar_energy_brn", "sns_flux")
    assert found == [
        "beam-related neutrons (lar)",
        "beam-related neutrons (lar_energy)",
        "neutrino flux of the SNS",
    ]


@pytest.mark.parametrize("preset", [(e, p) for e, found in PRESETS.items() for p in found])
def test_no_preset_has_abbreviations(preset):
    experiment, _ = preset
    shown = named([experiment], *pull_names(*preset), *backgrounds(experiment))
    assert not {"brn", "nin", "l", "m", "sns", "lar"} & {word for n in shown for word in n.split()}


def test_long_names_leave_room():
    names = ["long_" * 15 + str(i) for i in range(3)]
    result = fit(3 + len(names))
    result.variables["parameter"] = (
        ("parameter",),
        np.array(["s", "ratio", "slope", *names]),
    )
    figure = pulls(result)
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    assert all(
        axes.get_window_extent().width > 0.1 * figure.bbox.height for axes in figure.axes[:3]
    )


def test_a_file_without_priors_is_refused(tmp_path):
    result = fit()
    check_pulls(tmp_path, result)
    del result.variables["prior_width"]
    with pytest.raises(ConfigError, match=r"pulls cannot be drawn: .* prior_width"):
        check_pulls(tmp_path, result)
