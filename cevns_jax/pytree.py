"""Frozen dataclasses as pytrees that are put together again without being checked again.

JAX takes its arguments apart at every call and puts them together again with whatever it calculates
with: tracers, placeholders, numbers of axes. Checks of the numbers that a person gave belong to
``__init__`` and ``__post_init__``, which run once, when the person gives them.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import jax

Class = TypeVar("Class", bound=type)


def static(**kwargs: Any) -> Any:
    """A dataclass field that belongs to the structure of a pytree, not to its numbers."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


def plain_pytree(cls: Class) -> Class:
    """Register a frozen dataclass as a pytree: its :func:`static` fields are the structure, all
    others are children. Neither ``__init__`` nor ``__post_init__`` runs when it is unflattened."""
    fields = dataclasses.fields(cls)
    children = tuple(f.name for f in fields if not f.metadata.get("static"))
    structure = tuple(f.name for f in fields if f.metadata.get("static"))
    keys = tuple(map(jax.tree_util.GetAttrKey, children))

    def flatten(tree: Any) -> tuple[list[Any], tuple[Any, ...]]:
        known = tree.__dict__
        return [known[name] for name in children], tuple([known[name] for name in structure])

    def flatten_with_keys(tree: Any) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        found, of = flatten(tree)
        return list(zip(keys, found, strict=True)), of

    def unflatten(of: tuple[Any, ...], found: Any) -> Any:
        tree: Any = object.__new__(cls)
        tree.__dict__.update(zip(structure, of, strict=True))
        tree.__dict__.update(zip(children, found, strict=True))
        return tree

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls


def changed(tree: Any, **fields: Any) -> Any:
    """A copy of such an object with other fields, which are not checked."""
    copy = object.__new__(type(tree))
    copy.__dict__.update(tree.__dict__ | fields)
    return copy
