"""Reflections in CIF files, macromolecular and small-molecule."""
