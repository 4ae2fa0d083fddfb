"""Contours along bands that are narrower than a cell, of known surfaces without a likelihood."""

import numpy as np
import pytest
from contourpy import contour_generator

from cevns_jax.inference.regions import contours, filled

X, Y = np.geomspace(1.0, 1e3, 31), np.geomspace(1e-3, 10.0, 41)  # a cell is 26 % in y
WIDTH = 0.02  # of ln y per unit of sqrt(Delta chi^2)


def along(slope, start, columns=slice(None)):
    """A band y = start x^slope: Delta chi^2 on the grid, and at its bottom and edges."""
    centre = start * X**slope
    delta = (np.log(Y / centre[:, None]) / WIDTH) ** 2
    heights = np.array([-np.sqrt(6.18), -np.sqrt(2.3), 0.0, np.sqrt(2.3), np.sqrt(6.18)])
    values = centre[:, None] * np.exp(WIDTH * heights)
    known = np.zeros(len(X), bool)
    known[columns] = True
    inside = (values > Y[0]) & (values < Y[-1]) & known[:, None]
    values = np.where(inside, values, np.nan)
    order = np.argsort(values, axis=1)
    square = np.where(inside, heights**2, np.nan)
    return (
        delta,
        np.take_along_axis(values, order, 1),
        np.take_along_axis(square, order, 1),
    )


@pytest.mark.parametrize(("slope", "start"), [(1.0, 2e-3), (0.5, 0.01), (-1.2, 5.0)])
def test_a_narrow_band_is_one_area_with_its_edges(slope, start):
    """A tenth of a cell wide, it is missed by the grid or drawn in pieces; its edges are known."""
    delta, values, square = along(slope, start)
    assert len(contours((X, Y), delta, 2.3)) > 5 or slope == 0.5
    for level in (2.3, 6.18):
        assert len(filled((X, Y), delta, level, (values, square))) == 1
        edges = contours((X, Y), delta, level, (values, square))
        assert len(edges) == 2
        for line in edges:
            assert np.ptp(np.log(line[:, 0])) == pytest.approx(np.log(1e3))
            height = np.log(line[:, 1] / (start * line[:, 0] ** slope)) / WIDTH
            np.testing.assert_allclose(np.abs(height), np.sqrt(level), rtol=1e-6)


def test_two_bands_that_run_towards_each_other_are_two_areas():
    up, down = along(1.0, 2e-3), along(-0.5, 9.0)
    delta, values, square = (
        np.minimum(up[0], down[0])[:20],
        *(np.concatenate(pair, axis=1)[:20] for pair in zip(up[1:], down[1:], strict=True)),
    )
    order = np.argsort(values, axis=1)
    between = tuple(np.take_along_axis(a, order, 1) for a in (values, square))
    assert len(filled((X[:20], Y), delta, 2.3, between)) == 2
    for line in contours((X[:20], Y), delta, 2.3, between):
        away = [np.abs(np.log(line[:, 1] / y)) for y in (2e-3 * line[:, 0], 9 / line[:, 0] ** 0.5)]
        assert min(n.max() for n in away) < 1.001 * WIDTH * np.sqrt(2.3)


def test_areas_have_the_edges_that_are_drawn():
    delta, values, square = along(1.0, 2e-3)
    between = (values, square)
    lines = contours((X, Y), delta, 6.18, between)
    for above in (False, True):
        areas = filled((X, Y), delta, 6.18, between, above=above)
        assert len(areas) == (2 if above else 1)
        edges = {tuple(p) for lines in areas for edge in lines for p in np.round(np.log(edge), 9)}
        for line in lines:
            assert {tuple(p) for p in np.round(np.log(line), 9)} <= edges


@pytest.mark.parametrize("level", [2.3, 6.18])
def test_without_further_points_contours_are_those_of_the_grid(level):
    """To the last bit, with none and with an empty table."""
    delta, values, square = along(1.0, 2e-3)
    delta[3, 4] = np.nan
    delta[:, 30] = 0.5
    height = np.ma.masked_invalid(np.sqrt(delta.T))
    plain = contour_generator(np.log(X), np.log(Y), height).lines(np.sqrt(level))
    none = (np.full_like(values, np.nan), square)
    for between in (None, none, (values[:, :0], square[:, :0])):
        found = contours((X, Y), delta, level, between)
        assert len(found) == len(plain)
        for one, other in zip(found, plain, strict=True):
            np.testing.assert_array_equal(one, np.exp(other))
