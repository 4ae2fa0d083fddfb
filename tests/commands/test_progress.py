"""The line that tells on a terminal what a command is doing."""

import os
import pty
import subprocess
import sys

import pytest

SCRIPT = """
import sys, time
import jax
from cevns_jax.commands import progress
progress.SILENT, progress.EVERY = 0.0, 0.01

def many_terms(x):
    for i in range(400):
        x = jax.numpy.sin(x * (i + 0.5)) + 1 / (1 + x)
    return x

with progress.Progress("scan") as shown:
    time.sleep(2.1)
    for number in shown(range(3)):
        time.sleep(0.1)
    for number in shown(iter("abc")):
        time.sleep(0.1)
    for number in shown.counted_in("draws", 400)(range(3)):
        time.sleep(0.1)
    jax.jit(many_terms)(1.0)
    shown.notice("something to know")
print("the result")
"""


def test_in_a_pipe_nothing_is_drawn_but_notices():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout == "the result\n"
    assert done.stderr == "cevns: something to know\n"


@pytest.fixture(scope="module")
def drawn():
    """What a terminal of 80 columns was sent."""
    ours, theirs = pty.openpty()
    import termios

    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stderr=theirs, stdout=theirs):
        os.close(theirs)
        text = b""
        while True:
            try:
                text += os.read(ours, 65536)
            except OSError:  # the other side has ended
                break
    os.close(ours)
    return text.decode()


@pytest.mark.parametrize(
    "said",
    [
        *("scan: 00:00", "1 of 3 done, 0 s left", "1 done", "compiling many terms"),
        "800 of 1200 draws, ",
        " a second, 0 s left",
    ],
)
def test_a_terminal_is_told_how_far_it_is_and_what_is_compiled(drawn, said):
    assert said in drawn


def test_the_line_is_gone_when_the_result_is_printed(drawn):
    last = drawn.splitlines()[-1]  # a carriage return ends a line here as well
    assert last == "the result"
    assert "cevns: something to know" in drawn.splitlines()
    before = drawn[: drawn.rindex("the result")].rsplit("\r", 2)
    assert before[-1] == ""
    assert before[-2].strip() == "", "spaces over the line"
