"""Reflection files of SHELX."""
