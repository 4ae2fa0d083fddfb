"""Figures 1 and 2 of the mission paper from the command line; minutes, so rarely."""

import json

import pytest

from cevns_jax.cli import main

pytestmark = pytest.mark.slow


def run(capsys, tmp_path, figure):
    assert main(["reproduce", figure, "--json", "--output", str(tmp_path)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["figure"] == figure
    for file in document["files"]:
        assert (tmp_path / file).stat().st_size > 1000
    return document["results"]


def test_figure_1_has_the_three_profiles(capsys, tmp_path):
    """68 % ranges hold the Standard-Model value, and CsI (2021) is the narrowest."""
    found = run(capsys, tmp_path, "fig1")
    widths = {}
    for name, result in found.items():
        ((low, high),) = result["limits"][0]["allowed"]
        assert low < 0.23857 < high
        widths[name] = high - low
    assert min(widths, key=widths.get) == "coherent_csi_2021"
    assert len(widths) == 3


def test_figure_2_has_our_points_at_their_scales(capsys, tmp_path):
    """About 10 MeV at a reactor, some tens of MeV at the SNS; published angles (arXiv:2205.09484,
    2203.02414) to half their errors."""
    found = run(capsys, tmp_path, "fig2")
    for name, point in found.items():
        low, high = (1, 12) if name.startswith("dresden") else (30, 75)
        assert low < point["q_low"] < point["q_high"] < high
    assert found["dresden_ii_iron_filter"]["value"] == pytest.approx(0.219, abs=0.03)
    assert found["dresden_ii_modified_lindhard"]["value"] == pytest.approx(0.178, abs=0.01)
