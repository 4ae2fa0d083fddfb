"""Completion of words in a shell: the words that argparse cannot know, such as parameters.

A shell that was told by ``eval "$(register-python-argcomplete cevns)"`` asks the program itself.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from typing import Any


def asked() -> bool:
    """Whether it is a shell that asks for words."""
    return "_ARGCOMPLETE" in os.environ


def answer(parser: argparse.ArgumentParser) -> None:
    """Answer it, and end the program."""
    import argcomplete

    argcomplete.autocomplete(parser)


def completed_by(action: argparse.Action, words: Callable[..., Iterable[str]]) -> None:
    """Let words complete an argument; their function may ask for ``parsed_args``."""
    action.completer = words  # type: ignore[attr-defined]


def data_sets(**_: Any) -> Iterable[str]:
    """Data sets of the library."""
    from cevns_jax.config.experiments import DATA_SETS

    return DATA_SETS


def interactions(**_: Any) -> Iterable[str]:
    """Additions to the Standard Model."""
    from cevns_jax.config.interaction import INTERACTIONS

    return INTERACTIONS


def parameters(parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    """Parameters of the config that is on the line; none where it cannot be read."""
    from cevns_jax.config.plan import read_plan
    from cevns_jax.config.strict_toml import read_toml
    from cevns_jax.errors import ConfigError

    path = getattr(parsed_args, "config", None)
    if path is None:
        return ()
    try:
        return read_plan(path, read_toml(path)).parameters or ()
    except ConfigError:
        return ()


def assignments(parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    """The same with the sign that a value follows."""
    return [f"{name}=" for name in parameters(parsed_args)]
