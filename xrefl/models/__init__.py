"""Atomic models: what their atoms scatter, and where their density is."""
