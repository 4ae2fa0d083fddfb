"""Physical constants, each with its source.

Units: MeV for energies, masses and momenta; fm for lengths inside nuclei; cm for
laboratory lengths. CODATA means the 2022 adjustment, PDG the 2024 review.
"""

HBAR_C_MEV_FM = 197.3269804  # hbar c [MeV fm], CODATA (exact up to rounding)
HBAR_C_MEV_CM = HBAR_C_MEV_FM * 1e-13  # hbar c [MeV cm]
FERMI_CONSTANT = 1.1663787e-11  # G_F [MeV^-2], CODATA
FINE_STRUCTURE = 7.2973525643e-3  # alpha, CODATA
ELECTRON_MASS = 0.51099895069  # [MeV], CODATA
MUON_MASS = 105.6583755  # [MeV], CODATA
CHARGED_PION_MASS = 139.57039  # [MeV], PDG
ATOMIC_MASS_UNIT = 931.49410372  # u [MeV], CODATA
KEV = 1e-3  # [MeV]
SECONDS_PER_DAY = 86400.0  # [s/day]
AVOGADRO = 6.02214076e23  # [1/mol], exact
AXIAL_COUPLING = 1.27  # g_A of the nucleon; PDG: 1.2754(13)

# The weak mixing angle has many definitions: two of the low-energy (MS-bar) one are in use.
SIN2_THETA_W_LOW_ENERGY = 0.23857  # quoted by arXiv:1808.10202 and 1902.07625, uncertainty 5e-5
SIN2_THETA_W_ZERO = 0.23867  # MS-bar at zero momentum transfer, start of the running
