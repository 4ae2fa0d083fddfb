"""What the COHERENT CsI data sets are predicted to count."""

import jax
import numpy as np

import cevns_jax as cj

MODEL = cj.interactions.standard_model(axial=False)
COMPONENTS = jax.jit(cj.Likelihood.components)


def predicted(csi, model=MODEL, **values):
    like = cj.Likelihood([csi], model)
    parts = COMPONENTS(like, like.values() | values)
    return {name: np.asarray(counts) for name, counts in parts[csi.name].items()}
