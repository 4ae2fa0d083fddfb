"""Posteriors with several valleys on a grid of the named parameters, without any sampler.

At each point the nuisances are integrated by the method of Laplace:

    ln p = -chi^2_min/2 - ln det(H)/2 + (n/2) ln 2 pi + sum of ln of the norms of their priors,

H the information of -ln L there. At some points the integral is done by importance sampling too.
"""

from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_t, norm

import cevns_jax as cj
from cevns_jax.inference.batches import minimise_points

CONFIGS = Path(__file__).parents[1] / "configs"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A likelihood with two or more valleys.

    Attributes:
        likelihood: Its named parameters are free.
        priors: Of the named parameters, flat in x or in ln x.
        points: Points of the grid along each of them.
        region: Numbers of the valleys at named parameters, shape (P, k) -> (P,).
    """

    likelihood: cj.Likelihood
    priors: dict
    points: tuple
    region: object

    @property
    def names(self):
        return tuple(self.priors)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Marginal densities of named parameters.

    Attributes:
        points: Named parameters in the middle of each cell, shape (P, k).
        log_density: ln of the likelihood with the nuisances integrated, shape (P,).
        minima: Where it is highest in the nuisances.
        held: The likelihood with the named parameters held.
    """

    points: np.ndarray
    log_density: np.ndarray
    minima: object
    held: cj.Likelihood

    @property
    def log_evidence(self):
        """All cells hold the same share of the prior."""
        return logsumexp(self.log_density) - np.log(len(self.points))

    @property
    def shares(self):
        return np.exp(self.log_density - logsumexp(self.log_density))


def middles(prior, number):
    """Middles of cells of equal prior probability."""
    share = (np.arange(number) + 0.5) / number
    low, high = float(prior.lower), float(prior.upper)
    if isinstance(prior, cj.priors.LogUniform):
        return low * (high / low) ** share
    return low + (high - low) * share


def log_norms(held):
    """ln of the norms of the priors of nuisances: flat ones, or normal ones cut off at an end."""
    total = 0.0
    for name in held.names:
        declared = held.parameters[name]
        if isinstance(declared.prior, cj.priors.Flat):
            total -= np.log(float(declared.upper) - float(declared.lower))
            continue
        mean, width = float(declared.prior.mean), float(declared.prior.width)
        low = max(float(declared.lower), float(declared.prior.lower))
        high = min(float(declared.upper), float(declared.prior.upper))
        kept = norm.cdf(high, mean, width) - norm.cdf(low, mean, width)
        total -= np.log(width * np.sqrt(2 * np.pi) * kept)
    return total


def grid_of(target):
    axes = [middles(p, n) for p, n in zip(target.priors.values(), target.points, strict=True)]
    points = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    held = target.likelihood.hold(**dict(zip(target.names, points[0], strict=True)))
    starts = np.tile(np.asarray(held.start), (len(points), 1))
    minima = minimise_points(held, target.names, points, starts)
    known = minima.chi2 < np.nanmin(minima.chi2) + 25  # beyond it nothing counts
    assert minima.converged[known].all()
    size = len(held.names)
    log_det = np.full(len(points), np.inf)
    log_det[known] = np.linalg.slogdet(minima.information[known])[1]
    laplace = -minima.chi2 / 2 - log_det / 2 + size / 2 * np.log(2 * np.pi)
    return Grid(points=points, log_density=laplace + log_norms(held), minima=minima, held=held)


def by_importance(target, grid, row, number=4000):
    """ln of the likelihood at a point, nuisances integrated over draws of a wider distribution,
    with the error of it."""
    held, mode = grid.held, grid.minima.x[row]
    shape = np.linalg.inv(grid.minima.information[row])
    proposal = multivariate_t(mode, shape, df=5, seed=row)
    x = proposal.rvs(number).reshape(number, -1)
    low, high = (np.asarray(end) for end in held.bounds)
    inside = ((x > low) & (x < high)).all(axis=1)
    named = dict(zip(target.names, grid.points[row], strict=True))
    chi2 = np.asarray(_chi2(held, named, np.clip(x, low + 1e-9, high - 1e-9)))
    log_weight = np.where(inside, -chi2 / 2 - proposal.logpdf(x), -np.inf)
    weight = np.exp(log_weight - log_weight.max())
    error = weight.std() / weight.mean() / np.sqrt(number)
    return np.log(weight.mean()) + log_weight.max() + log_norms(held), error


@jax.jit
def _chi2(held, named, x):
    return jax.vmap(lambda row: held.chi2(held.values(row) | named))(x)


# ------------------------------------------------------------------------------- three targets


def angle():
    """sin^2 theta_W of CsI (2021). The rate vanishes with the weak charge, at -0.09."""
    analysis = cj.read_analysis(CONFIGS / "coherent_csi_2021.toml")
    return Target(
        likelihood=analysis.likelihood,
        priors={"sin2_theta_w": cj.priors.Flat(-1.0, 1.0)},
        points=(801,),
        region=lambda x: (x[:, 0] < -0.09).astype(int),
    )


def non_standard():
    """eps of electron and muon neutrinos with u quarks, CsI (2021). Each rate vanishes where the
    coupling takes away the weak charge; the four valleys differ in the signs of the two."""
    analysis = cj.read_analysis(CONFIGS / "posterior_nsi_csi_2021.toml")
    names = ("eps_u_ee", "eps_u_mumu")
    return Target(
        likelihood=analysis.likelihood,
        priors={name: cj.priors.Flat(-1.0, 1.6) for name in names},
        points=(81, 81),
        region=lambda x: 2 * (x[:, 0] > 0.19) + (x[:, 1] > 0.19),
    )


def light_vector():
    """Mass and coupling of a universal light vector in Dresden-II."""
    analysis = cj.read_analysis(CONFIGS / "fig3_vector_fef.toml")
    likelihood = analysis.likelihood
    return Target(
        likelihood=likelihood.freed(
            *(n for n in ("m_vector", "g_vector") if n not in likelihood.names)
        ),
        priors={
            "m_vector": cj.priors.LogUniform(0.01, 1000.0),
            "g_vector": cj.priors.LogUniform(1e-7, 3e-3),
        },
        points=(80, 160),
        region=beyond_the_dip,
    )


def beyond_the_dip(x):
    """Whether a coupling is so strong that the weak charge of germanium has changed its sign.

    Between that and the Standard Model the charge vanishes, along g = 1.3e-6 m/MeV for masses above
    the momentum transfer of some MeV; below it the two valleys are one.
    """
    mass, coupling = x.T
    return ((mass > 5) & (coupling > 1.3e-6 * mass)).astype(int)
