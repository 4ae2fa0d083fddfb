"""Do the tests bite? The package with one small change at a time, and tests that must notice it.

Each change of the table is made in a copy of the package, and a few fast tests run on the copy. It
is caught where pytest says that one of them failed; an error on the way there is no answer.
"""

import ast
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from changes import MUTATIONS

ROOT = Path(__file__).parents[2]
COPIED = ("cevns_jax", "tests", "configs")
AT_ONCE = 2  # cores that there are at least
FAILED = 1  # exit status of pytest where a test failed; 2 and more: it could not run them
LONGEST = 600  # seconds of one run: a change can make a loop endless

# Whether there is an example that fails is asked, not which is the plainest: looking for that one
# takes most of the time.
NOT_SHRUNK = """
phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
parent = hypothesis.settings.get_profile("cevns")
hypothesis.settings.register_profile("mutants", parent, phases=phases)
hypothesis.settings.load_profile("mutants")
"""

pytestmark = pytest.mark.slow


def copied(folder):
    """A copy of the package and its tests, without what was compiled of them."""
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    with (folder / "tests" / "conftest.py").open("a") as file:
        file.write(NOT_SHRUNK)
    return folder


def run(folder, tests):
    """Exit status and output of some tests of a copy; JAX compiles into the cache of this run."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "--no-cov", "-p"]
    command += ["no:cacheprovider", *(f"tests/{test}" for test in tests)]
    places = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | places,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    return done.returncode, done.stdout + done.stderr


def mutated(name, folder):
    """Status and output of the tests of a mutation on the package with it."""
    mutation = MUTATIONS[name]
    path = copied(folder) / "cevns_jax" / mutation.path
    text = path.read_text()
    assert text.count(mutation.old) == 1, f"{mutation.path}: {mutation.old!r} is not there once"
    changed = text.replace(mutation.old, mutation.new)
    ast.parse(changed)
    path.write_text(changed)
    return run(folder, mutation.tests.splitlines())


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """What was asked for, by name of the mutation, and under None all their tests without one."""
    names = [item.callspec.params["name"] for item in request.session.items if asks(item)]
    of = names or MUTATIONS  # where only the run without a change was asked for
    selected = sorted({test for name in of for test in MUTATIONS[name].tests.splitlines()})
    # Whole files first: a test of one is not run twice.
    whole = {test for test in selected if "::" not in test}
    selected = [t for t in selected if t in whole or t.split("::")[0] not in whole]
    folder = tmp_path_factory.mktemp("mutants")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = {None: pool.submit(lambda: run(copied(folder / "none"), selected))}
        for number, name in enumerate(names):
            found[name] = pool.submit(mutated, name, folder / str(number))
        yield found


def asks(item):
    """Whether a test that was collected is one of a mutation."""
    return getattr(item, "originalname", "") == "test_a_change_is_noticed"


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_change_is_noticed(runs, name):
    status, output = runs[name].result()
    assert status == FAILED, f"{MUTATIONS[name]}\n{output}"


def test_without_a_change_the_same_tests_pass(runs):
    status, output = runs[None].result()
    assert status == 0, output


def test_there_are_enough_of_them_in_all_rooms():
    assert len(MUTATIONS) >= 20
    rooms = {mutation.path.split("/")[0].removesuffix(".py") for mutation in MUTATIONS.values()}
    assert {"interactions", "sources", "recoil", "detectors", "prediction"} < rooms
    assert {"statistics", "likelihood", "inference", "form_factors"} < rooms
