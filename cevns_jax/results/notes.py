"""Long names and units of the arrays in a result file, for readers who have only the file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Variables = dict[str, tuple[tuple[str, ...], np.ndarray]]
"""Arrays of a result: name -> (dimensions, values)."""
OF = "__"
"""Between the names of an experiment and of its axis, in the names of dimensions of draws."""
Notes = dict[str, dict[str, str]]

ROOT: dict[str, tuple[str, str]] = {
    "value": ("best-fit value, in the unit of the parameter", ""),
    "error": ("error from the inverse expected information, in the unit of the parameter", ""),
    "error_low": ("distance down to where the profiled chi^2 has risen by 1; NaN: it does not", ""),
    "error_high": ("distance up to where the profiled chi^2 has risen by 1; NaN: it does not", ""),
    "unit": ("unit of the parameter; empty: a pure number, or a pull", ""),
    "correlation": ("correlation of the parameters at the best fit", "1"),
    "impact": ("shift of a physics parameter with a parameter at its lower and upper error", ""),
    "prior_mean": ("mean of the prior, in the unit of the parameter; NaN where there is none", ""),
    "prior_width": ("width of a Gaussian prior, of others the error they give; infinite: none", ""),
    "chi2": ("-2 ln L: deviance of the bins plus penalties of the priors, all else minimised", "1"),
    "delta_chi2": ("chi2 above its lowest value", "1"),
    "point_converged": ("whether the minimisation at the point converged (1) or not (0)", "1"),
    "point_excluded": ("whether counts are impossible whatever the other parameters", "1"),
    "point_valleys": ("minima that were found at the point; the lowest is taken", "1"),
    "band_value": (
        "second parameter at bottoms and edges of bands narrower than the grid, in its unit",
        "",
    ),
    "band_chi2": ("chi2 there, of an edge that of its level", "1"),
    "edm": ("expected distance to the minimum, in units of chi2; converged below 1e-9", "1"),
    "minimum": ("minimised parameters at the point, each in its unit", ""),
    "minimised": ("names of the minimised parameters", ""),
    "parameter": ("names of the varying parameters", ""),
    "parameter_2": ("names of the varying parameters", ""),
    "physics": ("names of the free parameters that are not nuisances", ""),
    "side": ("lower or upper error of the parameter that moves", ""),
    "range": ("number of the allowed range, ascending", "1"),
    "limit_low": ("lower end of an allowed range, in the unit of the parameter; NaN: none", ""),
    "limit_high": ("upper end of an allowed range, in the unit of the parameter; NaN: none", ""),
    "end_low": (
        "what the lower end is, a crossing of the level or the end of the domain; empty: no range",
        "",
    ),
    "end_high": (
        "what the upper end is, a crossing of the level or the end of the domain; empty: no range",
        "",
    ),
    "best": ("limited parameter where chi2 is lowest, in its unit", ""),
}
"""Variable of the root -> (long_name, units)."""
UNITS = {"kev": "keV", "kevee": "keVee", "kevnr": "keVnr", "us": "us", "photoelectrons": "PE"}


def notes(variables: Variables, units: Mapping[str, str]) -> Notes:
    """``long_name`` and ``units`` of the variables of the root; empty for a variable that is not in
    the table.

    Args:
        variables: The variables.
        units: Units of parameters by name; parameters on axes are variables.
    """
    axes = {
        name: (f"parameter {name}", units[name] or "1")
        for name, (dimensions, _) in variables.items()
        if dimensions == (name,) and name in units
    }
    return _notes(variables, ROOT | axes)


def group_notes(variables: Variables, counted: str) -> Notes:
    """``long_name`` and ``units`` of the variables of an experiment.

    Args:
        variables: The variables; the dimensions of the observed counts are the axes.
        counted: What the numbers in the bins are, e.g. ``"events"`` or ``"events per day"``.
    """
    diagonal = ", root of the diagonal of the covariance" if "covariance" in variables else ""
    known = {
        "component": ("names of the components of the expectation", ""),
        "scatters": ("1 where neutrinos scatter in the component, 0 where not", ""),
        "observed": (f"{counted}, observed", ""),
        "expected": (f"{counted}, expected of each component", ""),
        "error": (f"{counted}, one standard deviation of the bin{diagonal}", ""),
        "template_error": (f"{counted}, one standard deviation of the sum of the templates", ""),
        "covariance": ("covariance of all bins, in the order in which observed is flattened", ""),
        "without_new_physics": (f"{counted}, expected with the Standard Model alone", ""),
        "spectrum": (
            "recoils by flavour and isotope before the detector",
            "1/(keV day)" if "per day" in counted else "1/keV",
        ),
        "recoil_energy_kev": ("recoil energy", "keV"),
        "flavour": ("flavours of the neutrinos", ""),
        "isotope": ("isotopes that are hit", ""),
    }
    axes: dict[str, tuple[str, str]] = {}
    for axis in variables["observed"][0] if "observed" in variables else ():
        unit = UNITS.get(axis.rpartition("_")[2], "")
        axes[axis] = (f"centres of the bins of {axis}", unit)
        axes[f"{axis}_edges"] = (f"edges of the bins of {axis}", unit)
    return _notes(variables, known | axes)


STATISTICS: dict[str, tuple[str, str]] = {
    "lp": ("ln of the density of the posterior in the sampler's parameters, up to a constant", "1"),
    "energy": ("energy of the Hamiltonian system", "1"),
    "acceptance_rate": ("mean acceptance probability along the trajectory", "1"),
    "n_steps": ("leapfrog steps of the trajectory, each one gradient", "1"),
    "tree_depth": ("doublings of the trajectory", "1"),
    "diverging": ("whether the trajectory ended because its energy was too far off", ""),
    "step_size": ("leapfrog step in whitened coordinates", "1"),
}
"""Statistic of a sampler -> (long_name, units)."""


def draw_notes(
    group: str, variables: Variables, units: Mapping[str, str], counted: Mapping[str, str]
) -> Notes:
    """``long_name`` and ``units`` of the variables of a group of ArviZ.

    Args:
        group: Its name.
        variables: The variables: of parameters, statistics or experiments.
        units: Units of parameters by name.
        counted: What the numbers in the bins of an experiment are.
    """
    known = {
        "chain": ("number of the chain, or of the run", ""),
        "draw": ("number of the draw", ""),
    }
    texts = {
        "log_likelihood": "ln of the probability of the bin",
        "observed_data": "{}, observed",
        "posterior_predictive": "{}, replicated",
    }
    for name, (dimensions, _) in variables.items():
        if group in ("posterior", "prior"):
            known.setdefault(name, (f"parameter {name}", units.get(name) or "1"))
        elif dimensions == (name,):
            experiment, _, axis = name.partition(OF)
            unit = UNITS.get(axis.rpartition("_")[2], "")
            known.setdefault(name, (f"centres of the bins of {axis} of {experiment}", unit))
        elif group in texts:
            text = texts[group].format(counted.get(name, "events"))
            known[name] = (text, "1" if group == "log_likelihood" else "")
    return _notes(variables, (STATISTICS if group == "sample_stats" else {}) | known)


def _notes(variables: Variables, known: Mapping[str, tuple[str, str]]) -> Notes:
    told: Notes = {name: {} for name in variables}
    for name in told.keys() & known.keys():
        text, unit = known[name]
        told[name] = {"long_name": text} | ({"units": unit} if unit else {})
    return told
