"""Small results of every kind, with one text in all places that hold texts of users."""

import numpy as np

from cevns_jax.plotting.ranges import shortest
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


def limit_of(allowed, held=None):
    """A limit of ``g`` for each mass, from ranges with their ends."""
    masses = np.geomspace(1.0, 100.0, len(allowed)) if len(allowed) > 1 else np.array([10.0])
    most = max(1, *(len(ranges) for ranges in allowed))
    low, high = (np.full((len(allowed), most), np.nan) for _ in range(2))
    kinds = np.full((len(allowed), most, 2), "", dtype="U8")
    for h, ranges in enumerate(allowed):
        for i, (ends, at) in enumerate(ranges):
            (low[h, i], high[h, i]), kinds[h, i] = ends, at
    of = ("m", "range")
    return Result(
        kind="limit",
        attributes={
            "parameter": "g",
            "axes": ["m"],
            "confidence_level": 0.9,
            "delta_chi2": 2.706,
            "labels": {"g": "$g_V$", "m": "$m_V$", "s": r"$\sin^2\theta_W$", "mu": r"$\mu_\nu$"},
            "units": {"g": "", "m": "MeV", "s": "", "mu": "mu_B"},
            "held": held or {},
            "experiments": ["mine"],
            "titles": {"mine": "mine"},
            "provenance": {"data_set": "observed"},
        },
        variables={
            "m": (("m",), masses),
            "range": (("range",), np.arange(1, most + 1)),
            "limit_low": (of, low),
            "limit_high": (of, high),
            "end_low": (of, kinds[..., 0]),
            "end_high": (of, kinds[..., 1]),
            "best": (("m",), np.zeros(len(allowed))),
            "chi2": (("m",), np.zeros(len(allowed))),
            "point_converged": (("m",), np.ones(len(allowed), bool)),
        },
    )


def counts_of(signal, background, factor=1.0):
    """A fit, or with other attributes a prediction, of a signal in the first tenth of many bins."""
    edges = np.linspace(0.2, 1.5, 101)
    result = fit_of("mine")
    cevns = np.where(np.arange(100) < 10, float(signal), 0.0)
    expected = np.stack([np.full(100, float(background)), 0.001 * cevns, cevns])
    result.attributes["labels"] |= {"s": r"$\sin^2\theta_W$"}
    result.attributes["units"] |= {"s": ""}
    result.attributes["values"] = {"s": 0.23857}
    result.groups["mine"] = {
        "energy_kevee_edges": (("energy_kevee_edge",), edges),
        "component": (("component",), np.array(["steady_state", "electrons", "cevns"])),
        "observed": (("energy_kevee",), np.round(factor * expected.sum(axis=0))),
        "expected": (("component", "energy_kevee"), expected),
    }
    return result


def posterior_of(draws, priors, text="mine", **attributes):
    """A posterior of draws by name, shape (chains, draws), of one experiment with predicted counts.

    All parameters are of physics, but for those whose name starts with ``pull``.
    """
    told = {}
    for name, x in draws.items():
        flat = x.ravel()
        told[name] = {
            "mean": float(flat.mean()),
            "sd": float(flat.std()),
            "median": float(np.median(flat)),
            "hdi_68": [*shortest(flat, 0.6826894921370859)],
            "hdi_90": [*shortest(flat, 0.90)],
            "upper_limit_90": None,
            "lower_limit_90": None,
            "r_hat": 1.001,
            "ess_bulk": float(x.size),
        }
    chains, number = next(iter(draws.values())).shape
    fit = fit_of(text)
    group = fit.groups["mine"]
    counts = np.random.default_rng(1).poisson(3.0, (chains, 250, 3)).astype(np.float32)
    both = ("chain", "draw")
    return Result(
        kind="posterior",
        attributes={
            "free": {name: None for name in draws if not name.startswith("pull")},
            "labels": {name: text for name in draws},
            "units": {name: text if not name.startswith("pull") else "" for name in draws},
            "priors": priors,
            "parameters": told,
            "modes": [{"weight": 1.0, "weight_error": 0.0, "parameters": _means(draws)}],
            "method": "nuts",
            "diagnostics": {"divergences": 0},
            "held": {},
            "experiments": ["mine"],
            "titles": {"mine": text},
            "counted": {"mine": text},
            "conventions": {},
            "p_values": {"mine": 0.25},
            "p_value_errors": {"mine": 0.01},
            "log_evidence": None,
            "converged": True,
            "message": "",
            "provenance": {"data_set": "observed"},
        }
        | attributes,
        variables={},
        groups={"mine": group},
        draws={
            "posterior": {name: (both, x) for name, x in draws.items()},
            "sample_stats": {"diverging": (both, np.zeros((chains, number), bool))},
            "posterior_predictive": {"mine": ((*both, "mine__energy"), counts)},
        },
    )


def _means(draws):
    return {name: float(x.mean()) for name, x in draws.items()}
