"""Three small experiments of a reader that use every kind of table."""

from pathlib import Path

REACTOR = """\
title = "reactor"

[experiments.reactor]
title = "1 kg of germanium"
citation = "nobody"
target = "Ge"
form_factor = "helm"
mass_kg = 1.0
bins = "bins.csv"
statistic = "gaussian"
backgrounds = ["flat"]

[experiments.reactor.source]
type = "table"
flux = "flux.csv"
live_time_days = 100.0

[experiments.reactor.response]
quenching = { table = "quenching.csv" }
resolution = { table = "resolution.csv" }
efficiency = { table = "efficiency.csv" }

[[experiments.reactor.nuisances]]
name = "flux"
acts_on = ["cevns"]
width = 0.05

[[experiments.reactor.nuisances]]
name = "flat"
acts_on = ["flat"]
width = 0.5
form = "exponential"

[fit]
free = ["sin2_theta_w"]

[profile]
min = 0.1
max = 0.4
points = 5
"""
BEAM = """\
title = "beam"

[interaction]
couplings = "radiative_2023"

[experiments.beam]
target = { Ge74 = 1, Ge76 = 3 }
form_factor = { model = "helm", skin_fm = 0.9 }
mass_kg = 10.0
bins = "beam_bins.csv"
statistic = "poisson"
backgrounds = ["steady_state"]
arrival_times = "arrival_times.csv"
neutron_radius_fm = { Ge74 = 4.1 }

[experiments.beam.source]
type = "pion_decay_at_rest"
neutrinos_per_proton = 0.0848
protons_on_target = 1.6e23
distance_m = 20.0

[experiments.beam.response]
table = "response.csv"

[[experiments.beam.nuisances]]
name = "sns_flux"
acts_on = ["cevns"]
width = 0.1
shared = true

[fit]
free = ["n_sigma"]

[[fit.starts]]
n_sigma = 2.0

[parameters.n_sigma]
prior_mean = 1.0
prior_width = 10.0

[[scan.axes]]
parameter = "sin2_theta_w"
min = 0.1
max = 0.4
points = 80

[[scan.axes]]
parameter = "n_sigma"
min = 0.1
max = 3.0
points = 80
"""
SKY = """\
title = "sky"

[experiments.sky]
target = "Xe"
form_factor = "helm"
mass_kg = 100.0
bins = "sky_bins.csv"
statistic = "gaussian"
covariance = "covariance.csv"
backgrounds = ["flat"]

[experiments.sky.sources.reactor]
type = "reactor"
spectra = "huber_mueller"
fission_fractions = { u235 = 0.6, pu239 = 0.4 }
flux_per_cm2_s = 1e9
live_time_days = 100.0

[experiments.sky.sources.sun]
type = "line"
energy_mev = 10.0
flavour = "nu_e"
flux_per_cm2_s = 5e6
live_time_days = 100.0

[experiments.sky.shapes]
tilt = "flat"
bump = "flat"

[experiments.sky.response]
quenching = "perfect"
resolution = { noise_kev = 0.1 }
efficiency = "perfect"

[[experiments.sky.nuisances]]
name = "fluxes"
acts_on = ["reactor", "sun"]
width = 0.2
width_down = 0.1

[[experiments.sky.nuisances]]
name = "tilt"
acts_on = ["tilt"]
width = 1.0

[[experiments.sky.nuisances]]
name = "bump"
acts_on = ["bump"]
width = 1.0

[fit]
free = ["n_sigma"]

[parameters.n_sigma]
prior = { type = "log_normal", median = 1.0, width = 0.5 }

[parameters.sky_tilt]
prior = { type = "truncated_gaussian", mean = 0.0, width = 1.0, min = -3.0, max = 3.0 }

[parameters.sky_bump]
prior = { type = "flat", min = -1.0, max = 1.0 }

[parameters.sin2_theta_w]
prior = { type = "log_uniform", min = 0.1, max = 0.9 }
"""
BINS = [(0.2, 0.3, 60, 50), (0.3, 0.5, 55, 48), (0.5, 1.0, 40, 40)]
TABLES = {
    "bins.csv": "ionisation_kevee_low,ionisation_kevee_high,observed,error,flat\n"
    + "".join(f"{low},{high},{n},{n**0.5:.4},{flat}\n" for low, high, n, flat in BINS),
    "flux.csv": "energy_mev,nu_e_bar\n1.8,2.0e12\n3,9.0e11\n5,2.0e11\n8,5.0e9\n",
    "quenching.csv": "recoil_kev,quenching_factor\n0,0.1\n0.5,0.17\n1,0.2\n3,0.24\n",
    "resolution.csv": "energy_kev,sigma_kev\n0,0.05\n0.5,0.07\n1,0.09\n",
    "efficiency.csv": "ionisation_kevee,efficiency\n0.2,0.6\n0.4,0.9\n1.0,0.95\n",
    "beam_bins.csv": "energy_kevee_low,energy_kevee_high,time_us_low,time_us_high,observed,"
    "steady_state\n1,2,0,1,30,5\n1,2,1,6,35,25\n2,8,0,1,70,10\n2,8,1,6,85,60\n",
    "response.csv": "recoil_kev,energy_kevee_low,energy_kevee_high,probability\n"
    "0,1,2,0\n0,2,8,0\n5,1,2,0.6\n5,2,8,0.1\n90,1,2,0\n90,2,8,0.9\n",
    "arrival_times.csv": "time_us_low,time_us_high,nu_mu,nu_mu_bar,nu_e\n0,1,0.8,0.3,0.3\n"
    "1,6,0.1,0.6,0.6\n",
    "sky_bins.csv": "recoil_kevnr_low,recoil_kevnr_high,observed,flat,tilt_up,tilt_down,bump_up,"
    "template_error\n0.2,0.5,40,10,8,12,10,2\n0.5,1.5,30,10,10,10,14,1\n1.5,3,20,10,12,8,6,0\n",
    "covariance.csv": "bin_0,bin_1,bin_2\n49,10,2\n10,36,-3\n2,-3,25\n",
}
CONFIGS = {"reactor.toml": REACTOR, "beam.toml": BEAM, "sky.toml": SKY}
USERS = {
    **dict.fromkeys(("beam_bins.csv", "response.csv", "arrival_times.csv"), "beam.toml"),
    **dict.fromkeys(("sky_bins.csv", "covariance.csv"), "sky.toml"),
}
"""Table -> the config that reads it; all others are read by the first one."""


def write_all(folder: Path) -> None:
    """All configs and their tables."""
    for name, text in (CONFIGS | TABLES).items():
        (folder / name).write_text(text)
