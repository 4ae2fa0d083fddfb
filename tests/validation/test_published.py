"""Published numbers say where they were read, on the page and in JSON."""

import numpy as np
import pytest

from cevns_jax import published
from cevns_jax.inference.intervals import Interval
from cevns_jax.published import STATUSES, Published
from cevns_jax.validation import Bound, Row, table_text

NUMBERS = [n for n in vars(published).values() if isinstance(n, Published)]
NUMBERS += [
    number
    for group in vars(published).values()
    if isinstance(group, dict | tuple)
    for number in (group.values() if isinstance(group, dict) else group)
    if isinstance(number, Published)
]


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (published.COHERENT_EVENTS, "confirmed"),
        (published.COHERENT_PREDICTION, "third party"),
        (published.COHERENT_CROSS_SECTION, "third party"),
        (published.COHERENT_ANGLE, "not found"),
        (published.COHERENT_SIGNIFICANCE, "not found"),
        (published.ATZORI_CORONA_ANGLE, "not found"),
        (published.FIRST_OBSERVATION["significance"], "confirmed"),
        (published.FIRST_OBSERVATION["events"], "not found"),
        (published.ARGON["events"], "third party"),
        (published.ARGON["prediction"], "third party"),
        (published.ARGON["curve"], "confirmed"),
        (published.ARGON["significance"], "confirmed"),
        (published.MIRANDA_ANGLE, "not found"),
        (published.DE_ROMERI_ANGLE, "not found"),
        (published.DRESDEN_IRON_FILTER, "not found"),
        (published.ANGLE_AT_ZERO, "confirmed"),
    ],
)
def test_status_of_the_numbers_that_are_compared(number, status):
    assert number.status == status
    assert number.checked == (status == "confirmed")


def test_every_number_has_a_known_status_and_what_was_quoted_says_by_whom():
    assert len(NUMBERS) > 30
    for number in NUMBERS:
        assert number.status in STATUSES
        assert number.read_in or number.status != "third party"


def test_what_others_exclude_is_known_for_couplings_alone():
    (vector,), (scalar,) = (published.reaches_for(f"g_{name}") for name in ("vector", "scalar"))
    assert vector.value == scalar.value == 5e-5
    assert vector.status == "abstract"
    assert published.reaches_for("mu_dipole") == []


def test_argon_has_the_numbers_of_the_likelihood_curve():
    curve = published.ARGON["curve"]
    assert (curve.value, curve.error_low, curve.error_high) == (161, 43, 42)
    assert published.ARGON["significance"].value == 3.9


def row(known):
    return Row(quantity="number", published=known, value=160.0, config="some.toml")


def test_page_and_json_name_status_and_text():
    known = published.ARGON["curve"]
    bound = Bound(
        group="other",
        quantity="g",
        data="LAr",
        allowed=[Interval(0.0, 1.0, ("domain", "crossing"))],
        config="some.toml",
        published="< 2",
        source="somebody",
        status="abstract",
    )
    page = table_text([row(known), row(published.COHERENT_ANGLE)], [bound])
    assert "| confirmed (the collaboration's likelihood curve, in" in page
    assert "arXiv:2110.07730 | not found |" in page
    assert "| somebody | abstract |" in page
    for status, meaning in STATUSES.items():
        assert f"- *{status}*: {meaning}" in page
    assert "lead" not in page.split()
    record = row(known).record()
    assert record["published_status"] == "confirmed"
    assert "likelihood curve" in record["published_read_in"]
    assert "published_checked" not in record
    assert bound.record()["published_status"] == "abstract"
    assert np.isnan(record["error_low"])
