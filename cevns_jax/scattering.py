"""Cross sections of one neutrino energy: dsigma/dT and its integral over the recoil energy T.

    dsigma/dT (E, T) = (hbar c)^2 sum_k a_k(T) E^-k        for T-(E) <= T <= T+(E)

with the a_k of an interaction (``interactions``); T- is zero unless the final lepton is heavy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.constants import HBAR_C_MEV_CM, KEV
from cevns_jax.domains import COLUMNS, check_number
from cevns_jax.errors import ConfigError
from cevns_jax.flavours import check_flavours
from cevns_jax.form_factors import FormFactor, Helm
from cevns_jax.interactions.interaction import CrossSection, Interaction
from cevns_jax.interactions.standard_model import standard_model
from cevns_jax.nuclei import Target
from cevns_jax.nuclei import target as nuclear_target
from cevns_jax.parameters import Values, check_domain, completed
from cevns_jax.precision import require_float64
from cevns_jax.recoil import recoil_window

WHERE = "cross_section"
SMALLEST_RECOIL = 1e-30  # [MeV], stands for zero, where 1/T would have no value
# Of T+: where a total begins that should begin at zero, so that ln T has a value. It is so deep
# that the bend of a light mediator, at T = m^2/(2 M), is inside down to a mass of 1e-18 MeV.
DEEPEST = 1e-40
# Of T+: above it panels are even in sqrt(T), in which form factors are smooth; below it in ln T, as
# propagators bend at any scale. Found by trial, as the numbers of panels and nodes, for totals to
# 1e-10: 4 x 24 follow a form factor, and a lower panel spans two decades of T.
UPPER = 1e-2
UPPER_PANELS, UPPER_NODES = 4, 24
LOWER_PANELS, LOWER_NODES = 20, 16
# A total diverges if T dsigma/dT falls by less than ten when T falls a thousandfold: it is constant
# for 1/T, and falls a thousandfold where dsigma/dT is constant.
DEEPER, LEAST_FALL = 1e-3, 0.1

Number = float | np.ndarray | jax.Array


def cross_section(
    target: str | Target,
    *,
    energy_mev: Number,
    recoil_kev: Number | None = None,
    interaction: Interaction | None = None,
    flavour: str = "nu_e",
    values: Values | None = None,
    form_factor: FormFactor | None = None,
    proton_radius_fm: Mapping[str, float] | str | None = None,
    neutron_radius_fm: Mapping[str, float] | str | None = None,
    recoil_min_kev: float = 0.0,
) -> jax.Array:
    """Cross section of a neutrino on a nucleus: the total one, or dsigma/dT.

    Differentiable in energy, recoil and values of parameters; works inside ``jax.jit`` and
    ``jax.vmap``. Totals are integrals over T to 1e-10, the ends of a heavy lepton's recoils
    included.

    Args:
        target: A nuclide (``"Cs133"``), or elements in natural abundance (``"Ge"``, ``"CsI"``), or
            a target of :func:`cevns_jax.nuclei.target`. Of several nuclides the mean per nucleus.
        energy_mev: Neutrino energy E [MeV], positive, any shape.
        recoil_kev: Recoil energy T [keV], not negative; its shape broadcasts with that of the
            energy. Zero stands for the lowest recoil that there is. Default: the total.
        interaction: The cross section; default the Standard Model with couplings at tree level.
        flavour: ``"nu_e"``, ``"nu_mu"``, ``"nu_tau"``, or one of them with ``"_bar"``.
        values: Values of parameters of interaction and target (``r_n_cs133`` [fm]), one number
            each; those left out are where they start.
        form_factor: Shape of the nucleon density; default Helm, s = 0.9 fm.
        proton_radius_fm, neutron_radius_fm: rms radii [fm], as for a target. Neither these nor a
            form factor go with a target that is given, which has its own.
        recoil_min_kev: Lowest recoil energy that counts in a total [keV]. A massless mediator and a
            magnetic moment need one: their totals have no end towards T = 0.

    Returns:
        The total [cm^2], shape of the energy, or dsigma/dT [cm^2/keV], shape of energy and recoil;
        zero outside the kinematic range.

    Raises:
        ConfigError: an unknown nuclide, flavour or parameter, a number outside its domain, shapes
            that do not broadcast, or a total that diverges. Where JAX traces energy or values
            nothing can be raised, and a total that diverges is infinite.
        RuntimeError: JAX is in 32-bit mode.
    """
    require_float64()
    check_flavours(WHERE, (flavour,))
    nuclei = _target(target, form_factor, proton_radius_fm, neutron_radius_fm)
    interaction = standard_model() if interaction is None else interaction
    values = _values(interaction, nuclei, values or {})
    energy = _checked("energy_mev", energy_mev, positive=True)
    share = np.asarray(nuclei.nuclei_per_kg) / np.sum(nuclei.nuclei_per_kg)
    if recoil_kev is not None:
        recoil = KEV * _checked("recoil_kev", recoil_kev, positive=False)
        try:
            np.broadcast_shapes(energy.shape, recoil.shape)
        except ValueError:
            raise ConfigError(
                f"{WHERE}: energy_mev and recoil_kev must broadcast, not have the shapes "
                f"{energy.shape} and {recoil.shape}"
            ) from None
        by_isotope = _differential(energy, recoil, nuclei, interaction, flavour, values)
        return KEV * jnp.tensordot(share, by_isotope, 1)
    check_number(WHERE, "recoil_min_kev", recoil_min_kev)
    lowest = KEV * recoil_min_kev
    by_isotope, diverges = _total(energy, lowest, nuclei, interaction, flavour, values)
    if not isinstance(diverges, jax.core.Tracer) and np.any(diverges):
        raise ConfigError(
            f"{WHERE}: the total diverges towards T = 0 with these values (a massless mediator or "
            "a magnetic moment); give recoil_min_kev, the lowest recoil energy that counts [keV]"
        )
    return jnp.tensordot(share, jnp.where(diverges, jnp.inf, by_isotope), 1)


def _target(
    given: str | Target,
    form_factor: FormFactor | None,
    proton_radius_fm: Mapping[str, float] | str | None,
    neutron_radius_fm: Mapping[str, float] | str | None,
) -> Target:
    """What is hit."""
    if isinstance(given, str):
        # One element with a number is meant as a nuclide, "Cs134" not as 134 atoms of caesium.
        nuclide = re.fullmatch(r"[A-Z][a-z]?\d+", given)
        return nuclear_target(
            {given: 1.0} if nuclide else given,
            form_factor=Helm() if form_factor is None else form_factor,
            proton_radius_fm=proton_radius_fm,
            neutron_radius_fm=neutron_radius_fm,
        )
    if any(own is not None for own in (form_factor, proton_radius_fm, neutron_radius_fm)):
        raise ConfigError(
            f"{WHERE}: form factor and radii belong to the target; give them where it is built, or "
            "give its name"
        )
    return given


def _values(interaction: Interaction, nuclei: Target, values: Values) -> Values:
    """Values of all parameters, those that were given checked."""
    declared = {p.name: p for p in (*nuclei.parameters, *interaction.parameters)}
    full = completed(WHERE, declared, values)
    for name, value in values.items():
        if np.ndim(value):
            raise ConfigError(
                f"{WHERE}: {name} must be one number, not an array of shape {np.shape(value)}; "
                "jax.vmap takes several"
            )
        check_domain(WHERE, declared[name], value)
    return full


def _checked(name: str, value: Number, *, positive: bool) -> jax.Array:
    """An energy as an array, its lowest and highest number inside the domain."""
    if not isinstance(value, jax.core.Tracer):
        try:
            numbers = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise ConfigError(f'{WHERE}: {name} must be numbers, not "{value}"') from None
        domain = COLUMNS[name] if positive else COLUMNS[name]._replace(low=0.0)
        for number in (numbers.min(), numbers.max()) if numbers.size else ():
            check_number(WHERE, name, float(number), domain)
    return jnp.asarray(value, dtype=float)


def _per_recoil(
    energy: jax.Array,
    recoil: jax.Array,
    nuclei: Target,
    term: CrossSection,
    flavour: str,
    values: Values,
) -> jax.Array:
    """dsigma/dT [cm^2/MeV] of one final state, whatever the kinematic range; recoils have shape
    (I, ...) and energies broadcast with them."""
    a_0, a_1, a_2 = term.coefficients(recoil, nuclei.at(recoil, values), flavour, values)
    return HBAR_C_MEV_CM**2 * (a_0 + a_1 / energy + a_2 / energy**2) * jnp.ones_like(recoil)


def _final_states(
    interaction: Interaction, values: Values
) -> list[tuple[jax.Array | float, CrossSection]]:
    """Mass of the final lepton [MeV] and the coefficients that belong to it."""
    return [(0.0, interaction), *((values[name], term) for name, term in interaction.heavy)]


def _window(
    energy: jax.Array, mass: jax.Array, heavy: jax.Array | float
) -> tuple[jax.Array, jax.Array]:
    """T- and T+ [MeV], shape (I, ...). Where the lepton is too heavy to be made, both are the T+ of
    a massless one."""
    massless = 2 * energy**2 / (mass + 2 * energy)
    if isinstance(heavy, float) and heavy == 0:
        return jnp.zeros_like(massless), massless
    low, high = recoil_window(energy, mass, jnp.asarray(heavy), jnp.sqrt(massless))
    return low**2, high**2


@partial(jax.jit, static_argnames="flavour")
def _differential(
    energy: jax.Array,
    recoil: jax.Array,
    nuclei: Target,
    interaction: Interaction,
    flavour: str,
    values: Values,
) -> jax.Array:
    """dsigma/dT [cm^2/MeV] of all final states by isotope, shape (I, ...)."""
    energy, recoil = jnp.broadcast_arrays(energy, recoil)
    mass = jnp.reshape(nuclei.mass, (-1,) + (1,) * energy.ndim)
    total = jnp.zeros((len(nuclei.symbols), *energy.shape))
    for heavy, term in _final_states(interaction, values):
        low, high = _window(energy, mass, heavy)
        inside = (recoil >= low) & (recoil <= high) & (low < high)
        # Outside any recoil with a finite cross section: the gradient evaluates both branches.
        safe = jnp.where(inside, jnp.maximum(recoil, SMALLEST_RECOIL), high)
        found = _per_recoil(energy, safe, nuclei, term, flavour, values)
        total += jnp.where(inside, found, 0.0)
    return total


@partial(jax.jit, static_argnames="flavour")
def _total(
    energy: jax.Array,
    lowest: float,
    nuclei: Target,
    interaction: Interaction,
    flavour: str,
    values: Values,
) -> tuple[jax.Array, jax.Array]:
    """Integral of dsigma/dT above a lowest recoil [MeV], by isotope, shape (I, ...) [cm^2]; and
    whether it diverges, same shape.

    Gauss-Legendre nodes move with the ends of the integral, so that their derivatives are in the
    gradient.
    """
    mass = jnp.reshape(nuclei.mass, (-1,) + (1,) * energy.ndim)
    total = jnp.zeros((len(nuclei.symbols), *energy.shape))
    diverges = jnp.zeros(total.shape, bool)
    for heavy, term in _final_states(interaction, values):

        def per_recoil(recoil: jax.Array, term: CrossSection = term) -> jax.Array:
            return _per_recoil(energy[..., None], recoil, nuclei, term, flavour, values)

        low, high = _window(energy, mass, heavy)
        deepest = DEEPEST * high
        begin = jnp.minimum(jnp.maximum(jnp.maximum(low, lowest), deepest), high)
        middle = jnp.maximum(begin, UPPER * high)
        root, weight = _nodes(jnp.sqrt(middle), jnp.sqrt(high), UPPER_PANELS, UPPER_NODES)
        total += jnp.sum(2 * root * weight * per_recoil(root**2), axis=-1)
        log, weight = _nodes(jnp.log(begin), jnp.log(middle), LOWER_PANELS, LOWER_NODES)
        total += jnp.sum(jnp.exp(log) * weight * per_recoil(jnp.exp(log)), axis=-1)
        # T dsigma/dT vanishes towards T = 0 if the integral exists.
        ends = jnp.stack([deepest, DEEPER * deepest], axis=-1)
        above, below = jnp.moveaxis(jnp.abs(ends * per_recoil(ends)), -1, 0)
        lasts = (below > LEAST_FALL * above) & (above > 0)
        diverges |= (begin == deepest) & (low < high) & lasts
    return total, diverges


def _nodes(low: jax.Array, high: jax.Array, panels: int, nodes: int) -> tuple[jax.Array, jax.Array]:
    """Gauss-Legendre nodes and weights in even panels between two ends: shape of the ends, then all
    nodes of all panels."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    place = (np.arange(panels)[:, None] + (1 + x) / 2).ravel() / panels
    width = (high - low)[..., None]
    return low[..., None] + width * place, width * np.tile(w / 2, panels) / panels
