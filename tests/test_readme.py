"""The README's Python lines and what it says about its commands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_python_lines_run_and_print_what_they_say(capsys):
    published, own = blocks("python")
    assert len(published.strip().splitlines()) <= 14
    names = {}
    exec(compile(published, "README.md", "exec"), names)
    angle, low, high = (float(x) for x in re.findall(r"\d\.\d+", capsys.readouterr().out))
    assert angle == pytest.approx(0.231, abs=0.005)
    assert angle - low == pytest.approx(0.024, abs=0.002)
    assert high - angle == pytest.approx(0.027, abs=0.002)
    exec(compile(own, "README.md", "exec"), names)
    value, _, low, high = (float(x) for x in re.findall(r"\d\.\d+", capsys.readouterr().out))
    said = re.search(r"# ([\d.]+) \+([\d.]+) -([\d.]+)", own)
    assert (value, high, low) == pytest.approx([float(x) for x in said.groups()], abs=6e-4)


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
