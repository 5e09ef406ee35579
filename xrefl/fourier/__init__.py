"""Reciprocal grids, Fourier transforms, and maps."""
