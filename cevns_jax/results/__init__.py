"""Results of every kind: their arrays, documents, summaries."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from cevns_jax.errors import ConfigError
from cevns_jax.results.fit import fit_document, fit_result, fit_summary
from cevns_jax.results.limit import limit_document, limit_result, limit_summary, limit_table
from cevns_jax.results.notes import Variables
from cevns_jax.results.prediction import prediction_document, prediction_result, prediction_summary
from cevns_jax.results.profile import profile_document, profile_result, profile_summary
from cevns_jax.results.result import Result, load
from cevns_jax.results.sample import sample_document, sample_result
from cevns_jax.results.sample_summary import sample_summary
from cevns_jax.results.scan import scan_document, scan_result, scan_summary, surface
from cevns_jax.summary import Summary

T = TypeVar("T")

__all__ = [
    "Result",
    "Variables",
    "document_of",
    "fit_document",
    "fit_result",
    "limit_document",
    "limit_result",
    "limit_table",
    "load",
    "prediction_document",
    "prediction_result",
    "profile_document",
    "profile_result",
    "sample_document",
    "sample_result",
    "sample_summary",
    "scan_document",
    "scan_result",
    "summary_of",
    "surface",
]


class Made(NamedTuple):
    """The functions that make a JSON document and a summary from results of one kind."""

    document: Callable[[Result], dict[str, Any]]
    summary: Callable[[Result], Summary]


MADE = {
    "fit": Made(fit_document, fit_summary),
    "profile": Made(profile_document, profile_summary),
    "scan": Made(scan_document, scan_summary),
    "limit": Made(limit_document, limit_summary),
    "prediction": Made(prediction_document, prediction_summary),
    "posterior": Made(sample_document, sample_summary),
}
"""Kind of result -> the functions that write it; one entry for each of
:data:`cevns_jax.results.file_format.KINDS`."""


def document_of(result: Result) -> dict[str, Any]:
    """The JSON document of a result of any kind.

    Raises:
        ConfigError: a result that was read from a file lacks what its document holds.
    """
    return _made(MADE[result.kind].document, result)


def summary_of(result: Result) -> Summary:
    """Summary of a result of any kind.

    Raises:
        ConfigError: a result that was read from a file lacks what its summary says.
    """
    return _made(MADE[result.kind].summary, result)


def _made(make: Callable[[Result], T], result: Result) -> T:
    # The seal of a file guards its bytes, not its content: a result from a changed program, or made
    # by hand, can lack anything that the functions read.
    try:
        return make(result)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ConfigError(
            f"a {result.kind} without all that it should hold ({error!r}); compute it again"
        ) from None
