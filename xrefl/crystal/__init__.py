"""Crystals as such: cells, operations, space groups, Miller indices. Knows NumPy and numba only."""
