"""Figures of the mission paper (De Romeri, LHEP 2023, 343), computed again from the data."""
