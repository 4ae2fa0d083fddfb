"""What comes out: named arrays with provenance, saved as netCDF and loaded again.

A :class:`Result` is plain NumPy, so that predicting and fitting never wait for xarray; it becomes
an ``xarray.DataTree`` where it is saved, loaded or handed to a user.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.files import write_atomically
from cevns_jax.result_file import header, read_header, seal

if TYPE_CHECKING:
    import xarray

    from cevns_jax.inference.fit import Fit
    from cevns_jax.inference.intervals import Interval
    from cevns_jax.inference.profile import Profile
    from cevns_jax.inference.scan import Scan
    from cevns_jax.likelihood import Likelihood
    from cevns_jax.parameters import Values

FAR_ABOVE = 1e12  # Delta chi^2 that stands for infinite
Variables = dict[str, tuple[tuple[str, ...], np.ndarray]]

FIT_CONVENTIONS = {
    "chi2": "-2 ln L: deviance of the bins plus squared pulls",
    "error": "square root of the diagonal of the inverse expected information, priors included",
    "error_low, error_high": "profiled chi2 rises by 1; others refitted",
    "nuisance parameters": "pulls in units of the widths under nuisances",
    "edm": "expected distance to the minimum, in units of chi2",
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """Arrays and attributes of one computation.

    Attributes:
        kind: ``"fit"``, ``"profile"`` or ``"scan"``.
        attributes: Numbers, flags, conventions and provenance; anything JSON can hold.
        variables: Name -> (dimensions, values); a variable named as its dimension is a coordinate.
        groups: The same for each experiment: edges, observed and expected counts.
    """

    kind: str
    attributes: dict[str, Any]
    variables: Variables
    groups: dict[str, Variables] = field(default_factory=dict)

    def to_xarray(self) -> xarray.DataTree:
        """The result as a tree: the experiments are groups."""
        import xarray

        def dataset(variables: Variables) -> xarray.Dataset:
            coordinates = {name: v for name, v in variables.items() if v[0] == (name,)}
            data = {name: v for name, v in variables.items() if name not in coordinates}
            return xarray.Dataset(data, coordinates)

        root = dataset(self.variables)
        root.attrs = header(self.kind, self.attributes)
        groups = {f"/{name}": dataset(variables) for name, variables in self.groups.items()}
        return xarray.DataTree.from_dict({"/": root} | groups)

    def save(self, path: Path) -> None:
        """Write netCDF with a seal, atomically.

        Raises:
            ConfigError: the path cannot be written.
        """
        # In memory first: where a disk is full, HDF5 leaves a broken file without an error.
        content = self.to_xarray().to_netcdf(engine="h5netcdf")

        def write(part: Path) -> None:
            part.write_bytes(content)
            seal(part)

        write_atomically(path, write)


def load(path: Path | str) -> Result:
    """Read a result that :meth:`Result.save` wrote.

    Raises:
        ConfigError: the file cannot be read, is no result of cevns_jax or of a newer one, or is
            damaged.
    """
    import xarray

    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; expected a result (.nc) of fit, profile or scan")
    kind, attributes = read_header(path)
    with xarray.open_datatree(path, engine="h5netcdf") as opened:
        tree = opened.load()

    def variables(node: xarray.DataTree) -> Variables:
        dataset = node.to_dataset(inherit=False)
        return {
            str(n): (tuple(map(str, v.dims)), np.asarray(v)) for n, v in dataset.variables.items()
        }

    return Result(
        kind=kind,
        attributes=attributes,
        variables=variables(tree),
        groups={name: variables(child) for name, child in tree.children.items()},
    )


def provenance(likelihood: Likelihood, analysis: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Versions, data and conventions behind a result.

    Args:
        likelihood: What was evaluated.
        analysis: What the caller knows: config, overrides, data set.
    """
    import jax

    packages = ("cevns-jax", "jax", "jaxlib", "numpy", "optax")
    return {
        "data_set": next((e.about.data for e in likelihood.experiments), "observed"),
        **(analysis or {}),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in packages}
        | {"python": platform.python_version()},
        "device": jax.devices()[0].device_kind,
        "data": {e.name: e.citation for e in likelihood.experiments},
    }


def expected_groups(likelihood: Likelihood, values: Values) -> dict[str, Variables]:
    """Edges, observed and expected counts of each experiment."""
    import jax

    from cevns_jax.likelihood import Likelihood
    from cevns_jax.statistics import Gaussian

    expected = jax.jit(Likelihood.components)(likelihood, values)
    groups: dict[str, Variables] = {}
    for experiment in likelihood.experiments:
        axes = experiment.axes
        parts = expected[experiment.name]
        groups[experiment.name] = {
            f"{axis}_edges": ((f"{axis}_edge",), np.asarray(edges))
            for axis, edges in zip(axes, experiment.edges, strict=True)
        } | {
            "component": (("component",), np.array(list(experiment.components))),
            "observed": (axes, np.asarray(experiment.observed)),
            "expected": (
                ("component", *axes),
                np.stack([np.asarray(parts[name]) for name in experiment.components]),
            ),
        }
        if isinstance(experiment.statistic, Gaussian):
            error = np.broadcast_to(experiment.statistic.error, np.shape(experiment.observed))
            groups[experiment.name]["error"] = (axes, error)
    return groups


def fit_result(fit: Fit, analysis: Mapping[str, Any] | None = None) -> Result:
    """Everything a fit found; the groups hold the expectation at the best fit."""
    from cevns_jax.conventions import conventions

    names = np.array(fit.names)
    physics = list(fit.impacts)
    return Result(
        kind="fit",
        attributes={
            "chi2": fit.chi2,
            "n_bins": fit.likelihood.n_bins,
            "degrees_of_freedom": fit.degrees_of_freedom,
            "p_value": fit.p_value,
            "converged": fit.converged,
            "message": fit.message,
            "edm": fit.edm,
            "gradient_norm": fit.gradient_norm,
            "steps": fit.steps,
            "ends": [{"chi2": chi2, "converged": done} for chi2, done in fit.ends],
            "valleys": [
                {"chi2": chi2, "parameters": dict(zip(fit.names, map(float, x), strict=True))}
                for x, chi2 in fit.valleys
            ],
            "labels": {n: fit.likelihood.parameters[n].label for n in fit.names},
            "units": {n: fit.likelihood.parameters[n].unit for n in fit.names},
            "titles": {e.name: e.title for e in fit.likelihood.experiments},
            "counted": {e.name: e.about.counted for e in fit.likelihood.experiments},
            "conventions": FIT_CONVENTIONS | conventions(fit.likelihood),
            "provenance": provenance(fit.likelihood, analysis),
        },
        variables={
            "parameter": (("parameter",), names),
            "value": (("parameter",), fit.x),
            "error": (("parameter",), fit.errors),
            "error_low": (("parameter",), fit.error_low),
            "error_high": (("parameter",), fit.error_high),
            "correlation": (("parameter", "parameter_2"), fit.correlation),
            "physics": (("physics",), np.array(physics, dtype=names.dtype)),
            "impact": (
                ("physics", "parameter", "side"),
                np.stack([fit.impacts[name] for name in physics])
                if physics
                else np.zeros((0, len(names), 2)),
            ),
        },
        groups=expected_groups(fit.likelihood, fit.likelihood.values(fit.x)),
    )


def _limits(levels: Sequence[float], found: list[list[Interval]]) -> list[dict[str, Any]]:
    """Ranges for each level, and what their ends are."""
    return [
        {
            "delta_chi2": level,
            "allowed": [[interval.low, interval.high] for interval in intervals],
            "ends": [list(interval.ends) for interval in intervals],
        }
        for level, intervals in zip(levels, found, strict=True)
    ]


def _points(found: Profile | Scan, highest: float) -> dict[str, Any]:
    """How many points there are of each kind, and the lowest Delta chi^2 of those that did not
    converge."""
    failed, affecting = ~found.converged, found.affecting(highest)
    lowest = float(np.min(found.delta_chi2[failed])) if failed.any() else None
    return {
        "n_points": int(failed.size),
        "n_not_converged": int(failed.sum()),
        "n_affecting": int(affecting.sum()),
        "n_excluded": int(found.excluded.sum()),
        "not_converged_above": lowest,
    }


def profile_result(
    profile: Profile, levels: Sequence[float], analysis: Mapping[str, Any] | None = None
) -> Result:
    """Everything a profile found."""
    from cevns_jax.conventions import conventions
    from cevns_jax.inference.edges import profile_remarks

    likelihood = profile.best.likelihood
    highest = max(levels, default=0.0)
    declared = likelihood.parameters[profile.parameter]
    return Result(
        kind="profile",
        attributes={
            "parameter": profile.parameter,
            "label": declared.label,
            "unit": declared.unit,
            "experiments": [e.name for e in likelihood.experiments],
            "titles": {e.name: e.title for e in likelihood.experiments},
            "best": {
                "parameters": profile.best.parameters,
                "chi2": profile.best.chi2,
                "converged": profile.best.converged,
                "message": profile.best.message,
            },
            "n_bins": likelihood.n_bins,
            "limits": _limits(levels, profile.intervals(levels)),
            "n_valleys": int(profile.valleys.max()),
            "points": _points(profile, highest),
            "remarks": profile_remarks(profile),
            "converged": profile.best.converged
            and not profile.affecting(max(levels, default=0.0)).any(),
            "conventions": FIT_CONVENTIONS | conventions(likelihood),
            "provenance": provenance(likelihood, analysis),
        },
        variables={
            "grid": (("grid",), profile.grid),
            "chi2": (("grid",), profile.chi2),
            "delta_chi2": (("grid",), profile.delta_chi2),
            "point_converged": (("grid",), profile.converged),
            "point_excluded": (("grid",), profile.excluded),
            "point_valleys": (("grid",), profile.valleys),
            "edm": (("grid",), profile.edm),
            "minimised": (("minimised",), np.array(profile.names)),
            "minimum": (("grid", "minimised"), profile.x),
        },
    )


def scan_result(
    scan: Scan, levels: Sequence[float], analysis: Mapping[str, Any] | None = None
) -> Result:
    """Everything a scan found.

    Args:
        scan: The scan.
        levels: Delta chi^2 of the contours, or of the limits of one parameter.
        analysis: What the caller knows: config, overrides, data set.
    """
    from cevns_jax.conventions import conventions
    from cevns_jax.inference.edges import scan_remarks

    likelihood, axes = scan.likelihood, tuple(scan.grids)
    return Result(
        kind="scan",
        attributes={
            "parameters": list(axes),
            "levels": list(levels),
            "labels": {name: likelihood.parameters[name].label for name in axes},
            "units": {name: likelihood.parameters[name].unit for name in axes},
            "experiments": [e.name for e in likelihood.experiments],
            "titles": {e.name: e.title for e in likelihood.experiments},
            "best": {"parameters": scan.best, "chi2": scan.best_chi2},
            "limits": _limits(levels, scan.intervals(levels)) if len(axes) == 1 else [],
            "n_valleys": int(scan.valleys.max()),
            "points": _points(scan, max(levels, default=0.0)),
            "remarks": scan_remarks(scan, levels),
            "n_bins": likelihood.n_bins,
            "converged": not scan.affecting(max(levels, default=0.0)).any(),
            "conventions": FIT_CONVENTIONS | conventions(likelihood),
            "provenance": provenance(likelihood, analysis),
        },
        variables={name: ((name,), grid) for name, grid in scan.grids.items()}
        | {
            "chi2": (axes, scan.chi2),
            "delta_chi2": (axes, scan.delta_chi2),
            "point_converged": (axes, scan.converged),
            "point_excluded": (axes, scan.excluded),
            "point_valleys": (axes, scan.valleys),
            "edm": (axes, scan.edm),
            "minimised": (("minimised",), np.array(scan.names, dtype=str)),
            "minimum": ((*axes, "minimised"), scan.x),
        },
    )


def surface(result: Result) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both grids of a scan of two parameters, and Delta chi^2: NaN where the minimisation did not
    converge, far above all levels where it is infinite."""
    x, y = (result.variables[p][1] for p in result.attributes["parameters"])
    good = result.variables["point_converged"][1].astype(bool)
    excluded = result.variables["point_excluded"][1].astype(bool)
    delta = np.where(excluded, FAR_ABOVE, result.variables["delta_chi2"][1])
    return x, y, np.where(good, delta, np.nan)
