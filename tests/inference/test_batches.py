"""Which of two ends of a minimisation is to be preferred."""

import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.inference.batches import better, replaced_where
from cevns_jax.inference.endings import Ending
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.valleys import preferred
from cevns_jax.interactions import standard_model

INF, NAN = np.inf, np.nan


def minima(chi2, converged):
    n = len(chi2)
    zeros = np.zeros((n, 1))
    return Minimum(
        x=np.arange(n, dtype=float)[:, None],
        chi2=np.array(chi2, dtype=float),
        gradient=zeros,
        information=np.ones((n, 1, 1)),
        edm=np.zeros(n),
        steps=np.ones(n, int),
        ending=np.where(converged, 0, int(Ending.OUT_OF_STEPS)),
    )


@pytest.mark.parametrize(
    ("new", "old", "preferred"),
    [
        ((2.0, True), (3.0, True), True),
        ((3.0, True), (2.0, True), False),
        ((2.0, True), (2.0, True), False),
        ((3.0, True), (2.0, False), True),  # a minimum, not a point on the way to one
        ((1.0, False), (2.0, True), False),
        ((1.0, False), (2.0, False), True),
        ((INF, True), (2.0, False), False),  # excluded is no reason to forget a number
        ((2.0, False), (INF, True), True),
        ((2.0, True), (NAN, False), True),
        ((NAN, False), (2.0, False), False),
        ((NAN, False), (NAN, False), False),
        ((INF, True), (INF, True), False),
    ],
)
def test_the_lower_one_that_converged(new, old, preferred):
    one, other = minima([new[0]], [new[1]]), minima([old[0]], [old[1]])
    assert better(one, other).tolist() == [preferred]


def test_no_two_are_better_than_each_other():
    chi2 = [1.0, 2.0, 2.0 + 5e-5, INF, NAN]
    chi2, converged = np.repeat(chi2, 2), np.tile([True, False], 5)
    first, second = np.indices((10, 10)).reshape(2, -1)
    one = minima(chi2[first], converged[first])
    other = minima(chi2[second], converged[second])
    for by in (0.0, 1e-4):
        assert not (better(one, other, by) & better(other, one, by)).any()


def test_a_margin_keeps_what_is_nearly_as_low():
    new, old = minima([1.9999, 1.5], [True, True]), minima([2.0, 2.0], [True, True])
    assert better(new, old, by=1e-3).tolist() == [False, True]


def test_chosen_rows_are_taken_whole():
    new, old = minima([1.0, 2.0, 3.0], [True] * 3), minima([4.0, 5.0, 6.0], [False] * 3)
    taken = replaced_where(np.array([True, False, True]), new._replace(x=new.x + 10), old)
    assert taken.chi2.tolist() == [1.0, 5.0, 3.0]
    assert taken.x.ravel().tolist() == [10.0, 1.0, 12.0]
    assert taken.converged.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ((9.0, True, 0.2), (5.0, True, -0.4), True),  # where the angle is expected
        ((5.0, True, -0.4), (9.0, True, 0.2), False),
        ((INF, True, 0.2), (5.0, False, -0.4), False),
        ((NAN, False, 0.2), (5.0, False, -0.4), False),
        ((5.0, False, -0.4), (INF, True, 0.2), True),
    ],
)
def test_of_two_minima_the_one_where_parameters_are_expected(new, old, expected):
    csi = cj.experiments.coherent_csi_2021()
    like = cj.Likelihood([csi], standard_model(), free=["sin2_theta_w"])
    like = like.hold(**{name: 0.0 for name in like.names if name != "sin2_theta_w"})
    ends = [minima([chi2], [done])._replace(x=np.array([[x]])) for chi2, done, x in (new, old)]
    assert preferred(like, *ends).tolist() == [expected]
