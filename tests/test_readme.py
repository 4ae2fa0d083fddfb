"""The README's Python lines and what it says about its commands."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def names():
    """What the README's first Python lines leave behind, with what they printed."""
    published, names = blocks("python")[0], {}
    assert len(published.strip().splitlines()) <= 14
    with redirect_stdout(StringIO()) as printed:
        exec(compile(published, "README.md", "exec"), names)
    return names | {"printed": printed.getvalue()}


def run(block, names, capsys):
    """What a block prints after the first one."""
    exec(compile(block, "README.md", "exec"), dict(names))
    return capsys.readouterr().out


def block_with(words):
    (found,) = [block for block in blocks("python") if words in block]
    return found


def test_first_python_lines_print_the_angle_and_its_interval(names):
    angle, low, high = (float(x) for x in re.findall(r"\d\.\d+", names["printed"]))
    assert angle == pytest.approx(0.231, abs=0.005)
    assert angle - low == pytest.approx(0.024, abs=0.002)
    assert high - angle == pytest.approx(0.027, abs=0.002)


def test_lines_on_cross_section_and_recoils_run(names, capsys):
    """G_F^2 Q_W^2 E^2/(4 pi) is 2.4e-38 cm^2 at 30 MeV, form factor apart."""
    sigma, rate = (
        float(x)
        for x in re.findall(r"[\d.]+(?:e-\d+)?", run(block_with("cross_section"), names, capsys))[
            :3:2
        ]
    )
    assert 1e-38 < sigma < 2.4e-38
    assert 10 < rate < 1000


@pytest.mark.parametrize("package", ["iminuit", "scipy", "emcee", "numpyro"])
def test_other_minimisers_and_samplers_find_the_same_angle(names, capsys, package):
    """Five lines each, of which the first imports; the mean of a posterior is a little higher."""
    block = block_with(f"import {package}")
    lines = [line for line in block.strip().splitlines() if line and "import" not in line]
    assert len(lines) <= 5
    np.random.seed(1)  # emcee goes on from here
    value = float(run(block, names, capsys))
    best = names["best"].values["sin2_theta_w"]
    sampled = package in ("emcee", "numpyro")
    assert value == pytest.approx(best, abs=0.006 if sampled else 5e-5)
    said = float(re.search(r"# ([\d.]+)$", block.strip()).group(1))
    assert value == pytest.approx(said, abs=0.006 if sampled else 6e-4)


def test_lines_of_a_posterior_print_its_mean(names, capsys):
    block = block_with("cj.sample(")
    said = float(re.search(r"# ([\d.]+)$", block.strip()).group(1))
    assert float(run(block, names, capsys)) == pytest.approx(said, abs=0.002)


def test_lines_of_an_own_experiment_print_what_they_say(names, capsys):
    own = block_with("own_experiment(")
    printed = run(own, names, capsys)
    assert printed == re.search(r"# ([\d.]+ \+[\d.]+ -[\d.]+\n)", own).group(1)


def test_lines_that_save_and_draw_leave_both_files(names, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(block_with("fit_result(best)"), names, capsys)
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["csi.nc", "csi.png"]


def test_first_block_holds_the_two_commands_one_line_each():
    run, test = blocks("sh")[0].strip().splitlines()
    assert run.endswith("cevns fit configs/coherent_csi_2021.toml")
    assert test.endswith("pytest")


def test_every_config_and_file_that_it_names_exists():
    for name in re.findall(r"`([\w/.]+\.(?:toml|py|ipynb|lock))`", README):
        candidates = (ROOT / name, ROOT / "configs" / name, ROOT / "cevns_jax" / name)
        assert any(path.exists() for path in candidates), name
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_config_is_listed():
    for path in (ROOT / "configs").glob("*.toml"):
        assert path.name in README
