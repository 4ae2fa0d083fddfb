"""Names of the axes of own experiments: all that results can keep, and no others."""

import json

import numpy as np
import pytest
from own_configs import BINS, write

import cevns_jax as cj
from cevns_jax import cli
from cevns_jax.errors import ConfigError
from cevns_jax.prediction.axes import BESIDE, check_axes
from cevns_jax.results import load


def test_bins_of_the_recoil_energy_are_predicted_and_drawn_as_they_are(capsys, tmp_path):
    config = write(tmp_path, {}, {"bins.csv": BINS.replace("x_kev", "recoil_kev")})
    arguments = ["predict", str(config), "--output", str(tmp_path / "out"), "--json"]
    assert cli.main(arguments) == 0, capsys.readouterr().err
    files = json.loads(capsys.readouterr().out)["files"]
    group = load(files[1]).groups["mine"]
    np.testing.assert_array_equal(group["recoil_kev"][1], [2.5, 6.0, 14.0])
    np.testing.assert_array_equal(group["recoil_kev_edges"][1], [1.0, 4.0, 8.0, 20.0])
    assert group["spectrum"][0] == ("flavour", "isotope", "recoil_energy_kev")
    assert group["recoil_energy_kev"][1].shape == group["spectrum"][1].shape[-1:]
    assert cli.main(["plot", files[1], "--output", str(tmp_path / "again")]) == 0


@pytest.mark.parametrize("name", BESIDE)
def test_an_axis_cannot_be_called_as_what_stands_beside_it(capsys, tmp_path, name):
    config = write(tmp_path, {}, {"bins.csv": BINS.replace("x_kev", name)})
    assert cli.main(["predict", str(config)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f'bins.csv: an axis cannot be called "{name}"' in said
    with pytest.raises(ConfigError, match=f'^mine: an axis cannot be called "{name}"'):
        own(name)


def own(axis):
    return cj.experiments.own_experiment(
        name="mine",
        target=cj.nuclei.target("Ge", form_factor=cj.form_factors.Helm()),
        source=cj.sources.spallation_source(
            neutrinos_per_proton=0.08, protons_on_target=1e22, distance_m=20.0
        ),
        mass_kg=10.0,
        response=cj.detectors.energy_response(
            axis=axis,
            edges=np.array([1.0, 4.0, 8.0]),
            quenching=cj.detectors.lindhard(0.157, protons=32),
            resolution=cj.detectors.PerfectResolution(),
            efficiency=1.0,
        ),
        backgrounds={},
        nuisances=[],
        observed=None,
    )


@pytest.mark.parametrize("axes", [["a b"], ["x", "x_edges"], ["x_edge", "x"], ["a/b"]])
def test_axes_need_names_that_arrays_can_have(axes):
    with pytest.raises(ConfigError, match=r"mine: .*(identifier|cannot be called)"):
        check_axes("mine", axes)
    check_axes("mine", ["x", "y_edges", "time_us"])
