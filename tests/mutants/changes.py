"""Changes of sign, factor, index or comparison, and the tests that have to notice each.

One row each: file of the package, what stands there (once), what is put in its place, and a few
fast tests, of which one at least must fail then.
"""

from typing import NamedTuple


class Mutation(NamedTuple):
    """One change. ``tests`` are node ids below ``tests/``, one a line."""

    path: str
    old: str
    new: str
    tests: str


INTERACTIONS = "interactions/test_interactions.py::"
MEDIATORS = "interactions/test_mediators.py::"
DESCENT = "inference/test_descent.py::"
CURVATURE = "inference/test_curvature.py::"
CROSSINGS = "inference/test_crossings.py::"

MUTATIONS = {
    # What neutrinos do to nuclei and electrons
    "protons and neutrons of one sign": Mutation(
        "interactions/standard_model.py",
        "+ nucleus.N * self.couplings.neutron *",
        "- nucleus.N * self.couplings.neutron *",
        INTERACTIONS + "test_total_cross_section_has_the_freedman_limit_for_every_nuclide",
    ),
    "form factor of the neutrons for the protons": Mutation(
        "interactions/standard_model.py",
        "nucleus.Z * proton * nucleus.proton_form_factor",
        "nucleus.Z * proton * nucleus.neutron_form_factor",
        "interactions/test_new_physics_combined.py::test_form_factors_belong_to_protons_and_to_neutrons",
    ),
    "sign of a_2 of a vector": Mutation(
        "interactions/interaction.py",
        "return strength, -strength * recoil, -strength * mass * recoil / 2",
        "return strength, -strength * recoil, strength * mass * recoil / 2",
        INTERACTIONS + "test_vector_part_vanishes_and_axial_part_stays_at_backward_scattering",
    ),
    "neutrinos for antineutrinos on electrons": Mutation(
        "interactions/standard_model.py",
        "if is_antineutrino(flavour):",
        "if not is_antineutrino(flavour):",
        "test_electrons.py::test_cross_section_is_the_printed_one_and_never_negative",
    ),
    "sign of a squared mass in a propagator": Mutation(
        "interactions/mediators.py",
        "/ (momentum_squared + mass**2)",
        "/ (momentum_squared - mass**2)",
        MEDIATORS + "test_light_scalar",
    ),
    "up and down quarks of the neutron": Mutation(
        "interactions/mediators.py",
        "charge = charge + (up + 2 * down) * nucleus.N",
        "charge = charge + (2 * up + down) * nucleus.N",
        MEDIATORS + "test_light_vector_adds_to_the_weak_charge",
    ),
    "sign of the mass of a heavy lepton": Mutation(
        "interactions/electromagnetic.py",
        "return k / recoil, -k * (1 + x), k * a_2",
        "return k / recoil, -k * (1 - x), k * a_2",
        "interactions/test_electromagnetic.py::test_dipole_portal_is_eq_4",
    ),
    "sign of the skin in a radius": Mutation(
        "form_factors.py",
        "5 / 3 * rms_radius**2 - 5 * self.skin**2",
        "5 / 3 * rms_radius**2 + 5 * self.skin**2",
        "test_form_factors.py::test_curvature_at_zero_is_the_rms_radius",
    ),
    "sign of a term of a series": Mutation(
        "form_factors.py",
        "series = 1 - x**2 / 10 + x**4 / 280",
        "series = 1 - x**2 / 10 - x**4 / 280",
        "test_form_factors.py::test_values_keep_twelve_digits_around_the_small_argument_switch",
    ),
    # Fluxes and recoils
    "index of a moment of the muon decay": Mutation(
        "sources/pion_decay.py",
        "_michel(flavour, energy, distance) / energy**k",
        "_michel(flavour, energy, distance) / energy ** (k + 1)",
        "sources/test_pion_decay.py::test_moments_are_the_integrals_of_the_spectrum",
    ),
    "spectra of two flavours": Mutation(
        "sources/pion_decay.py",
        'if flavour == "nu_e":',
        'if flavour != "nu_e":',
        "sources/test_pion_decay.py::test_mean_energy_of_free_muon_decay",
    ),
    "row of a cumulated moment": Mutation(
        "sources/tabulated.py",
        "xp.asarray(self.integrals)[:, :, right]",
        "xp.asarray(self.integrals)[:, :, right - 1]",
        "sources/test_tabulated_source.py::test_moments_are_the_integrals_of_straight_lines",
    ),
    "fractions that are not brought to one": Mutation(
        "sources/reactor.py",
        "shape += fraction / total * spectrum",
        "shape += fraction * spectrum",
        "sources/test_reactor.py::test_fractions_may_be_rounded_and_are_brought_to_one",
    ),
    "factor in the lowest energy": Mutation(
        "recoil/spectrum.py",
        "(recoil + (recoil**2 + 2 * mass * recoil) ** 0.5) / 2",
        "(recoil + (recoil**2 + mass * recoil) ** 0.5) / 2",
        "recoil/test_recoil.py::test_kinematic_limits_are_inverse_to_each_other",
    ),
    "moment that goes with a_2": Mutation(
        "recoil/spectrum.py",
        "a[1] * m[1] + a[2] * m[2]",
        "a[1] * m[1] + a[2] * m[1]",
        "recoil/test_recoil.py::test_recoil_spectrum_is_the_integral_over_neutrino_energy[Ar40]",
    ),
    "numbers of the wrong isotopes": Mutation(
        "recoil/spectrum.py",
        "number = jnp.reshape(target.nuclei_per_kg,",
        "number = jnp.reshape(target.nuclei_per_kg[::-1],",
        "recoil/test_recoil.py::test_a_mixture_is_the_sum_of_its_isotopes_by_their_shares",
    ),
    "factor in the weights of recoils": Mutation(
        "recoil/nodes.py",
        "weights=(2 * root * half * w)",
        "weights=(root * half * w)",
        "recoil/test_recoil.py::test_all_recoils_of_the_kernel_are_the_total_cross_section",
    ),
    "panel that the end of a window cuts": Mutation(
        "recoil/moving_ends.py",
        "(panel > window.first[..., None])",
        "(panel >= window.first[..., None])",
        "recoil/test_heavy_lepton.py::test_counts_and_slope_of_pion_decay_are_those_of_the_double_integral",
    ),
    # Detectors and what an experiment is made of
    "exponent in the Lindhard model": Mutation(
        "detectors/quenching.py",
        "0.7 * reduced**0.6",
        "0.7 * reduced**0.5",
        "detectors/test_quenching.py::test_lindhard_is_its_formula",
    ),
    "bin of a piece of the response": Mutation(
        "detectors/response.py",
        'np.searchsorted(self.bins, cuts[:-1], side="right") - 1',
        'np.searchsorted(self.bins, cuts[:-1], side="left") - 1',
        "detectors/test_response.py::test_coarse_bins_are_sums_of_fine_ones",
    ),
    "tail of a resolution": Mutation(
        "detectors/resolution.py",
        "low > 0, at_low - at_high,",
        "low > 0, at_high - at_low,",
        "detectors/test_resolution.py::test_gaussian_pieces_are_integrals_of_the_normal_distribution",
    ),
    "order of two lifetimes": Mutation(
        "detectors/timing.py",
        "delayed = (MUON_LIFETIME * muon - PION_LIFETIME * prompt)",
        "delayed = (PION_LIFETIME * muon - MUON_LIFETIME * prompt)",
        "detectors/test_detectors.py::test_a_pulse_is_followed_by_the_decays",
    ),
    "components that a ratio scales": Mutation(
        "prediction/experiment.py",
        "            if name in scale.acts_on:\n                factor *=",
        "            if name not in scale.acts_on:\n                factor *=",
        "test_likelihood.py::test_a_flux_pull_and_the_cross_section_ratio_scale_the_signal_alone",
    ),
    "width of a nuisance": Mutation(
        "prediction/nuisances.py",
        "return -1 / self.width if self.width_down is None",
        "return -2 / self.width if self.width_down is None",
        "prediction/test_nuisances.py::test_one_width_moves_as_it_always_did",
    ),
    # Priors and likelihood
    "width of a repeated measurement": Mutation(
        "priors/measured.py",
        "return jnp.asarray(truth + self.width * z)",
        "return jnp.asarray(truth + z)",
        "priors/test_priors_as_objects.py::test_repeated_gaussian_measurements_scatter_about_the_truth",
    ),
    "sign of the mode of a log-normal": Mutation(
        "priors/measured.py",
        "found = _above(t / self.width + self.width, mode)",
        "found = _above(t / self.width - self.width, mode)",
        "priors/test_priors.py::test_density_is_that_of_scipy_and_support_ends_where_it_ends",
    ),
    "factor in a precision": Mutation(
        "priors/measured.py",
        "return jnp.square(1 / (self.width * safe))",
        "return jnp.square(2 / (self.width * safe))",
        "priors/test_priors.py::test_precision_is_the_curvature_of_half_the_penalty",
    ),
    "deviance of a bin without counts": Mutation(
        "statistics.py",
        ", mu)\n    nothing",
        ", 0.0)\n    nothing",
        "test_statistics.py::test_poisson_deviance_is_minus_twice_the_log_of_the_probability",
    ),
    "sign in the slope of a deviance": Mutation(
        "statistics.py",
        "return 1 - n / jnp.maximum(expected, LEAST)",
        "return 1 + n / jnp.maximum(expected, LEAST)",
        "test_statistics.py::test_slope_is_half_the_gradient_of_the_deviance",
    ),
    "n! of the probability of a count": Mutation(
        "statistics.py",
        "jax.scipy.special.gammaln(n + 1)",
        "jax.scipy.special.gammaln(n)",
        "inference/test_predictive.py::test_it_is_the_probability_of_each_bin",
    ),
    "prior of what is held": Mutation(
        "likelihood.py",
        "for name in (*self.names, *self.held)}",
        "for name in self.names}",
        "test_likelihood.py::test_a_held_nuisance_keeps_its_prior",
    ),
    "width of a prior": Mutation(
        "likelihood.py",
        "total = jnp.sum(((x - mean) / width) ** 2)",
        "total = jnp.sum((x - mean) ** 2)",
        CURVATURE + "test_chi2_is_that_of_the_bins_and_a_square_for_each_prior[False]",
    ),
    # Minimiser
    "start that is not moved inside the bounds": Mutation(
        "inference/minimise.py",
        "start = jnp.clip(start, self.lower, self.upper)",
        "start = 1.0 * start",
        DESCENT + "test_a_start_outside_the_bounds_begins_at_the_nearest_place_inside",
    ),
    "step that is not stopped at the bounds": Mutation(
        "inference/minimise.py",
        "return jnp.clip(jnp.where(stopped.any(), others, there), self.lower, self.upper)",
        "return jnp.where(stopped.any(), others, there)",
        DESCENT + "test_what_the_others_are_pushed_past_stops_them_as_well",
    ),
    "place at which a step is stopped": Mutation(
        "inference/minimise.py",
        "nearest = jnp.clip(there, self.lower, self.upper)",
        "nearest = there",
        DESCENT + "test_one_bound_in_the_way_of_correlated_parameters_costs_no_steps",
    ),
    "bound that holds a gradient that points inwards": Mutation(
        "inference/minimise.py",
        "at_bound = ((x <= self.lower) & (point.gradient > 0))",
        "at_bound = ((x <= self.lower) & (point.gradient < 0))",
        DESCENT + "test_a_bound_is_kept_where_chi2_falls_outwards",
    ),
    "bounds that hold nothing": Mutation(
        "inference/minimise.py",
        "open_ = self.moving & ~at_bound &",
        "open_ = self.moving &",
        DESCENT + "test_a_bound_is_kept_where_chi2_falls_outwards",
    ),
    "parameter without information that is left where it is": Mutation(
        "inference/minimise.py",
        "(informed | (square != 0))",
        "informed",
        DESCENT + "test_a_parameter_with_a_gradient_and_no_information_never_converges",
    ),
    "factor in the distance to the minimum": Mutation(
        "inference/minimise.py",
        "return -(2 * gradient @ dx + dx @ curvature @ dx)",
        "return -(gradient @ dx + dx @ curvature @ dx)",
        DESCENT + "test_steps_run_out_where_the_metric_is_far_too_stiff",
    ),
    "damping that grows with success": Mutation(
        "inference/minimise.py",
        "1 - (2 * gain - 1) ** 3",
        "1 + (2 * gain - 1) ** 3",
        DESCENT + "test_success_takes_the_damping_away",
    ),
    # Derivatives, valleys, intervals, limits, toys
    "place of a parameter": Mutation(
        "inference/curvature.py",
        "places = {name: i for i, name in enumerate(names)}",
        "places = {name: i - 1 for i, name in enumerate(names)}",
        CURVATURE + "test_spread_puts_every_name_in_its_place",
    ),
    "sign of the centre of a prior": Mutation(
        "inference/curvature.py",
        "gradient = precision * (x - mean)",
        "gradient = precision * (x + mean)",
        CURVATURE + "test_gradient_is_half_that_of_chi2[False]",
    ),
    "parameter at every stage that it moves": Mutation(
        "prediction/experiment.py",
        "found.append(names.difference(*found))",
        "found.append(names)",
        CURVATURE + "test_what_acts_at_several_stages_is_counted_once[csi-free0]",
    ),
    "derivatives that take the place of others": Mutation(
        "inference/curvature.py",
        "rows[name] = rows[name] + row if name in rows else row",
        "rows[name] = row",
        CURVATURE + "test_gradient_is_half_that_of_chi2[False]",
    ),
    "minima that count as one": Mutation(
        "inference/valleys.py",
        "np.maximum(*above).min() > APART",
        "np.maximum(*above).min() < APART",
        "inference/test_valley_rows.py",
    ),
    "side on which a parameter is expected": Mutation(
        "inference/valleys.py",
        "((x < ends[:, 0]) | (x > ends[:, 1]))",
        "((x > ends[:, 0]) | (x > ends[:, 1]))",
        "inference/test_batches.py::test_of_two_minima_the_one_where_parameters_are_expected",
    ),
    "end of a bracket that is replaced": Mutation(
        "inference/crossings.py",
        "which = ((miss < 0) != (height[0, todo] < 0)).astype(int)",
        "which = ((miss < 0) == (height[0, todo] < 0)).astype(int)",
        CROSSINGS + "test_a_crossing_is_the_root",
    ),
    "vertex of a parabola": Mutation(
        "inference/parabola.py",
        "step = -slope / (2 * bend)",
        "step = -slope / bend",
        CROSSINGS + "test_the_vertex_of_a_parabola_is_its_bottom_at_once",
    ),
    "ends of a range": Mutation(
        "inference/limit.py",
        "ends = np.clip(domain, *declared.expected)",
        "ends = domain",
        CROSSINGS + "test_the_angle_is_limited_where_it_is_expected",
    ),
    "range around zero": Mutation(
        "inference/limit.py",
        "around_zero = [i for i in found if i.low <= 0 <= i.high]",
        "around_zero = [i for i in found if i.low <= 0 >= i.high]",
        CROSSINGS + "test_the_upper_limit_is_that_of_the_range_around_zero",
    ),
    "probability of a level": Mutation(
        "inference/levels.py",
        "found = float(chdtri(parameters, 1 - confidence_level))",
        "found = float(chdtri(1, 1 - confidence_level))",
        "inference/test_limit.py::test_levels_are_those_that_the_field_quotes",
    ),
    "middle of the centres of toys": Mutation(
        "inference/toys.py",
        'p.prior.repeated(key_of(key, "centre", name), float(truth[name]))',
        'p.prior.repeated(key_of(key, "centre", name), 0.0)',
        "inference/test_toys.py::test_toys_draw_the_centres_of_the_priors_and_toys_with_fixed_pulls_do_not",
    ),
}
