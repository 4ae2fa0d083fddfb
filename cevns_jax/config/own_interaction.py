"""A user's own interaction, named in a config: any error in its code becomes one clear sentence.

The code runs when the class is made, and again whenever a prediction is traced, deep inside a fit.
:class:`OwnInteraction` stands between: it calls the user's object, and turns any error there into a
:class:`ConfigError` that names the object, its file and the line.
"""

from __future__ import annotations

import importlib
import inspect
import math
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.interactions import NewPhysics
from cevns_jax.interactions.interaction import Coefficients
from cevns_jax.nuclei import NucleusAtRecoil
from cevns_jax.parameters import Parameter, Values

LONGEST = 200  # characters of an error of the user's code that are passed on: two lines or so


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class OwnInteraction(NewPhysics):
    """A user's object, with every call guarded and every answer checked.

    Attributes:
        numbers: Leaves of the object, which is a pytree.
        structure: The rest of it.
        kind: Its class.
        where: Table and import path, for messages.
        packages: First names of the modules that the code of the object lies in.
        heavy_lepton: That of the object.
    """

    numbers: tuple[Any, ...]
    structure: jax.tree_util.PyTreeDef = field(metadata={"static": True})
    kind: type[NewPhysics] = field(metadata={"static": True})
    where: str = field(metadata={"static": True})
    packages: frozenset[str] = field(metadata={"static": True})
    heavy_lepton: str = field(default="", metadata={"static": True})

    def __getattr__(self, name: str) -> Any:
        """Attributes of the object itself, e.g. the arguments that the config gave."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._made, name)

    @property
    def _made(self) -> Any:
        return jax.tree_util.tree_unflatten(self.structure, self.numbers)

    def described_as(self) -> type[NewPhysics]:
        return self.kind

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        with _blamed(self.where, self.packages):
            found = tuple(self._made.parameters)
            _check_parameters(found)
        return found

    @property
    def conventions(self) -> str:
        with _blamed(self.where, self.packages):
            found = self._made.conventions
            if not isinstance(found, str):
                raise TypeError(f"conventions must be a string, not {found!r}")
        return found

    def vector_charge(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> jax.Array | float:
        return self._asked("vector_charge", 1, recoil, nucleus, flavour, values)[0]

    def changing_charge_squared(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> jax.Array | float:
        return self._asked("changing_charge_squared", 1, recoil, nucleus, flavour, values)[0]

    def axial_couplings(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> tuple[jax.Array | float, jax.Array | float]:
        proton, neutron = self._asked("axial_couplings", 2, recoil, nucleus, flavour, values)
        return proton, neutron

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> Coefficients:
        a_0, a_1, a_2 = self._asked("coefficients", 3, recoil, nucleus, flavour, values)
        return a_0, a_1, a_2

    def electron_couplings(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> tuple[jax.Array | float, jax.Array | float]:
        vector, axial = self._asked("electron_couplings", 2, recoil, flavour, values)
        return vector, axial

    def electron_coefficients(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> Coefficients:
        a_0, a_1, a_2 = self._asked("electron_coefficients", 3, recoil, flavour, values)
        return a_0, a_1, a_2

    def _asked(self, method: str, size: int, recoil: jax.Array, *rest: Any) -> tuple[Any, ...]:
        """Call a method of the object and check that it returns ``size`` numbers or arrays that
        broadcast with the recoils."""
        with _blamed(self.where, self.packages):
            asked = getattr(self._made, method)
            found = asked(recoil, *rest)
        with _blamed(self.where, self.packages, asked):
            parts = (found,) if size == 1 else tuple(found)
            if len(parts) != size:
                raise TypeError(f"{method} must return {size} arrays, not {len(parts)}")
            for part in parts:
                _check_array(method, part, np.shape(recoil))
        return parts


def own_interaction(
    where: str, path: str, arguments: Mapping[str, Any], folder: Path
) -> OwnInteraction:
    """A user's own interaction by its import path.

    Args:
        where: File and table of the config, for messages.
        path: ``module:Class``.
        arguments: Arguments of the class.
        folder: Where the module is looked for first.

    Raises:
        ConfigError: the path does not lead to a class derived from :class:`NewPhysics`, nothing
            else is called; or the user's code fails.
    """
    module, colon, name = path.partition(":")
    if not (module and colon and name):
        raise ConfigError(f'{where}: object must look like "module:Class", not "{path}"')
    named = f'{where}: object "{path}"'
    found = _class_at(named, module, name, folder)
    packages = frozenset(
        {module.partition(".")[0], *(c.__module__.partition(".")[0] for c in found.__mro__)}
    ) - {"cevns_jax", "builtins"}
    with _blamed(f"{named} cannot be made", packages), _first_on_path(folder):
        made = found(**arguments)
    with _blamed(f"{named} cannot be used", packages, found):
        numbers, structure = jax.tree_util.tree_flatten(made)
        if jax.tree_util.all_leaves([made]):
            raise TypeError("the class must be registered: @jax.tree_util.register_dataclass")
        for number in numbers:
            _check_array("every field that is not static", number, None)
        hash(structure)  # static fields are compared to find what is compiled already
        if not isinstance(made.heavy_lepton, str):
            raise TypeError(f"heavy_lepton must be a string, not {made.heavy_lepton!r}")
    return OwnInteraction(
        numbers=tuple(numbers),
        structure=structure,
        kind=found,
        where=f"{named} cannot be used",
        packages=packages,
        heavy_lepton=made.heavy_lepton,
    )


def _class_at(named: str, module: str, name: str, folder: Path) -> type[NewPhysics]:
    """The class of a module, imported; nothing of it is called."""
    package = module.partition(".")[0]
    with _blamed(f"{named} cannot be made", frozenset({package})), _first_on_path(folder):
        _forget_namesake(package, folder)
        found = getattr(importlib.import_module(module), name)
    if not (isinstance(found, type) and issubclass(found, NewPhysics)):
        raise ConfigError(
            f"{named} cannot be made: it is no NewPhysics, a class derived from "
            "cevns_jax.interactions.NewPhysics"
        )
    return found


def _forget_namesake(package: str, folder: Path) -> None:
    """Forget a module of this name that lies beside another config: it is another one's code."""
    beside = folder.resolve() / f"{package}.py"
    known = getattr(sys.modules.get(package), "__file__", None)
    if not (known and beside.is_file()) or Path(known).resolve() == beside:
        return
    installed = [Path(sysconfig.get_path(key)) for key in ("stdlib", "purelib", "platlib")]
    if not any(place in Path(known).parents for place in installed):
        del sys.modules[package]


@contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        if place in sys.path:
            sys.path.remove(place)


@contextmanager
def _blamed(
    where: str, packages: frozenset[str], asked: Callable[..., Any] | None = None
) -> Iterator[None]:
    """Turn any error inside, even an exit of the program, into one sentence that says where.

    Args:
        where: Beginning of the sentence.
        packages: First names of the modules of the user's code.
        asked: What returned the thing at fault, if that is found only afterwards.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        try:
            text = next((line for line in str(error).splitlines() if line.strip()), "")
        except Exception:  # an exception of the user's own class, whose text fails as well
            text = ""
        text = "".join(c if c.isprintable() else " " for c in text)
        text = f"{text[:LONGEST]}..." if len(text) > LONGEST else text
        at = _line(error, packages) or (_definition(asked) if asked is not None else "")
        said = f"{type(error).__name__}: {text}" if text else type(error).__name__
        raise ConfigError(f"{where}: {said}{f' ({at})' if at else ''}") from None


def _line(error: BaseException, packages: frozenset[str]) -> str:
    """File and line of the innermost frame in the user's modules; empty if there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).partition(".")[0] in packages:
            found = f"{Path(frame.f_code.co_filename).name}:{line}"
    return found


def _definition(asked: Callable[..., Any]) -> str:
    """File and line where a method or a class is defined; empty if that is not known."""
    try:
        plain = inspect.unwrap(asked)
        line = inspect.getsourcelines(plain)[1]
        return f"{Path(inspect.getsourcefile(plain) or '').name}:{line}"
    except (OSError, TypeError, ValueError):
        return ""


def _check_array(what: str, value: Any, shape: tuple[int, ...] | None) -> None:
    """Refuse what is no real number or array of them, or does not fit a shape."""
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{what} must be real numbers, not {type(value).__name__}") from None
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise TypeError(f"{what} must be real numbers, not {array.dtype}")
    fits = shape is None or all(
        n in (1, m) for n, m in zip(array.shape[::-1], shape[::-1], strict=False)
    )
    if shape is not None and (array.ndim > len(shape) or not fits):
        raise ValueError(f"{what} has shape {array.shape}, which does not fit the recoils {shape}")


def _check_parameters(parameters: tuple[Any, ...]) -> None:
    """Refuse declarations that no fit can use."""
    for p in parameters:
        if not isinstance(p, Parameter):
            raise TypeError(f"parameters must be of the class Parameter, not {p!r}")
        if not (isinstance(p.name, str) and p.name.isidentifier()):
            raise ValueError(f"the name of a parameter must be an identifier, not {p.name!r}")
        if not (isinstance(p.unit, str) and isinstance(p.label, str)):
            raise TypeError(f"unit and label of {p.name} must be strings")
        if any(isinstance(n, jax.core.Tracer) for n in jax.tree_util.tree_leaves(p)):
            continue  # numbers were checked before they were traced
        if not (p.lower <= p.start <= p.upper and math.isfinite(p.start)):
            raise ValueError(f"{p.name} must start inside its domain, {p.lower} to {p.upper}")
