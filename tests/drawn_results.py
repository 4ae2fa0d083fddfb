"""Small results of every kind, with one text in all places that hold texts of users."""

import numpy as np

from cevns_jax.results import Result


def fit_of(text):
    edges = np.linspace(0.0, 3.0, 4)
    return Result(
        kind="fit",
        attributes={
            "chi2": 1.0,
            "degrees_of_freedom": 2,
            "labels": {"a": text},
            "units": {"a": text},
            "titles": {"mine": text},
            "counted": {"mine": text},
            "provenance": {"data_set": "observed"},
        },
        variables={
            "parameter": (("parameter",), np.array(["a"])),
            "physics": (("physics",), np.array(["a"])),
            **{
                name: (("parameter",), np.array([0.3]))
                for name in ("value", "error", "error_low", "error_high")
            },
        },
        groups={
            "mine": {
                "energy_日_edges": (("energy_日_edge",), edges),
                "component": (("component",), np.array(["cevns", "_dunkel", "背景"])),
                "observed": (("energy_日",), np.array([3.0, 2.0, 1.0])),
                "expected": (("component", "energy_日"), np.ones((3, 3))),
            }
        },
    )


def profile_of(text):
    grid = np.linspace(0, 1, 5)
    return Result(
        kind="profile",
        attributes={
            "parameter": "a",
            "labels": {"a": text},
            "units": {"a": text},
            "experiments": ["mine"],
            "titles": {"mine": text},
            "best": {"parameters": {"a": {"value": 0.5}}, "chi2": 0.0},
            "limits": [{"delta_chi2": 1.0, "allowed": [[0.25, 0.75]], "ends": [["crossing"] * 2]}],
            "provenance": {"config": f"{text}.toml"},
        },
        variables={
            "a": (("a",), grid),
            "chi2": (("a",), (4 * (grid - 0.5)) ** 2),
            "delta_chi2": (("a",), (4 * (grid - 0.5)) ** 2),
            "point_converged": (("a",), np.ones(5, bool)),
            "point_excluded": (("a",), np.zeros(5, bool)),
        },
    )


def scan_of(text):
    grid = np.linspace(0, 1, 5)
    return Result(
        kind="scan",
        attributes={
            "parameters": ["a", "b"],
            "levels": [2.3],
            "labels": {"a": text, "b": ""},
            "units": {"a": text, "b": ""},
            "titles": {"mine": text},
            "best": {"parameters": {"a": 0.5, "b": 0.5}, "chi2": 0.0},
            "provenance": {},
            "limits": [],
        },
        variables={
            "a": (("a",), grid),
            "b": (("b",), grid),
            "chi2": (("a", "b"), 20 * np.add.outer((grid - 0.5) ** 2, (grid - 0.5) ** 2)),
            "delta_chi2": (("a", "b"), 20 * np.add.outer((grid - 0.5) ** 2, (grid - 0.5) ** 2)),
            "point_converged": (("a", "b"), np.ones((5, 5), bool)),
            "point_excluded": (("a", "b"), np.zeros((5, 5), bool)),
        },
    )
