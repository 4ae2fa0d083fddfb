"""Figures whose titles, labels and units hold what nobody expected."""

import io
import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cevns_jax.plotting import profiles, scans, spectra
from cevns_jax.plotting.text import drawable, equation, with_unit
from cevns_jax.results import Result

ODD = [
    "$",
    "10 kg for 5 $ a day",
    "$5 and $6 and $7",
    r"$\foo$",
    "$x_$",
    "$$",
    r"ends with \ ",
    "\\",
    r"\$",
    r"$\frac{1}{",
    "$" + "{" * 2000 + "$",
    "$" + r"\sqrt{" * 15 + "1" + "}" * 15 + "$",
    "a\x00b\x07\t\r\nc",
    "日本 🎉 \u202e",
    "$日本$",
    "\ud800",
    "_hidden",
    "% # & ~ ^ _ { }",
    "long " * 2000,
    "$" + "x" * 5000 + "$",
]


def draw(figure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png", dpi=30)


def test_formulae_stay_and_what_is_none_is_drawn_as_it_stands():
    assert drawable(r"$R_n$ of Cs") == r"$R_n$ of Cs"
    assert drawable("5 $") == r"5 \$"
    assert drawable("$x_$") == r"\$x_\$"
    assert drawable("two\nlines\x00") == "two lines"
    assert drawable("日") == "□"
    assert len(drawable("x" * 1000)) == 120
    assert with_unit(r"$\mu$", "mu_B") == r"$\mu$ [$\mu_B$]"
    assert with_unit("g", "") == "g"
    assert equation("$g$", "1") == "$g = 1$"
    assert equation("g $", "1") == r"g \$ $= 1$"
    assert equation("$a$ and $b$", "1") == "$a$ and $b$ $= 1$"


def drawn(text):
    """What a text looks like, as an array of pixels."""
    figure = Figure(figsize=(2, 0.5), dpi=80)
    canvas = FigureCanvasAgg(figure)
    figure.text(0.1, 0.4, text)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def test_a_dollar_is_drawn_alone_and_beside_a_formula():
    np.testing.assert_array_equal(drawn(drawable("5 $")), drawn(r"5 \$"))
    assert (drawn(drawable("5 $") + " $x$") != drawn("5 $x$")).any()


def fit_of(text):
    edges = np.linspace(0.0, 3.0, 4)
    return Result(
        kind="fit",
        attributes={
            "chi2": 1.0,
            "degrees_of_freedom": 2,
            "labels": {"a": text},
            "units": {"a": text},
            "titles": {"mine": text},
            "counted": {"mine": text},
            "provenance": {"data_set": "observed"},
        },
        variables={
            "parameter": (("parameter",), np.array(["a"])),
            "physics": (("physics",), np.array(["a"])),
            **{
                name: (("parameter",), np.array([0.3]))
                for name in ("value", "error", "error_low", "error_high")
            },
        },
        groups={
            "mine": {
                "energy_日_edges": (("energy_日_edge",), edges),
                "component": (("component",), np.array(["cevns", "_dunkel", "背景"])),
                "observed": (("energy_日",), np.array([3.0, 2.0, 1.0])),
                "expected": (("component", "energy_日"), np.ones((3, 3))),
            }
        },
    )


def profile_of(text):
    grid = np.linspace(0, 1, 5)
    return Result(
        kind="profile",
        attributes={
            "parameter": "a",
            "label": text,
            "unit": text,
            "experiments": ["mine"],
            "titles": {"mine": text},
            "best": {"parameters": {"a": {"value": 0.5}}, "chi2": 0.0},
            "provenance": {"config": f"{text}.toml"},
        },
        variables={
            "grid": (("grid",), grid),
            "chi2": (("grid",), (4 * (grid - 0.5)) ** 2),
            "delta_chi2": (("grid",), (4 * (grid - 0.5)) ** 2),
            "point_converged": (("grid",), np.ones(5, bool)),
        },
    )


def scan_of(text):
    grid = np.linspace(0, 1, 5)
    return Result(
        kind="scan",
        attributes={
            "parameters": ["a", "b"],
            "levels": [2.3],
            "labels": {"a": text, "b": ""},
            "units": {"a": text, "b": ""},
            "titles": {"mine": text},
            "best": {"parameters": {"a": 0.5, "b": 0.5}},
        },
        variables={
            "a": (("a",), grid),
            "b": (("b",), grid),
            "delta_chi2": (("a", "b"), 20 * np.add.outer((grid - 0.5) ** 2, (grid - 0.5) ** 2)),
            "point_converged": (("a", "b"), np.ones((5, 5), bool)),
        },
    )


@pytest.mark.parametrize("text", ODD)
def test_texts_can_be_drawn_alone_and_in_an_equation(text, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(drawable(text))
        drawn(f"{drawable(text)} + {equation(text, '1^{+2}_{-3}')} {with_unit(text, text)}")
    assert not caplog.records


@pytest.mark.parametrize("text", [ODD[1], ODD[3], ODD[13], ODD[16]])
def test_every_figure_can_be_drawn_whatever_its_texts_are(text, caplog):
    draw(spectra(fit_of(text), "mine"))
    draw(profiles([profile_of(text), profile_of(text)]))
    figure = scans([scan_of(text), scan_of(text)])
    draw(figure)
    assert len(figure.legends[0].get_texts()) == 3  # region, best fit, outline
    assert not caplog.records
