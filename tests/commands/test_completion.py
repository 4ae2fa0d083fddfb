"""Completion in a shell, asked for as bash asks: by the environment, answered on descriptor 8."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cevns_jax.cli import COMMANDS
from cevns_jax.commands.reproduce import FIGURES
from cevns_jax.config.experiments import DATA_SETS
from cevns_jax.config.interaction import INTERACTIONS

ROOT = Path(__file__).parents[2]
CSI = "configs/coherent_csi_2021.toml"
# The second line is seen when the program went on although a shell had asked.
CODE = "import sys\nfrom cevns_jax.cli import main\nmain()\nprint('went on')"


def completed(line, tmp_path, code=CODE):
    """The words that are offered at the end of a line, and what was said beside them."""
    answer = tmp_path / "answer"
    asked = {
        **{"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SUPPRESS_SPACE": "1"},
        **{"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"},
    }
    redirected = ["bash", "-c", 'exec 8>"$0"; exec 9>/dev/null; exec "$@"', str(answer)]
    done = subprocess.run(
        [*redirected, sys.executable, "-c", code],
        env=os.environ | asked,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return answer.read_text().split("\n"), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cevns ", {command.NAME for command in COMMANDS}),
        ("cevns reproduce ", set(FIGURES)),
        ("cevns init ", set(DATA_SETS)),
        ("cevns init dresden_ii --interaction ", set(INTERACTIONS)),
        ("cevns fit x.toml --data ", {"observed", "asimov", "toy", "toy_fixed_pulls"}),
        ("cevns fit x.toml --over", {"--overwrite"}),
        (f"cevns fit {CSI} --free r_", {"r_n_cs133", "r_n_i127"}),
        (f"cevns fit {CSI} --fix sin2", {"sin2_theta_w="}),
        (f"cevns scan {CSI} --grid n_", {"n_sigma="}),
        ("cevns fit missing.toml --free r_", {""}),
    ],
)
def test_what_may_stand_there_is_offered(tmp_path, line, words):
    found, said = completed(line, tmp_path)
    offered = {word.strip() for word in found}
    assert (offered >= words) if line.endswith(" ") else offered == words
    assert said == ""


def test_nothing_heavy_is_imported_to_complete(tmp_path):
    code = (
        "import os, sys\nfrom cevns_jax.cli import main\n"
        "leave = os._exit\n"
        "heavy = lambda: {'jax', 'numpy', 'matplotlib', 'xarray'} & set(sys.modules)\n"
        "os._exit = lambda status: leave(9 if heavy() else status)\n"
        "main()"
    )
    assert completed(f"cevns fit {CSI} --free sin2", tmp_path, code)[0] == ["sin2_theta_w"]


def test_a_run_that_no_shell_asked_for_does_not_import_argcomplete():
    code = (
        "import sys\nfrom cevns_jax.cli import main\n"
        "assert main(['fit', 'missing.toml']) == 2\n"
        "sys.exit('argcomplete' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
