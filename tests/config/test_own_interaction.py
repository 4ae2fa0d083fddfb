"""Own interactions in a config: only what is one is called, and their faults end in a sentence."""

import sys

import pytest

from cevns_jax.cli import main
from cevns_jax.config.analysis import read_analysis
from cevns_jax.errors import ConfigError

START = """\
from dataclasses import dataclass

import jax

from cevns_jax.interactions import NewPhysics
from cevns_jax.parameters import Parameter


"""
CLASS = """\
@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Mine(NewPhysics):
    size: float = 1.0

    @property
    def parameters(self):
        return (Parameter(name="q_mine", lower=-5.0, upper=5.0),)

    @property
    def conventions(self):
        return "Q_W grows by a constant"

    def vector_charge(self, recoil, nucleus, flavour, values):
        return self.size * values["q_mine"]
"""
FIT = """
[experiments.coherent_csi_2021]
[fit]
free = ["q_mine"]
"""


@pytest.fixture
def config(tmp_path, request):
    """Makes a config whose own class lies in a module of its own, with a name never used before."""
    count = 0

    def make(code, entry="Mine", keys=""):
        nonlocal count
        count += 1
        name = f"mine_{abs(hash(request.node.name))}_{count}"
        (tmp_path / f"{name}.py").write_text(code)
        path = tmp_path / "own.toml"
        path.write_text(f'[[interaction.own]]\nobject = "{name}:{entry}"\n{keys}{FIT}')
        return path, f"{name}.py"

    before = set(sys.modules)
    yield make
    for name in set(sys.modules) - before:
        if name.startswith("mine_"):
            del sys.modules[name]


def line_of(code, words):
    return next(n for n, line in enumerate(code.splitlines(), start=1) if words in line)


def refused(capsys, command, path):
    """The one line of a command that ends with status 2."""
    assert main([command, str(path), "--output", str(path.parent / "out")]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert str(path) in line
    return line


@pytest.mark.parametrize("entry", ["os:system", "sys:exit", "builtins:print", "json:loads"])
def test_only_a_class_of_new_physics_is_called(tmp_path, capsys, entry):
    path = tmp_path / "own.toml"
    proof = tmp_path / "proof"
    path.write_text(f'[[interaction.own]]\nobject = "{entry}"\ncommand = "touch {proof}"\n{FIT}')
    assert "NewPhysics" in refused(capsys, "fit", path)
    assert not proof.exists()


def test_a_class_of_something_else_is_not_made(config, capsys):
    code = "class Mine:\n    def __init__(self):\n        raise SystemExit(0)\n"
    path, _ = config(code)
    assert "is no NewPhysics" in refused(capsys, "predict", path)


@pytest.mark.parametrize(
    ("code", "words", "at"),
    [
        ("import sys\nsys.exit(0)\n", "SystemExit: 0", "sys.exit(0)"),
        ("raise KeyError('x')\n", "KeyError", "raise"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError", "import"),
        ("class Mine(:\n", "SyntaxError", "class"),
        (START + CLASS.replace("Mine", "Other"), "AttributeError", ""),
    ],
)
def test_a_module_that_fails_is_named_with_its_line(config, capsys, code, words, at):
    path, file = config(code)
    said = refused(capsys, "predict", path)
    assert words in said
    assert (f"({file}:{line_of(code, at)})" if at else file.removesuffix(".py")) in said


INIT = "    def __post_init__(self):\n        {}\n"


@pytest.mark.parametrize(
    ("code", "keys", "words", "at"),
    [
        (CLASS + INIT.format("raise SystemExit"), "", "SystemExit", "raise SystemExit"),
        (CLASS + INIT.format("1 / self.size"), "size = 0\n", "ZeroDivisionError", "1 / self.size"),
        (CLASS, "sise = 0\n", "unexpected keyword argument 'sise'", ""),
        (CLASS, "size = 'long'\n", "real numbers, not str", "class Mine"),
        (CLASS, "size = [1.0, 'long']\n", "not str", "class Mine"),
        (CLASS.replace("@jax.tree_util.register", "# @"), "", "registered", "class Mine"),
        (CLASS + "    heavy_lepton = 3\n", "", "heavy_lepton", "class Mine"),
        (CLASS + "    heavy_lepton = 'm9'\n", "", "m9", ""),
        (
            CLASS.replace("return (Parameter(", "raise OSError('no\\nway') or (P("),
            "",
            "OSError: no",
            "raise OSError",
        ),
        (CLASS.replace('name="q_mine"', 'name="q mine"'), "", "identifier", ""),
        (CLASS.replace("lower=-5.0", "lower=1.0"), "", "lie between 1 and", ""),
        (CLASS.replace("return (Param", "return ('q_mine', Param"), "", "'q_mine'", ""),
        (CLASS.replace('"Q_W grows by a constant"', "3"), "", "conventions", ""),
    ],
)
def test_a_class_that_fails_when_it_is_made_or_asked(config, capsys, code, keys, words, at):
    path, file = config(START + code, keys=keys)
    said = refused(capsys, "predict", path)
    assert words in said
    if at:
        line = line_of(START + code, at)
        places = (line, line - 1, line - 2)  # a definition begins with its decorators
        assert any(f"({file}:{place})" in said for place in places)


@pytest.mark.parametrize("command", ["predict", "fit"])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("return values['q_mein']", "q_mein"),
        ("return 1.0 if values['q_mine'] > 0 else 0.0", "TracerBoolConversionError"),
        ("return None", "vector_charge"),
        ("return (1.0, 2.0, 3.0, 4.0, 5.0)", "vector_charge has shape"),
        ("return 1j * values['q_mine']", "real numbers"),
    ],
)
def test_coefficients_that_fail_while_they_are_traced(config, capsys, command, wrong, words):
    code = START + CLASS.replace('return self.size * values["q_mine"]', wrong)
    path, file = config(code)
    said = refused(capsys, command, path)
    assert words in said
    line = line_of(code, wrong)
    assert f"({file}:{line})" in said or f"({file}:{line - 1})" in said  # the def, if it returned


def test_a_pair_and_a_triple_are_asked_for(config):
    more = "\n    def {}(self, recoil, *_):\n        return 1.0, 2.0, 3.0, 4.0\n"
    for method in ("coefficients", "axial_couplings"):
        path, file = config(START + CLASS + more.format(method))
        likelihood = read_analysis(path).likelihood
        with pytest.raises(ConfigError, match=f"{method} must return . arrays, not 4.*{file}"):
            likelihood.components(likelihood.values())


def test_a_sound_class_predicts_as_it_does_in_python(config, capsys):
    """Q_W of caesium and iodine grows by 20, and the object is still to be looked at."""
    path, _ = config(START + CLASS, keys="size = 2.0\n")
    analysis = read_analysis(path)
    assert analysis.likelihood.interaction.added[0].size == 2.0
    assert analysis.likelihood.interaction.conventions["mine"] == "Q_W grows by a constant"
    assert main(["predict", str(path), "--json"]) == 0
    assert main(["predict", str(path), "--json", "--set", "parameters.q_mine.start=5"]) == 0
    assert capsys.readouterr().err == ""


def test_modules_of_one_name_beside_two_configs_are_two(tmp_path):
    for folder, start in (("one", "0.5"), ("two", "0.7"), ("json", "0.9")):
        (tmp_path / folder).mkdir()
        name = "json" if folder == "json" else "mine_of_two"
        code = CLASS.replace('"q_mine",', f'"q_mine", start={start},')
        (tmp_path / folder / f"{name}.py").write_text(START + code)
        (tmp_path / folder / "own.toml").write_text(
            f'[[interaction.own]]\nobject = "{name}:Mine"\n{FIT}'
        )
    for folder, start in (("one", 0.5), ("two", 0.7), ("one", 0.5)):
        likelihood = read_analysis(tmp_path / folder / "own.toml").likelihood
        assert likelihood.parameters["q_mine"].start == start
    del sys.modules["mine_of_two"]
    with pytest.raises(ConfigError, match="module 'json' has no attribute 'Mine'"):
        read_analysis(tmp_path / "json" / "own.toml")


def test_a_class_without_fields_will_do(config):
    path, _ = config((START + CLASS).replace("    size: float = 1.0\n", "    size = 1.0\n"))
    likelihood = read_analysis(path).likelihood
    changed = likelihood.components(likelihood.values() | {"q_mine": 5.0})
    (before, after) = (
        float(parts["coherent_csi_2021"]["cevns"].sum())
        for parts in (likelihood.components(likelihood.values()), changed)
    )
    assert before != pytest.approx(after, rel=0.01)
