"""Fits and profiles: what takes parameters to a likelihood and finds its minimum."""
