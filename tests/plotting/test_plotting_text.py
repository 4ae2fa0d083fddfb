"""Figures whose titles, labels and units hold what nobody expected."""

import io
import warnings

import numpy as np
import pytest
from drawn_results import fit_of, profile_of, scan_of
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cevns_jax.plotting import profiles, scans, spectra
from cevns_jax.plotting.figures import headline
from cevns_jax.plotting.text import drawable, equation, errors_text, with_unit

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


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((2.1e-5, 1e-5, 1e-5), r"(2.1^{+1.0}_{-1.0}) \times 10^{-5}"),
        ((0.0, 0.0, 1e-5), r"(0.0^{+1.0}_{-0.0}) \times 10^{-5}"),
        ((0.2304, 0.0243, 0.0271), "0.230^{+0.027}_{-0.024}"),
        ((5.47, 1.1, 0.9), "5.47^{+0.90}_{-1.10}"),
        ((-2e-11, 1e-12, np.inf), r"(-2.00_{-0.10}) \times 10^{-11}"),
        ((3e-5, np.nan, np.nan), r"3 \times 10^{-5}"),
        ((0.3, np.inf, np.nan), "0.3"),
        ((np.nan, 1.0, 1.0), r"\mathrm{none}"),
        ((np.inf, 1.0, np.nan), r"\mathrm{infinite}"),
    ],
)
def test_values_have_the_places_of_their_errors(numbers, text):
    assert errors_text(*numbers) == text
    drawn(f"${text}$")


@pytest.mark.parametrize("value", [1e300, -1e300, 1e-300, 12345.678])
@pytest.mark.parametrize("error", [1e300, 0.3, 1e-300, 0.0])
def test_values_out_of_measure_are_short(value, error):
    text = errors_text(value, error, error)
    assert len(text) < 80
    drawn(f"${text}$")


def test_a_small_coupling_is_not_zero_in_titles():
    result = fit_of("$g_V$")
    result.attributes["units"] = {"a": ""}
    for name, number in (("value", 2.1e-5), ("error_low", 1e-5), ("error_high", 1e-5)):
        result.variables[name] = (("parameter",), np.array([number]))
    assert headline(result) == r"$g_V = (2.1^{+1.0}_{-1.0}) \times 10^{-5}$"
    title = spectra(result, "mine").get_suptitle()
    assert r"10^{-5}" in title
    assert "0.000" not in title


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


@pytest.mark.parametrize("length", [10, 60, 110])
def test_legends_above_are_no_wider_than_the_figure(length):
    result = scan_of("x" * length)
    figure = scans([result, result])
    (legend,) = figure.legends
    assert legend.get_window_extent().width < figure.bbox.width
