"""Symmetric tensors of rank two, as six components and as matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMPONENTS", "PLACES", "components", "tensor"]

COMPONENTS = ("11", "22", "33", "12", "13", "23")
"""The order of components."""

PLACES = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Where they are in a matrix."""


def tensor(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return matrices (..., 3, 3) of tensors given by their six components, (..., 6).

    Examples
    --------
    >>> tensor(np.array([1.0, 2, 3, 4, 5, 6]))
    array([[1., 4., 5.],
           [4., 2., 6.],
           [5., 6., 3.]])
    """
    full = np.empty((*u.shape[:-1], 3, 3))
    for k, (i, j) in enumerate(PLACES):
        full[..., i, j] = full[..., j, i] = u[..., k]
    return full


def components(full: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the six components (..., 6) of symmetric matrices, the inverse of `tensor`."""
    return np.stack([full[..., i, j] for i, j in PLACES], axis=-1)
