"""Results side by side: the same parameters of the same data."""

import numpy as np
import pytest

from cevns_jax.cli import main
from cevns_jax.commands import output
from cevns_jax.errors import ConfigError
from cevns_jax.results import Result
from cevns_jax.results.compared import check_comparable, compared_document, compared_summary

RECORD = {"data_set": "observed", "seed": None, "inputs": {}, "settings": {"interaction": {}}}
ABOUT = {
    "experiments": ["one"],
    "titles": {"one": "One"},
    "n_bins": 3,
    "units": {"g": "", "m": "MeV"},
    "labels": {"g": "$g$", "m": "$m$"},
    "held": {"m": 10.0},
    "provenance": RECORD,
}


def result(kind, variables=(), groups=(), **attributes):
    return Result(
        kind=kind, attributes=ABOUT | attributes, variables=dict(variables), groups=dict(groups)
    )


def fit(**attributes):
    numbers = {"value": [0.3, 0.1], "error_low": [0.1, 1.0], "error_high": [0.2, 1.0]}
    return result(
        "fit",
        {
            "parameter": (("parameter",), np.array(["g", "pull"])),
            "physics": (("physics",), np.array(["g"])),
            **{name: (("parameter",), np.array(v)) for name, v in numbers.items()},
        },
        {"one": {"observed": (("x",), np.array([1.0, 2.0, 3.0]))}},
        **attributes,
    )


def profile():
    limits = [
        {"confidence_level": 0.6827, "allowed": [[0.2, 0.5]]},
        {"confidence_level": 0.9, "allowed": [[-0.4, -0.1], [0.1, 0.6]]},
    ]
    best = {"parameters": {"g": {"value": 0.3}}}
    return result("profile", parameter="g", best=best, limits=limits)


def posterior(evidence=None, **attributes):
    found = {
        **{"mean": 0.32, "median": 0.31, "sd": 0.15},
        **{"hdi_68": [0.18, 0.47], "hdi_90": [0.05, 0.59]},
        **{"eti_68": [0.19, 0.48], "eti_90": [0.06, 0.6]},
    }
    return result(
        "posterior",
        free={"g": None},
        parameters={"g": found, "pull": found},
        priors={"g": "flat from 0 to 1", "pull": "Gaussian"},
        log_evidence=evidence,
        **attributes,
    )


def limit():
    of = ("m", "range")
    high = np.array([[0.4], [0.5]])
    return result(
        "limit",
        {
            "m": (("m",), np.array([1.0, 10.0])),
            "range": (("range",), np.array([1])),
            "limit_low": (of, np.zeros((2, 1))),
            "limit_high": (of, high),
            "end_low": (of, np.array([["domain"], ["domain"]])),
            "end_high": (of, np.array([["crossing"], ["crossing"]])),
            "best": (("m",), np.array([0.1, 0.2])),
            "chi2": (("m",), np.array([3.0, 2.0])),
            "point_converged": (("m",), np.array([True, True])),
        },
        parameter="g",
        axes=["m"],
        confidence_level=0.95,
        delta_chi2=3.84,
        held={},
    )


def test_entries_of_every_kind():
    named = [("a", fit()), ("b", profile()), ("c", posterior()), ("d", limit())]
    check_comparable(named)
    entries = compared_document(named)["parameters"]["g"]
    assert [entry["kind"] for entry in entries] == ["fit", "profile", "posterior", "limit"]
    assert entries[0]["ranges"][0]["allowed"][0] == pytest.approx([0.2, 0.5])
    assert entries[1]["ranges"][1]["allowed"] == [[-0.4, -0.1], [0.1, 0.6]]
    assert (entries[2]["mean"], entries[2]["median"]) == (0.32, 0.31)
    assert entries[3]["held"] == {"m": 10.0}, "where the others hold it"
    assert entries[3]["ranges"] == [{"confidence_level": 0.95, "allowed": [[0.0, 0.5]]}]
    text = compared_summary(named).text()
    for words in (
        *("0.30 +0.20 -0.10", "0.2 to 0.5", "-0.4 to -0.1 or 0.1 to 0.6", "0.18 to 0.47"),
        *("d (m = 10)", "95 %: 0 to 0.5", "g: flat from 0 to 1 in c"),
    ):
        assert words in text, words
    assert "pull" not in text


def test_evidence_of_two_posteriors_with_its_error_and_the_priors():
    one, other, unknown = (
        posterior({"value": value, "error": error, "runs": []})
        for value, error in ((-10.0, 0.03), (-12.5, 0.04), (-11.0, None))
    )
    found = compared_document([("a", one), ("b", other), ("c", unknown)])["bayes_factors"]
    assert [f["log_bayes_factor"] for f in found] == [2.5, 1.0, -1.5]
    assert [f["error"] for f in found] == [pytest.approx(0.05), None, None]
    assert found[0]["priors"] == [{"g": "flat from 0 to 1"}] * 2
    text = " ".join(compared_summary([("a", one), ("b", other)]).text().split())
    assert "ln Bayes factor of a over b: 2.5 +- 0.05 (priors: g flat from 0 to 1; g flat" in text
    assert compared_document([("a", one), ("b", posterior())])["bayes_factors"] == []


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (result("prediction"), "a prediction has no parameters"),
        (posterior(experiments=["two"]), "b: is of two, and a of one; compare results of the same"),
        (posterior(provenance=RECORD | {"data_set": "asimov"}), "data_set was observed and is asi"),
        (posterior(provenance=RECORD | {"seed": 4}), "seed was not set and is 4"),
        (posterior(n_bins=4), "n_bins was 3 and is 4"),
        (
            posterior(groups={"one": {"observed": (("x",), np.array([1.0, 2.0, 4.0]))}}),
            r"other data \(other counts\) than a",
        ),
    ],
)
def test_other_data_are_refused(other, words):
    with pytest.raises(ConfigError, match=words):
        check_comparable([("a", fit()), ("b", other)])
    with pytest.raises(ConfigError, match="two results at least"):
        check_comparable([("a", fit())])


def test_other_settings_are_told():
    changed = RECORD | {"settings": {"interaction": {"couplings": "tree"}}}
    found = compared_document([("a", fit()), ("b", posterior(provenance=changed))])
    assert found["differences"] == [
        "b differs from a: interaction.couplings was not set and is tree"
    ]


def test_the_command_draws_a_profile_beside_a_posterior(tmp_path, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(output, "save_compared", lambda *given: asked.append(given))
    made = {"x_fit": fit(), "x_profile": profile(), "x_posterior": posterior()}
    for name, one in made.items():
        one.save(tmp_path / f"{name}.nc")
    files = [str(tmp_path / f"{name}.nc") for name in made]
    assert main(["compare", *files, "--format", "png,pdf"]) == 0
    assert "x_compared_g.pdf" in capsys.readouterr().out
    assert [path.name for *_, path in asked] == ["x_compared_g.png", "x_compared_g.pdf"]
    assert all((curve.kind, of.kind) == ("profile", "posterior") for curve, of, _ in asked)
    asked.clear()
    profile().save(tmp_path / "y_profile.nc")
    assert main(["compare", *files, str(tmp_path / "y_profile.nc")]) == 0
    assert [path.name for *_, path in asked] == [
        "x_compared_g_x_profile.png",
        "x_compared_g_y_profile.png",
    ]
    capsys.readouterr()
    assert main(["compare", files[0]]) == 2
    captured = capsys.readouterr()
    assert captured.err == "cevns: compare: needs two results at least\n"
    result("posterior", free={"g": None}).save(tmp_path / "broken.nc")
    assert main(["compare", files[0], str(tmp_path / "broken.nc")]) == 2
    assert "lacks what it should hold" in capsys.readouterr().err
