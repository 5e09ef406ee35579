"""Random crystal structures and their structure factors by direct summation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

import xrefl
from xrefl.crystal.spacegroup import SpaceGroup


@dataclass(frozen=True)
class Structure:
    """Atoms in general positions, with scattering factors f' + i f''."""

    group: SpaceGroup
    xyz: np.ndarray
    factor: np.ndarray

    @classmethod
    def random(cls, group: SpaceGroup, seed: int, *, anomalous: bool = True) -> Structure:
        rng = np.random.default_rng(seed)
        count = 7
        factor = rng.uniform(5, 30, count) + 1j * rng.uniform(1, 8, count) * anomalous
        return cls(group, rng.random((count, 3)), factor)

    def f(self, hkl: np.ndarray) -> np.ndarray:
        """Return F(h) = sum of f exp(2 pi i h.(R x + t)) over atoms and all operations."""
        hkl = np.asarray(hkl).reshape(-1, 3)
        total = np.zeros(len(hkl), complex)
        for R, t in zip(self.group.rotations, self.group.translations / 24, strict=True):
            total += np.exp(2j * np.pi * hkl @ (self.xyz @ R.T + t).T) @ self.factor
        return total


def with_all_types(structure: Structure, hkl: np.ndarray, cell: tuple[float, ...]) -> xr.Dataset:
    """Return merged reflections with a column of each type that depends on the indices.

    F(+) and F(-) come from the structure with its anomalous scattering; F, PHI, SF and the
    Hendrickson-Lattman coefficients from the mean of F(+) and the conjugate of F(-), which has
    F(-h) = F(h)* as the columns presume. Halves (-) of centric reflections are missing.
    """
    plus, minus = structure.f(hkl), structure.f(-hkl)
    centric = structure.group.centric(hkl)
    mean = (plus + minus.conj()) / 2
    minus = np.where(centric, np.nan, minus)
    phase, fom = np.angle(mean), 0.3 + 0.6 * (np.abs(mean) % 2 > 1)
    columns = {
        "F": ("F", np.abs(mean)),
        "PHI": ("P", np.degrees(phase)),
        "SF": (None, mean),
        "FOM": ("W", fom),
        "HLA": ("A", fom * np.cos(phase)),
        "HLB": ("A", fom * np.sin(phase)),
        "HLC": ("A", fom * np.cos(2 * phase)),
        "HLD": ("A", fom * np.sin(2 * phase)),
        "F(+)": ("G", np.abs(plus)),
        "SIGF(+)": ("L", np.abs(plus) / 20),
        "F(-)": ("G", np.abs(minus)),
        "SIGF(-)": ("L", np.abs(minus) / 20),
        "SF(+)": (None, plus),
        "SF(-)": (None, minus),
        "DANO": ("D", np.where(centric, 0.0, np.abs(plus) - np.abs(minus))),
    }
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell, spacegroup=structure.group.name)
    return xr.Dataset(
        {
            name: ("hkl", values, {"mtz_type": kind} if kind else {})
            for name, (kind, values) in columns.items()
        },
        coords=index.coordinates(),
        attrs={"cell": list(cell), "spacegroup": structure.group.name, "history": ["made"]},
    )


def assert_same_columns(found: xr.Dataset, expected: xr.Dataset) -> None:
    """Compare columns of structure factors; phases modulo a turn."""
    assert list(found.data_vars) == list(expected.data_vars)
    for name, column in expected.data_vars.items():
        difference = found[name].values - column.values
        assert (np.isnan(found[name].values) == np.isnan(column.values)).all(), name
        if column.attrs.get("mtz_type") == "P":
            difference = (difference + 180) % 360 - 180
        np.testing.assert_allclose(np.nan_to_num(difference), 0, atol=1e-7, err_msg=name)
        assert found[name].attrs == column.attrs, name
