"""How a minimisation, a fit, a point of a scan or a limit ended, each with its sentence.

There is one table for all of them, so that a flag in an array and a sentence on a screen cannot
disagree.
"""

from __future__ import annotations

from enum import IntEnum


class Ending(IntEnum):
    """How it ended.

    ``CONVERGED`` and ``EXCLUDED`` are answers to what chi^2 is at a point of a profile, a scan or a
    limit, and count as converged there. A fit asks where chi^2 is lowest, which ``EXCLUDED`` leaves
    open: it has converged only with ``CONVERGED``. All others are failures.
    """

    CONVERGED = 0
    EXCLUDED = 1
    OUT_OF_STEPS = 2
    NOT_A_NUMBER = 3
    UNCONSTRAINED = 4
    LOWER_POINTS = 5
    NO_END = 6

    @property
    def sentence(self) -> str:
        """What it means, as it is printed."""
        return SENTENCES[self]


LAST_ANSWER = Ending.EXCLUDED
"""Endings up to this one are answers; so written, an array of them is compared at once."""

SENTENCES = {
    Ending.CONVERGED: "converged",
    Ending.EXCLUDED: "chi^2 is infinite whatever the parameters",
    Ending.OUT_OF_STEPS: "out of steps before the minimum was reached",
    Ending.NOT_A_NUMBER: "chi^2 is not a number",
    Ending.UNCONSTRAINED: "the data do not constrain all parameters",
    Ending.LOWER_POINTS: "lower points kept turning up on the way to the errors",
    Ending.NO_END: "an end of an allowed range was not found",
}
