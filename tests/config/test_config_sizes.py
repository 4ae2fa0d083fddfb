"""Configs that are too large, too deep or no text are refused at once, with what is allowed."""

import numpy as np
import pytest

from cevns_jax import cli
from cevns_jax.config.analysis import read_analysis
from cevns_jax.config.strict_toml import read_toml
from cevns_jax.errors import ConfigError
from configs import BASE, changed, write

DEEP = {number: ".".join("a" * number) for number in (16, 17, 1000, 50_000)}


def refusal(path, overrides=()):
    with pytest.raises(ConfigError) as caught:
        read_toml(path, overrides)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


@pytest.mark.parametrize("parts", [17, 1000, 50_000])
def test_deep_keys_are_refused_in_files_and_on_the_command_line(tmp_path, parts):
    path = tmp_path / "config.toml"
    for text in (f"{DEEP[parts]} = 1", f"x = 1\n[{DEEP[parts]}]", f"x = {{ {DEEP[parts]} = 1 }}"):
        path.write_text(text)
        assert "more than 16 parts" in refusal(path)
    path.write_text("x = 1\n")
    assert "at most 16 parts" in refusal(path, [f"{DEEP[parts]}=1"])
    assert "more than 16 parts" in refusal(path, [f"y={{ {DEEP[parts]} = 1 }}"])


def test_the_line_of_a_deep_key_is_named_and_the_deepest_allowed_key_is_read(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(f"{DEEP[16]} = 1\n")
    assert read_toml(path)
    path.write_text(f"x = 1\n\n{DEEP[17]} = 1\n")
    assert "config.toml: line 3: the key a.a.a" in refusal(path)


@pytest.mark.parametrize("value", ["{a = " * 100 + "1" + "}" * 100, "[" * 100 + "]" * 100])
def test_tables_and_lists_without_end_are_refused(tmp_path, value):
    path = tmp_path / "config.toml"
    path.write_text(f"a = {value}")
    assert "nested more than 16 deep" in refusal(path)


def test_long_lists_files_and_strings_are_refused_with_what_is_allowed(tmp_path):
    path = tmp_path / "config.toml"
    names = ", ".join(['"sin2_theta_w"'] * 600_000)
    path.write_text(f"[fit]\nfree = [{names}]\n")
    assert "larger than 0.2 MB" in refusal(path)
    path.write_text("x = 1\n")
    short = ", ".join(['"sin2_theta_w"'] * 1001)
    assert "[fit.free]: has 1001 entries; at most 1000" in refusal(path, [f"fit.free=[{short}]"])
    assert "at most 200000" in refusal(path, [f"fit.free=[{names}]"])
    assert "[title]: a string of 5000 characters; at most 4096" in refusal(
        path, ["title=" + "x" * 5000]
    )


def test_a_parameter_is_free_once(tmp_path):
    config = write(tmp_path, changed("fit.free", ["sin2_theta_w", "sin2_theta_w"]))
    with pytest.raises(ConfigError, match=r"\[fit\]: free names sin2_theta_w more than once"):
        read_analysis(config)


def test_a_name_of_a_file_with_a_nul_is_status_2(tmp_path, capsys):
    config = write(tmp_path, changed("experiments.coherent_csi_2021.counts", "a\0b.csv"))
    assert cli.main(["predict", str(config)]) == 2
    assert "coherent_csi_2021.counts]: a\\x00b.csv holds a NUL" in capsys.readouterr().err
    assert cli.main(["predict", f"{tmp_path}/a\0b.toml"]) == 2
    assert "no name of a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('title = "größe"\n'.encode("utf-16"), "UTF-16"),
        ('title = "test"\n'.encode("utf-16-le"), "UTF-16"),
        ('# a\ntitle = "größe"\n'.encode("latin-1"), r"Latin-1 or the like \(line 2\)"),
        (bytes(range(256)), "not a text file; expected TOML"),
    ],
)
def test_other_encodings_are_called_by_their_name(tmp_path, data, words):
    path = tmp_path / "config.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=rf"config\.toml: .*{words}"):
        read_toml(path)


def test_long_keys_and_values_are_cut_in_messages(tmp_path):
    path = write(tmp_path, BASE)
    for override in (f"{'k' * 3000}=1", f"interaction.couplings={'x' * 3000}"):
        with pytest.raises(ConfigError) as caught:
            read_analysis(path, [override])
        assert len(str(caught.value)) < 400


ULP = {"min": 0.2, "max": float(np.nextafter(0.2, 1))}


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("profile", ULP),
        ("profile", {"min": 0.2, "max": 0.2 + 1e-13, "points": 1000}),
        ("scan", {"axes": [ULP | {"parameter": "sin2_theta_w", "points": 2}]}),
        ("scan", {"axes": [ULP | {"parameter": "sin2_theta_w", "points": 4, "scale": "log"}]}),
    ],
)
def test_grids_whose_neighbours_coincide_are_refused(tmp_path, table, value):
    with pytest.raises(ConfigError, match=rf"\[{table}.*apart; neighbours must differ"):
        read_analysis(write(tmp_path, changed(table, value)))


def test_a_scan_draws_a_bearable_number_of_levels(tmp_path):
    axes = [{"parameter": "sin2_theta_w", "min": 0.1, "max": 0.3}]
    with pytest.raises(ConfigError, match="at most 20"):
        read_analysis(write(tmp_path, changed("scan", {"axes": axes, "levels": [1.0] * 21})))
