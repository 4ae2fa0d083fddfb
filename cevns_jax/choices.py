"""Words by which calls of the library and configs choose.

They are apart from what they stand for, and import nothing, so that a config is checked before
anything heavy is imported.
"""

COUPLINGS = ("tree", "radiative_2020", "radiative_2023")
CHARGES = ("universal", "b_minus_l")
SCALAR_CHARGES = ("cerdeno_2016", "hoferichter_2015")
RADII = ("lewin_smith",)
NUISANCE_FORMS = ("linear", "exponential", "gamma")

CSI_2017_QUENCHING = ("constant", "polynomial_2021")
CSI_2017_SLOPES = ("0_12_us", "0_6_us")
"""Anti-coincidence events that the slope of the steady state is fitted to."""
ARGON_ARRIVALS = ("inside_window", "all", "released")

GERMANIUM_MEASURED = ("iron_filter", "photo_neutron")
"""Quenching factors of germanium that are tables."""
GERMANIUM_QUENCHING = (*GERMANIUM_MEASURED, "lindhard", "modified_lindhard")
FISSILE = ("u235", "u238", "pu239", "pu241")
REACTOR_SPECTRA = ("vogel_mueller", "huber_mueller", "estienne_fallot_2019")
SAMPLERS = ("nuts", "tempered")
"""Methods of sampling: the No-U-Turn sampler, and sequential Monte Carlo over temperatures."""
