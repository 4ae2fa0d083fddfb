"""Runs of NUTS that are interrupted: they end with the bits of those that were not."""

import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.inference import run
from cevns_jax.inference.blocks import Blocks

DRAWS, RECORD = 350, {"seed": 3}  # of a run with four blocks, the last one only half used


class Interrupted(Exception):
    pass


def after(blocks):
    """Progress that ends a run before a block of draws, counted from that of the warm-up."""

    def counted(items):
        for number, item in enumerate(items):
            if number == blocks:
                raise Interrupted
            yield item

    return counted


@pytest.fixture(scope="module")
def counting():
    csi = cj.experiments.coherent_csi_2017(nuisances="backgrounds_only")
    return cj.Likelihood(csi, free=["n_sigma"])


def sample(likelihood, **options):
    return cj.sample(likelihood, **{"seed": 3, "draws": DRAWS, "chains": 4} | options)


@pytest.fixture(scope="module")
def whole(counting):
    return sample(counting)


def same(one, other):
    np.testing.assert_array_equal(one.x, other.x)
    assert one.statistics.keys() == other.statistics.keys()
    for name, values in one.statistics.items():
        np.testing.assert_array_equal(values, other.statistics[name])
    assert one.retried == other.retried


def test_a_run_goes_on_after_its_last_block_to_the_same_bits(counting, whole, tmp_path):
    assert whole.x.shape == (4, DRAWS, 3)
    folder = tmp_path / "blocks"
    for blocks, kept in ((3, 0), (run.WARM_UP, 1), (0, 1), (2, 3)):
        with pytest.raises(Interrupted):
            sample(counting, blocks=Blocks(folder, RECORD), progress=after(blocks))
        assert len(list(folder.glob("*.block"))) == kept
    steps = []
    same(
        sample(counting, blocks=Blocks(folder, RECORD), progress=lambda x: steps.append(x) or x),
        whole,
    )
    assert [len(items) for items in steps] == [2], "only what is left is counted"


def test_everything_behind_a_damaged_block_is_computed_again(counting, whole, tmp_path):
    sample(counting, blocks=Blocks(tmp_path, RECORD))
    path = tmp_path / "000002.block"
    path.write_bytes(path.read_bytes()[:-7])
    said, saved = [], []

    class Watched(Blocks):
        def save(self, number, arrays):
            saved.append(number)
            super().save(number, arrays)

    same(sample(counting, blocks=Watched(tmp_path, RECORD, said.append)), whole)
    assert saved == [2, 3, 4]
    (line,) = said
    assert "000002.block: damaged" in line
    with pytest.raises(ConfigError, match=r"holds blocks of another run.* seed was 3 and is 4"):
        Blocks(tmp_path, {"seed": 4})


@pytest.mark.slow
def test_a_second_attempt_is_resumed_as_well(counting, tmp_path, monkeypatch):
    """A divergence in the second block of the first attempt, made up."""
    advance = run.advance

    def diverging(*given, **options):
        states, made = advance(*given, **options)
        first = options["acceptance"] == run.ACCEPTANCE[0]
        calls.append(first)
        if first and sum(calls) == run.WARM_UP + 2:
            made = made._replace(diverging=np.asarray(made.diverging) | True)
        return states, made

    monkeypatch.setattr(run, "advance", diverging)
    calls = []
    whole = sample(counting)
    assert whole.retried
    assert not whole.statistics["diverging"].any()
    assert calls == [True] * (run.WARM_UP + 2) + [False] * (run.WARM_UP + 4)
    calls = []
    blocks = Blocks(tmp_path, RECORD)
    passes = iter([iter, after(run.WARM_UP + 1)])
    with pytest.raises(Interrupted):
        sample(counting, blocks=blocks, progress=lambda items: next(passes)(items))
    assert len(list(tmp_path.glob("*.block"))) == 3 + 2
    monkeypatch.setattr(run, "advance", advance)
    same(sample(counting, blocks=Blocks(tmp_path, RECORD)), whole)
