"""Frozen dataclasses as pytrees that may check what they are built from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, TypeVar

import jax

Class = TypeVar("Class", bound=type)


def static(**kwargs: Any) -> Any:
    """A dataclass field that belongs to the structure of a pytree, not to its numbers."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


def plain_pytree(cls: Class) -> Class:
    """Register a frozen dataclass as a pytree that is put together again without its constructor.

    Fields with ``metadata={"static": True}`` belong to the structure, all others are children. JAX
    takes objects apart and puts them together again with tracers, placeholders, axes or nothing at
    all in the place of numbers, which no check would pass. Unflattening therefore runs neither
    ``__init__`` nor ``__post_init__``, and these are free to check and convert what a user gives.

    Args:
        cls: A frozen dataclass without slots.

    Returns:
        The same class.

    Raises:
        TypeError: not a frozen dataclass, or one with slots.
    """
    if not (dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen):  # type: ignore[attr-defined]
        raise TypeError(f"{cls.__name__} must be a frozen dataclass")
    if "__slots__" in vars(cls):
        raise TypeError(f"{cls.__name__} must not have slots")
    fields = dataclasses.fields(cls)
    numbers = tuple(f.name for f in fields if not f.metadata.get("static", False))
    structure = tuple(f.name for f in fields if f.metadata.get("static", False))
    children, kept = _getter(numbers), _getter(structure)
    keys = tuple(jax.tree_util.GetAttrKey(name) for name in numbers)

    # JAX flattens and unflattens at every call of a compiled function, and so these are short.
    def flatten(made: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return children(made), kept(made)

    def flatten_with_keys(made: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(zip(keys, children(made), strict=True)), kept(made)

    def unflatten(known: tuple[Any, ...], values: Iterable[Any]) -> Any:
        made = object.__new__(cls)
        made.__dict__.update(zip(numbers, values, strict=True))
        made.__dict__.update(zip(structure, known, strict=True))
        return made

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls


def changed(made: Any, **fields: Any) -> Any:
    """A copy of an object of such a class with some fields replaced, without any check."""
    copy = object.__new__(type(made))
    copy.__dict__.update(made.__dict__ | fields)
    return copy


def _getter(names: tuple[str, ...]) -> Any:
    """Function that gives these attributes of an object as a tuple. JAX calls it at every call of a
    compiled function; for two or more names it runs in C."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda made: ()
    (name,) = names
    return lambda made: (getattr(made, name),)
