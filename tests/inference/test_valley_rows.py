"""Which of many minima are valleys of their own."""

import numpy as np
import pytest

from cevns_jax.inference.endings import Ending
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.valleys import distinct, one, take


def ends(x, chi2, information=1.0, failed=()):
    """Ends of minimisations in one parameter."""
    size = len(x)
    ending = np.full(size, int(Ending.CONVERGED))
    ending[list(failed)] = int(Ending.OUT_OF_STEPS)
    return Minimum(
        x=np.array(x, dtype=float)[:, None],
        chi2=np.array(chi2, dtype=float),
        gradient=np.zeros((size, 1)),
        information=np.broadcast_to(np.asarray(information, float), size)[:, None, None].copy(),
        edm=np.zeros(size),
        steps=np.zeros(size, int),
        ending=ending,
    )


@pytest.mark.parametrize(
    ("minima", "rows"),
    [
        (ends([0.0, 5.0, -4.0], [3.0, 1.0, 2.0]), [1, 2, 0]),  # three, the lowest first
        (ends([0.0, 0.01, 0.02], [1.0, 1.0, 1.0]), [0]),  # one, met three times
        (ends([0.0, 5.0], [1.0, 102.0]), [0]),  # too high to count
        (ends([0.0, 5.0], [1.0, 0.0], failed=[1]), [0]),  # no minimum
        (ends([0.0, 5.0], [1.0, 0.0], failed=[0, 1]), [1]),  # none is: the lowest all the same
        (ends([0.0, 0.2], [1.0, 1.1], [1.0, 1e3]), [0, 1]),  # far on the scale of the second
        (ends([5.0, 0.0], [1.0, 1.0 + 5e-7], [1.0, 0.0]), [1, 0]),  # zero coupling is as good
        (ends([0.0, 5.0], [2.0, 1.0], [0.0, 1.0]), [1]),  # at rest at zero coupling: no minimum
    ],
)
def test_valleys_are_told_apart(minima, rows):
    assert distinct(minima) == rows


def test_a_parameter_that_changes_nothing_hides_no_valley():
    """Beside the first parameter an inert one, of which no minimum has information."""
    minima = ends([0.0, 5.0, -4.0], [3.0, 1.0, 2.0])
    information = np.zeros((3, 2, 2))
    information[:, 0, 0] = 1.0
    inert = minima._replace(x=np.pad(minima.x, [(0, 0), (0, 1)]), information=information)
    assert distinct(inert) == distinct(minima) == [1, 2, 0]
    at_zero = inert._replace(information=information * np.array([0.0, 1.0, 1.0])[:, None, None])
    assert distinct(at_zero) == [1, 2]


def test_rows_are_taken_whole():
    minima = ends([0.0, 5.0, -4.0], [3.0, 1.0, 2.0])
    some = take(minima, [2, 0])
    assert some.x.ravel().tolist() == [-4.0, 0.0]
    assert some.chi2.tolist() == [2.0, 3.0]
    assert one(minima, 1).x.tolist() == [5.0]
    assert float(one(minima, 1).chi2) == 1.0
