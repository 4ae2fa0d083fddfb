"""Own experiments with several measured quantities, and with arrival times."""

import numpy as np
from double_integral import (
    GERMANIUM,
    LINE,
    double_integral,
    highest,
    lindhard_energy,
    recoils_of,
    shape,
)
from own_germanium import AXES, EDGES, SNS, arrival_times, expected, own, two_axes
from scipy.special import ndtr

from cevns_jax.detectors import tabulated_response
from cevns_jax.experiments import ArrivalTimes


def test_a_tensor_of_two_quantities_and_times_marginalises_to_one():
    recoil, tensor, summed = two_axes()
    full = own(
        response=tabulated_response(AXES, recoil, tensor),
        arrival_times=arrival_times(),
        backgrounds={"flat": np.ones((3, 2, 2))},
    )
    assert full.axes == ("s1_pe", "s2_pe", "time_us")
    assert full.observed.shape == (3, 2, 2)
    for edges, given in zip(full.edges, (*AXES.values(), [0.0, 1.0, 6.0]), strict=True):
        np.testing.assert_array_equal(edges, given)
    counts = expected(full) - 1
    assert counts.shape == (3, 2, 2)

    one_axis = tabulated_response({"s1_pe": AXES["s1_pe"]}, recoil, summed)
    timed = own(response=one_axis, arrival_times=arrival_times())
    np.testing.assert_allclose(counts.sum(axis=1), expected(timed), rtol=1e-7)
    everything = {flavour: [0.25, 0.75] for flavour in SNS.flavours}
    whole = own(response=one_axis, arrival_times=arrival_times(**everything))
    untimed = own(response=one_axis)
    np.testing.assert_allclose(expected(whole).sum(axis=1), expected(untimed), rtol=1e-12)


def test_each_flavour_arrives_at_its_own_times():
    """One flavour in the first time bin, the others in the second."""
    rows = {"nu_mu": [1.0, 0.0], "nu_mu_bar": [0.0, 1.0], "nu_e": [0.0, 1.0]}
    timed = own(arrival_times=ArrivalTimes(edges_us=np.array([0.0, 1.0, 6.0]), fractions=rows))
    parts = expected(timed)

    def probability(recoil):
        energy = lindhard_energy(recoil)
        return np.diff(ndtr((EDGES - energy) / np.sqrt(0.2**2 + 0.05**2 * energy)))

    def spectrum(mass, recoil):
        return shape(mass, recoil, LINE)

    bends = recoils_of(EDGES, lindhard_energy, highest(LINE, 65000.0))
    line = double_integral(GERMANIUM, spectrum, [LINE], probability, bends)
    np.testing.assert_allclose(parts[:, 0], 10 * SNS.fluence * line, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(parts.sum(axis=1), expected(own()), rtol=1e-12)
