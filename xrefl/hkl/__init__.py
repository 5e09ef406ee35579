"""Reflections as xarray objects: their index, crystal, and what follows from Miller indices."""
