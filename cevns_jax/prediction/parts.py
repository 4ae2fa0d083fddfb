"""The components of an experiment by name, as a pytree that holds once what they share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import jax

from cevns_jax.prediction.component import Component
from cevns_jax.prediction.scattering import Scattering
from cevns_jax.pytree import changed


class Parts(OrderedDict[str, Component]):
    """Components in the order in which they were given.

    JAX sorts the keys of a plain dictionary; here parameters and sums keep their order, inside
    traced code as well. The components of several sources hold one target, one set of nodes and
    one response. Taken apart leaf by leaf they would be passed to compiled code once for each
    source, as arrays of which XLA cannot know that they are equal, and evaluated as often. So the
    first of them keeps them, and the others get them back when the pytree is put together.
    """


def sharing_as(before: Mapping[str, Component], after: Mapping[str, Component]) -> Parts:
    """Components after an evaluation, which share responses where they did before it."""
    found, responses = Parts(after), dict[int, Any]()
    for name, part in after.items():
        old = before[name]
        if isinstance(old, Scattering) and isinstance(part, Scattering):
            response = responses.setdefault(id(old.response), part.response)
            found[name] = changed(part, response=response)
    return found


def _common(part: Scattering) -> tuple[Any, ...]:
    """What components can share."""
    return part.kernel.target, part.kernel.nodes, part.response


def _with_common(part: Scattering, common: Iterable[Any]) -> Scattering:
    """A component with other such things."""
    target, nodes, response = common
    kernel = changed(part.kernel, target=target, nodes=nodes)
    made: Scattering = changed(part, kernel=kernel, response=response)
    return made


def _flatten(parts: Parts) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Components without what the first one that scatters holds as well; names, and for each of
    the others which of its things were left out."""
    children: list[Any] = []
    left_out: list[tuple[bool, ...] | None] = []
    first = None
    for part in parts.values():
        same = None
        if type(part) is Scattering:
            if first is None:
                first = _common(part)
            else:
                own = _common(part)
                same = tuple(mine is there for mine, there in zip(own, first, strict=True))
                if any(same):
                    part = _with_common(
                        part, (None if s else mine for s, mine in zip(same, own, strict=True))
                    )
        children.append(part)
        left_out.append(same)
    return tuple(children), (tuple(parts), tuple(left_out))


def _flatten_with_keys(parts: Parts) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    children, (names, left_out) = _flatten(parts)
    keys = (jax.tree_util.DictKey(name) for name in names)
    return tuple(zip(keys, children, strict=True)), (names, left_out)


def _unflatten(known: tuple[Any, ...], children: Iterable[Any]) -> Parts:
    names, left_out = known
    found, first = Parts(), None
    for name, part, same in zip(names, children, left_out, strict=True):
        if type(part) is Scattering:
            if first is None:
                first = _common(part)
            elif same is not None and any(same):
                own = _common(part)
                chosen = (f if s else o for s, o, f in zip(same, own, first, strict=True))
                part = _with_common(part, chosen)
        found[name] = part
    return found


jax.tree_util.register_pytree_with_keys(Parts, _flatten_with_keys, _unflatten, _flatten)
