"""Notebooks are kept as they were executed: outputs and figures are read where nothing is run."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
PATH_OF_A_MACHINE = re.compile(r"/(home|tmp|root|work|Users|usr|opt)/")


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_run_from_top_to_bottom(path):
    """As ``pytest --nbmake --overwrite notebooks`` does."""
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    for output in outputs:
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr", output["text"]
        texts = [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
        assert not any(PATH_OF_A_MACHINE.search("".join(text)) for text in texts)
