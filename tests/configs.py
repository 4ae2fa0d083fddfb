"""A small config of a data set, and configs as files."""

import copy
import json

import numpy as np

BASE = {
    "title": "test",
    "interaction": {"name": "standard_model", "couplings": "tree", "axial": False},
    "experiments": {
        "coherent_csi_2021": {
            "nuisances": "atzori_corona_2023",
            "form_factor": "helm",
            "neutron_radius_fm": {"Cs133": 5.0},
            "mass_kg": 14.6,
        }
    },
    "parameters": {"sin2_theta_w": {"start": 0.23}},
    "fit": {"free": ["sin2_theta_w"]},
    "profile": {"parameter": "sin2_theta_w", "min": 0.1, "max": 0.3, "points": 11},
}


def toml(value):
    """TOML of a value; tables inline (JSON's strings, numbers and lists are TOML's)."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return json.dumps(value)


def write(folder, content, name="config.toml"):
    path = folder / name
    path.write_text("\n".join(f"{json.dumps(k)} = {toml(v)}" for k, v in content.items()))
    return path


def changed(path, value):
    """The base config with one value replaced or added (``None``: removed)."""
    content = copy.deepcopy(BASE)
    *tables, key = path.split(".")
    place = content
    for table in tables:
        place = place.setdefault(table, {})
    if value is None:
        del place[key]
    else:
        place[key] = value
    return content
