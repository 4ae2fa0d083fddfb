"""What the arrays of a result file are, for readers who have the file alone: names and units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

NOTES: dict[str, tuple[str, str]] = {
    "value": ("best-fit value, in the unit of the parameter", ""),
    "error": ("error from the inverse expected information, in the unit of the parameter", ""),
    "error_low": ("distance down to where the profiled chi^2 has risen by 1; NaN: it does not", ""),
    "error_high": ("distance up to where the profiled chi^2 has risen by 1; NaN: it does not", ""),
    "unit": ("unit of the parameter; empty: a pure number, or a pull", ""),
    "correlation": ("correlation of the parameters at the best fit", "1"),
    "impact": ("shift of a physics parameter with a parameter at its lower and upper error", ""),
    "prior_mean": ("mean of the Gaussian prior, in the unit of the parameter", ""),
    "prior_width": ("its width; infinite where there is no prior", ""),
    "chi2": ("-2 ln L: deviance of the bins plus squared pulls, all else minimised", "1"),
    "delta_chi2": ("chi2 above its lowest value", "1"),
    "point_converged": ("whether the minimisation at the point converged (1) or not (0)", "1"),
    "point_excluded": ("whether counts are impossible whatever the other parameters", "1"),
    "point_valleys": ("minima that were found at the point; the lowest is taken", "1"),
    "band_value": (
        "second parameter at bottoms and edges of bands narrower than the grid, in its unit",
        "",
    ),
    "band_chi2": ("chi2 there, of an edge that of its level", "1"),
    "edm": ("expected distance to the minimum, in units of chi2; converged below 1e-6", "1"),
    "minimum": ("minimised parameters at the point, each in its unit", ""),
    "minimised": ("names of the minimised parameters", ""),
    "parameter": ("names of the varying parameters", ""),
    "parameter_2": ("names of the varying parameters", ""),
    "physics": ("names of the free parameters that are not nuisances", ""),
    "side": ("lower or upper error of the parameter that moves", ""),
    "component": ("names of the components of the expectation", ""),
    "observed": ("counts of the data", ""),
    "expected": ("expected counts of each component", ""),
    "without_new_physics": ("expected counts with the Standard Model alone", ""),
    "spectrum": ("recoils by flavour and isotope before the detector", "1/keV"),
    "recoil_kev": ("recoil energy", "keV"),
    "held": ("which of the held values", "1"),
    "limit_low": ("lower end of an allowed range", ""),
    "limit_high": ("upper end of an allowed range", ""),
    "range": ("number of the allowed range, ascending", "1"),
}
"""Variable -> (long_name, units); units that depend on the data are found out below."""
UNITS = {"kev": "keV", "kevee": "keVee", "kevnr": "keVnr", "us": "us", "photoelectrons": "PE"}


def notes(attributes: Mapping[str, Any], variables: Iterable[str]) -> dict[str, dict[str, str]]:
    """``long_name`` and ``units`` of each variable, those that are known.

    Args:
        attributes: Of the result: labels and units of parameters among them.
        variables: Names of variables.
    """
    units = attributes.get("units") or {}
    return {name: _note(name, units) for name in variables}


def _note(name: str, units: Mapping[str, str]) -> dict[str, str]:
    if name in NOTES:
        text, unit = NOTES[name]
        return {"long_name": text} | ({"units": unit} if unit else {})
    if name in units:
        return {"long_name": f"parameter {name}", "units": units[name] or "1"}
    axis = name.removesuffix("_edges")
    kind = "edges of the bins" if axis != name else "centres of the bins"
    unit = UNITS.get(axis.rpartition("_")[2], "")
    return {"long_name": f"{kind} of {axis}"} | ({"units": unit} if unit else {})
