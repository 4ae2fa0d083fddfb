"""Nuisances of own experiments: what each moves is what an experiment built anew has."""

import jax
import jax.numpy as jnp
import numpy as np
from double_integral import GERMANIUM
from own_germanium import MODEL, expected, ge_response, own

import cevns_jax as cj
from cevns_jax.detectors import TabulatedQuenching, gaussian_resolution, linear_table
from cevns_jax.experiments import Nuisance
from cevns_jax.form_factors import Helm
from cevns_jax.nuclei import NUCLIDES, target


def slope_of_rebuilt(build, step):
    """Derivative at zero of the counts of experiments built for several values."""
    far = [expected(build(i * step)) for i in (-2, -1, 1, 2)]
    return (far[0] - 8 * far[1] + 8 * far[2] - far[3]) / (12 * step)


def slope_in_pull(experiment, name):
    like = cj.Likelihood([experiment], MODEL)
    counts = jax.jit(lambda x: like.expected(like.values() | {name: x}))
    return np.asarray(jax.jacfwd(counts)(jnp.zeros(())))


def test_slope_in_a_quenching_nuisance_is_that_of_rebuilt_experiments():
    """Counts of experiments with scaled quenching tables, which know of no nuisance."""

    def response(scale):
        factor = linear_table(
            "quenching", [0.0, 2.0, 10.0, 100.0], scale * np.array([0.14, 0.19, 0.24, 0.33])
        )
        return ge_response(
            quenching=TabulatedQuenching(factor), resolution=gaussian_resolution(noise_kev=0.2)
        )

    nuisance = Nuisance(name="quenching", acts_on=("quenching",), width=0.1)
    moved = own(response=response(1.0), nuisances=[nuisance])
    reference = slope_of_rebuilt(lambda pull: own(response=response(1 + 0.1 * pull)), 0.05)
    found = slope_in_pull(moved, "ge_quenching")
    assert abs(reference).max() > 1
    np.testing.assert_allclose(found, reference, atol=1e-5 * abs(reference).max(), rtol=0)


def test_slope_in_a_resolution_nuisance_is_that_of_rebuilt_experiments():
    def response(scale):
        return ge_response(
            resolution=gaussian_resolution(noise_kev=0.2 * scale, statistical=0.3 * scale)
        )

    nuisance = Nuisance(name="width", acts_on=("resolution",), width=0.2)
    moved = own(response=response(1.0), nuisances=[nuisance])
    reference = slope_of_rebuilt(lambda pull: own(response=response(1 + 0.2 * pull)), 0.05)
    found = slope_in_pull(moved, "ge_width")
    assert abs(reference).max() > 0.05
    np.testing.assert_allclose(found, reference, atol=1e-5 * abs(reference).max(), rtol=0)


def test_nuisances_on_one_effect_add_up_and_others_multiply():
    nuisances = [
        Nuisance(name="calibration", acts_on=("quenching",), width=0.03),
        Nuisance(name="model", acts_on=("quenching",), width=0.06),
        Nuisance(name="flux", acts_on=("cevns",), width=0.1, shared=True),
    ]
    both = own(nuisances=nuisances)
    one = own(nuisances=[Nuisance(name="sum", acts_on=("quenching",), width=0.1)])
    found = expected(both, ge_calibration=2.0, ge_model=0.5, flux=-1.5)
    np.testing.assert_allclose(found, 0.85 * expected(one, ge_sum=0.9), rtol=1e-12)


def test_the_neutron_radius_nuisance_is_another_target():
    nuisance = Nuisance(name="radius", acts_on=("neutron_radius",), width=0.05)
    radii = {symbol: 1.05 * NUCLIDES[symbol].charge_radius for symbol in GERMANIUM}
    larger = target("Ge", form_factor=Helm(), neutron_radius_fm=radii)
    found = expected(own(nuisances=[nuisance]), ge_radius=1.0)
    np.testing.assert_allclose(found, expected(own(target=larger)), rtol=1e-7)
    assert (found < expected(own())).all()
