"""The Wilson plot."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xrefl
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, CrystalMismatchError, MillerIndexError, MissingColumnError
from xrefl.scattering.form_factor import form_factor

CELLS = {
    "P 1": (19.0, 21.0, 24.0, 80.0, 95.0, 101.0),
    "C 1 2 1": (45.0, 24.0, 30.0, 90.0, 103.0, 90.0),
    "P 21 21 21": (24.0, 28.0, 31.0, 90.0, 90.0, 90.0),
}
ATOMS = {"C": 60, "N": 15, "O": 15, "S": 1}
B, K = 23.0, 0.037


def atoms_at_random(name: str, dmin: float = 1.6, seed: int = 0) -> xr.Dataset:
    """Return amplitudes of atoms at random places, by direct summation."""
    rng = np.random.default_rng(seed)
    group, cell = SpaceGroup(name), xrefl.UnitCell(*CELLS[name])
    # without what is just on the limit, so that shells of equal size are those of cctbx
    hkl = xrefl.miller_indices(cell, group, dmin * (1 + 1e-6))
    stol2 = cell.inv_d2(hkl) / 4
    total = np.zeros(len(hkl), complex)
    for element, number in ATOMS.items():
        phases = np.zeros(len(hkl), complex)
        xyz = rng.random((number, 3))
        for R, t in zip(group.rotations, group.translations / 24, strict=True):
            phases += np.exp(2j * np.pi * (hkl @ (xyz @ R.T + t).T)).sum(axis=1)
        total += form_factor(element).sf(stol2) * phases
    intensity = K * abs(total) ** 2 * np.exp(-2 * B * stol2)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell.parameters, spacegroup=group.name)
    columns = {
        "F": ("hkl", np.sqrt(intensity), {"mtz_type": "F"}),
        "I": ("hkl", intensity, {"mtz_type": "J"}),
    }
    attrs = {"cell": list(cell.parameters), "spacegroup": group.name}
    return xr.Dataset(columns, index.coordinates(), attrs)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("column", ["F", "I"])
def test_b_and_scale_of_atoms_at_random(name, column):
    ds = atoms_at_random(name)
    found = ds.xtal.wilson(column, atoms=ATOMS)
    assert abs(found.b - B) < 4 * found.se_b
    assert found.se_b < 2
    assert abs(np.log(found.scale / K)) < 0.25
    assert found.plot.n.sum() == (ds.xtal.d() <= 4).sum()
    np.testing.assert_allclose(
        found.plot.fitted, np.log(found.scale) - found.b / 2 * found.plot.inv_d2, rtol=1e-12
    )


def test_standard_error_is_that_of_many_structures():
    found = [atoms_at_random("P 1", 1.9, seed).xtal.wilson("I", atoms=ATOMS) for seed in range(30)]
    b = np.array([one.b for one in found])
    assert abs(b.mean() - B) < 4 * b.std() / np.sqrt(len(b))
    assert 0.6 < np.mean([one.se_b for one in found]) / b.std() < 1.6


def test_scale_is_that_of_intensities():
    ds = atoms_at_random("C 1 2 1")
    one, ten = (one.xtal.wilson("F", atoms=ATOMS) for one in (ds, ds.assign(F=10 * ds.F)))
    assert ten.scale == pytest.approx(100 * one.scale)
    assert ten.b == pytest.approx(one.b)


def test_residues_are_atoms():
    ds = xrefl.tutorial.open("5e5z")
    residues = ds.xtal.wilson("FP", residues=7)
    atoms = ds.xtal.wilson("FP", atoms={"C": 35, "N": 9.45, "O": 10.5, "H": 56})
    assert residues[:3] == pytest.approx(atoms[:3], rel=1e-12)


@pytest.mark.parametrize(
    ("entry", "residues", "low", "high"), [("5e5z", 7, 0, 8), ("5wkd", 6, 8, 15)]
)
def test_real_data(entry, residues, low, high):
    found = xrefl.tutorial.open(entry).xtal.wilson("FP", residues=residues)
    assert low < found.b < high


def test_dask_unmerged_missing_and_absent():
    ds = atoms_at_random("P 21 21 21")
    expected = ds.xtal.wilson("I", atoms=ATOMS)
    for lazy in (ds.chunk({"hkl": 500}), observations(ds), observations(ds).chunk({"obs": 700})):
        found = lazy.xtal.wilson("I", atoms=ATOMS)
        assert found[:3] == pytest.approx(expected[:3], rel=1e-12)
    # absent reflections, 0 0 0 and missing values say nothing
    more = observations(ds).drop_attrs(deep=False).assign_attrs(ds.attrs)
    junk = xr.Dataset(
        {"I": ("obs", [1e9, 1e9, np.nan]), "F": ("obs", [1e9, 1e9, np.nan])},
        {"h": ("obs", [0, 0, 1]), "k": ("obs", [0, 0, 1]), "l": ("obs", [0, 9, 1])},
    )
    found = xr.concat([more, junk], "obs").xtal.wilson("I", atoms=ATOMS)
    assert found[:3] == pytest.approx(expected[:3], rel=1e-12)


def observations(ds: xr.Dataset) -> xr.Dataset:
    """Return the same reflections as observations."""
    coords = {name: ("obs", ds[name].values) for name in "hkl"}
    columns = {name: ("obs", c.values, c.attrs) for name, c in ds.data_vars.items()}
    return xr.Dataset(columns, coords, ds.attrs)


def test_shells_and_limits():
    ds = atoms_at_random("P 1")
    shells = ds.xtal.shells(12, method="dstar2")
    found = ds.xtal.wilson("F", atoms=ATOMS, shells=shells, dmax=None)
    assert found.plot.sizes == {"shell": 12}
    assert found.plot.shell.values.tolist() == shells.labels.tolist()
    assert int(found.plot.n.sum()) == ds.sizes["hkl"]
    # the first shells are empty when low-resolution reflections are left out
    cut = ds.xtal.wilson("F", atoms=ATOMS, shells=shells, dmax=3)
    assert np.isnan(cut.plot.ln_ratio[0])
    assert cut.plot.n[0] == 0
    assert abs(cut.b - B) < 4 * cut.se_b


def test_shells_of_another_crystal():
    ds = xrefl.tutorial.open("5wkd")
    with pytest.raises(CrystalMismatchError, match="unit cell"):
        ds.xtal.wilson("FP", residues=6, shells=xrefl.tutorial.open("5e5z").xtal.shells(4))


def test_data_frame():
    ds = xrefl.tutorial.open("5wkd")
    found = ds.xtal.to_dataframe().xtal.wilson("FP", residues=6)
    assert found[:3] == pytest.approx(ds.xtal.wilson("FP", residues=6)[:3], rel=1e-12)


def test_negative_intensities_count():
    ds = atoms_at_random("P 1")
    rng = np.random.default_rng(5)
    noisy = ds.assign(I=ds.I + rng.normal(0, 0.5 * float(ds.I.mean()), ds.sizes["hkl"]))
    assert (noisy.I < 0).any()
    found = noisy.xtal.wilson("I", atoms=ATOMS)
    assert abs(found.b - B) < 4 * found.se_b


def test_contents_must_be_given():
    ds = xrefl.tutorial.open("5wkd")
    with pytest.raises(CrystalError, match="about 3 in a protein crystal"):
        ds.xtal.wilson("FP")
    with pytest.raises(CrystalError, match="given twice"):
        ds.xtal.wilson("FP", residues=6, atoms={"C": 3})
    for wrong in ({"residues": 0}, {"residues": -4}, {"atoms": {}}, {"atoms": {"C": np.nan}}):
        with pytest.raises(CrystalError, match="must be positive"):
            ds.xtal.wilson("FP", **wrong)
    with pytest.raises(CrystalError, match="no form factor of element 'CA'"):
        ds.xtal.wilson("FP", atoms={"CA": 1})


def test_what_has_no_plot():
    ds = xrefl.tutorial.open("5wkd")
    with pytest.raises(MillerIndexError, match=r"there are 0 within dmax=1\.8 Å"):
        ds.xtal.wilson("FP", residues=6, dmax=1.8)
    with pytest.raises(MillerIndexError, match="there are 2 within dmax=4 Å"):
        ds.xtal.wilson("FP", residues=6, shells=ds.xtal.shells(2))
    for empty in (ds.FP * np.nan, ds.FP * 0):
        with pytest.raises(MillerIndexError, match="there are 0"):
            ds.xtal.wilson(empty, residues=6)
    with pytest.raises(MissingColumnError, match="no column 'I'"):
        ds.xtal.wilson("I", residues=6)
    with pytest.raises(ValueError, match="amplitudes or intensities is not known"):
        ds.xtal.wilson("FOM", residues=6)
    with pytest.raises(TypeError, match="real numbers are needed"):
        ds.xtal.wilson(ds.FP.astype(str), residues=6)


def write_cctbx_answers(path: str) -> None:
    """Ask cctbx; to be called in a process that has imported cctbx before anything else."""
    from cctbx import crystal, miller
    from cctbx.array_family import flex
    from cctbx.statistics import wilson_plot

    answers = []
    for name, cell, hkl, f, shells, atoms in pickle.loads(Path(path).read_bytes()):
        symmetry = crystal.symmetry(unit_cell=cell, space_group_symbol=name)
        array = miller.array(
            miller.set(symmetry, flex.miller_index(hkl.tolist()), False), flex.double(f)
        ).set_observation_type_xray_amplitude()
        array.setup_binner_counting_sorted(n_bins=shells)
        plot = wilson_plot(array, atoms, scattering_table="it1992")
        answers.append((plot.wilson_b, plot.wilson_intensity_scale_factor, np.array(plot.y)))
    Path(path).write_bytes(pickle.dumps(answers))


@pytest.mark.skipif(importlib.util.find_spec("cctbx") is None, reason="cctbx is not installed")
def test_same_as_cctbx(tmp_path):
    def question(ds, column, shells, atoms):
        hkl = np.column_stack([ds[i].values for i in "hkl"])
        f = ds[column].values.astype(float)
        return ds.attrs["spacegroup"], ds.attrs["cell"], hkl, f, shells, atoms

    at_random = [atoms_at_random(name) for name in CELLS]
    entries = [xrefl.tutorial.open(name) for name in ("5e5z", "5wkd")]
    entries = [ds.isel(hkl=ds.FP.notnull().values) for ds in entries]
    peptide = {"C": 30, "N": 8, "O": 9, "H": 48}
    asked = [question(ds, "F", 20, ATOMS) for ds in at_random]
    asked += [question(ds, "FP", 6, peptide) for ds in entries]
    path = tmp_path / "data.pickle"
    path.write_bytes(pickle.dumps(asked))
    code = (
        "import cctbx.statistics; "
        f"from {__name__} import write_cctbx_answers; write_cctbx_answers({str(path)!r})"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=300)
    answers = pickle.loads(path.read_bytes())
    for ds, (b, scale, y) in zip(at_random, answers, strict=False):
        ours = ds.xtal.wilson("F", atoms=ATOMS, shells=ds.xtal.shells(20), dmax=None)
        # cctbx takes form factors at the mean of the shell, and fits without weights
        assert ours.b == pytest.approx(b, abs=0.1)
        assert ours.scale == pytest.approx(scale, rel=0.02)
        np.testing.assert_allclose(ours.plot.ln_ratio, y, atol=0.05)
    for ds, (b, _, y) in zip(entries, answers[len(at_random) :], strict=True):
        ours = ds.xtal.wilson("FP", atoms=peptide, shells=ds.xtal.shells(6), dmax=None)
        # with few reflections it matters that centric ones count half there, in the means
        assert abs(ours.b - b) < ours.se_b
        np.testing.assert_allclose(ours.plot.ln_ratio, y, atol=0.2)
