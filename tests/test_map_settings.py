"""Maps in any setting of any space group: those of gemmi, and back to where they came from."""

from __future__ import annotations

import gemmi
import numpy as np
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl

SETTINGS = [entry.xhm() for entry in gemmi.spacegroup_table()]


def a_cell(group, rng):
    """Return a cell of the symmetry: the mean of a random metric over the rotations."""
    edges = rng.normal(size=(3, 3))
    random = (edges @ edges.T + 2 * np.eye(3)) * rng.uniform(20, 60)
    metric = np.mean([turn.T @ random @ turn for turn in group.primitive_rotations], axis=0)
    a, b, c = np.sqrt(np.diag(metric))
    cosines = metric[1, 2] / b / c, metric[0, 2] / a / c, metric[0, 1] / a / b
    return np.round([a, b, c, *np.degrees(np.arccos(cosines))], 6).tolist()


def structure_factors(name, rng):
    """Return all reflections of four atoms and their mates, some hundred in the whole sphere."""
    group = xrefl.SpaceGroup(name)
    cell = a_cell(group, rng)
    dmin = (xrefl.UnitCell(*cell).volume / max(60, 20 * len(group.operations))) ** (1 / 3)
    hkl = xrefl.miller_indices(cell, name, dmin)
    places = rng.random((4, 3))
    atoms = np.concatenate([op.apply_to_xyz(places) for op in group.operations])
    values = np.exp(2j * np.pi * hkl @ atoms.T).sum(axis=1).astype(np.complex64)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell, spacegroup=name)
    attrs = {"cell": cell, "spacegroup": name}
    return xr.Dataset({"C": ("hkl", values)}, index.coordinates(), attrs)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(SETTINGS), st.integers(0, 2**32 - 1), st.floats(1, 4))
def test_maps_are_those_of_gemmi_and_give_the_structure_factors_back(name, seed, rate):
    ds = structure_factors(name, np.random.default_rng(seed))
    rho = ds.xtal.to_map("C", sample_rate=rate)
    hkl = np.column_stack([ds[letter].values for letter in "hkl"])
    cell, group = gemmi.UnitCell(*ds.attrs["cell"]), gemmi.SpaceGroup(name)
    data = gemmi.ComplexAsuData(cell, group, hkl, ds.C.values)
    theirs = data.transform_f_phi_to_map(exact_size=rho.shape).array
    limit = 1e-6 * np.ptp(theirs)
    np.testing.assert_allclose(rho, theirs, rtol=0, atol=limit)
    np.testing.assert_allclose(rho.xtal.symmetrize(how="mean"), rho, rtol=0, atol=limit)

    strongest = abs(ds.C.values).max()
    for source in (rho, rho.xtal.to_grid(), rho.xtal.to_grid(half_l=True)):
        back = source.xtal.to_structure_factors()
        f = back.xtal.structure_factor("F", "PHI")
        np.testing.assert_allclose(f.sel(hkl=ds.hkl), ds.C, rtol=0, atol=1e-6 * strongest)
        others = ~back.hkl.isin(ds.hkl)
        assert (abs(f[others.values]) < 1e-6 * strongest).all()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SETTINGS), st.integers(0, 2**32 - 1), st.booleans())
def test_reflections_listed_are_those_of_gemmi(name, seed, with_absent):
    ds = structure_factors(name, np.random.default_rng(seed))
    rho = ds.xtal.to_map("C", sample_rate=3)
    dmin = 1.1 * float(ds.xtal.d().min())
    grid = gemmi.transform_map_to_f_phi(
        gemmi.FloatGrid(rho.values, gemmi.UnitCell(*ds.attrs["cell"]), gemmi.SpaceGroup(name))
    )
    theirs = grid.prepare_asu_data(dmin=dmin, with_sys_abs=with_absent)
    theirs.ensure_sorted()
    ours = rho.xtal.to_structure_factors(dmin=dmin, with_absent=with_absent)
    hkl = np.column_stack([ours[letter].values for letter in "hkl"])
    np.testing.assert_array_equal(hkl, theirs.miller_array)
    values = ours.xtal.structure_factor("F", "PHI")
    np.testing.assert_allclose(
        values, theirs.value_array, rtol=0, atol=1e-6 * abs(ds.C.values).max()
    )
