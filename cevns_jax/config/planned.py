"""What was read from a config and is not built yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Made = TypeVar("Made", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Planned(Generic[Made]):
    """A part of an analysis that was read; to build it imports JAX.

    Attributes:
        build: Builds it.
        parameters: Names of its parameters; ``None`` if they are known only once it is built.
        varying: Those that vary unless held.
    """

    build: Callable[[], Made]
    parameters: tuple[str, ...] | None
    varying: tuple[str, ...] = ()
