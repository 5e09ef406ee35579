"""Intensities that are what theory says of a crystal, to test what is said of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

import xrefl
from xrefl.fourier.patterson import patterson_group


def dataset(
    hkl: np.ndarray, cell: tuple[float, ...], group: str, **columns: np.ndarray
) -> xr.Dataset:
    """Return merged reflections; columns beginning with SIG hold standard deviations."""
    index = xrefl.HKLIndex.from_miller(*np.asarray(hkl).T, cell=cell, spacegroup=group)
    variables = {
        name: ("hkl", values, {"mtz_type": "Q" if name.startswith("SIG") else "J"})
        for name, values in columns.items()
    }
    return xr.Dataset(variables, index.coordinates(), {"cell": list(cell), "spacegroup": group})


def wilson(
    cell: tuple[float, ...], group: str, dmin: float, *, b: float = 0.0, seed: int = 0
) -> xr.Dataset:
    """Return intensities I with Wilson's distribution, in the asymmetric unit."""
    rng = np.random.default_rng(seed)
    symmetry = xrefl.SpaceGroup(group)
    hkl = xrefl.miller_indices(cell, group, dmin)
    acentric, centric = rng.exponential(size=len(hkl)), rng.normal(size=len(hkl)) ** 2
    values = np.where(symmetry.centric(hkl), centric, acentric) * symmetry.epsilon(hkl)
    x = xrefl.UnitCell(*cell).inv_d2(hkl)
    return dataset(hkl, cell, group, I=1000 * values * np.exp(-b * x / 2))


def twinned(ds: xr.Dataset, law: str, fraction: float) -> xr.Dataset:
    """Return the intensities of a twin, where both mates are there."""
    op = xrefl.Op(law)
    hkl = np.column_stack([ds[name].values for name in "hkl"])
    mates, _ = xrefl.SpaceGroup(ds.attrs["spacegroup"]).to_asu(hkl @ np.array(op.rotation) // 24)
    lookup = {tuple(one): value for one, value in zip(hkl.tolist(), ds.I.values, strict=True)}
    mate = np.array([lookup.get(tuple(one), np.nan) for one in mates.tolist()])
    values = (1 - fraction) * ds.I.values + fraction * mate
    return ds.assign(I=ds.I.copy(data=values))


def falling_off(ds: xr.Dataset, B: np.ndarray) -> xr.Dataset:
    """Return intensities times exp(-s B s / 2)."""
    hkl = np.column_stack([ds[name].values for name in "hkl"])
    s = hkl @ xrefl.UnitCell(*ds.attrs["cell"]).fractionalization
    falloff = np.exp(-np.einsum("ni,ij,nj->n", s, B, s) / 2)
    return ds.assign(I=ds.I.copy(data=ds.I.values * falloff))


def with_noise(ds: xr.Dataset, background: float = 25.0, seed: int = 1) -> xr.Dataset:
    """Return intensities with the errors of counting, and SIGI."""
    rng = np.random.default_rng(seed)
    sigma = np.sqrt(np.maximum(ds.I.values, 0) + background)
    noisy = ds.I.copy(data=ds.I.values + sigma * rng.normal(size=ds.I.size))
    return ds.assign(I=noisy, SIGI=("hkl", sigma, {"mtz_type": "Q"}))


def atoms_at_random(
    cell: tuple[float, ...],
    group: str,
    dmin: float,
    *,
    count: int = 25,
    seed: int = 0,
    mean: float = 50.0,
    as_group: str | None = None,
) -> xr.Dataset:
    """Return intensities of point atoms, also of the reflections that are absent."""
    rng = np.random.default_rng(seed)
    symmetry = xrefl.SpaceGroup(group)
    hkl = xrefl.miller_indices(cell, patterson_group(symmetry), dmin)
    values = abs(_factors(symmetry, hkl, rng.random((count, 3)))) ** 2
    x = xrefl.UnitCell(*cell).inv_d2(hkl)
    values = values * np.exp(-10 * x)
    return dataset(hkl, cell, as_group or group, I=mean * values / values.mean())


def two_molecules(
    cell: tuple[float, ...], group: str, dmin: float, shift: tuple[float, float, float]
) -> xr.Dataset:
    """Return intensities of a molecule and its like, moved by a translation."""
    rng = np.random.default_rng(3)
    known = xrefl.UnitCell(*cell)
    atoms = np.array([0.2, 0.15, 0.1]) + known.fractionalize(6 * rng.normal(size=(200, 3)))
    moved = atoms + shift + known.fractionalize(0.5 * rng.normal(size=(200, 3)))
    hkl = xrefl.miller_indices(cell, group, dmin)
    factors = _factors(xrefl.SpaceGroup(group), hkl, np.concatenate([atoms, moved]))
    return dataset(hkl, cell, group, I=abs(factors) ** 2 * np.exp(-15 * known.inv_d2(hkl)))


def _factors(group: xrefl.SpaceGroup, hkl: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    total = np.zeros(len(hkl), complex)
    for R, t in zip(group.rotations, group.translations / 24, strict=True):
        total += np.exp(2j * np.pi * (hkl @ (xyz @ R.T + t).T)).sum(axis=1)
    return total
