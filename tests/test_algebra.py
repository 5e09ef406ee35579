"""Equivalent indices and what becomes of columns, against direct summation."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.lazy import nothing_computed
from tests.structures import Structure, assert_same_columns, with_all_types
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, FormatError, MillerIndexError, NotMergedError

CELL = (20.0, 21.0, 22.0, 90.0, 90.0, 90.0)
GROUPS = [
    "P 1", "P -1", "P 1 21 1", "P 1 1 21", "P 1 21/c 1", "P 1 m 1", "C 1 2 1", "B 1 1 2",
    "P 21 21 21", "P 2 21 21", "F d d 2", "P 41 21 2", "I -4 2 d", "R 3:R", "R 3:H", "P 31 2 1",
    "P 61 2 2", "P -6 2 c", "P 21 3", "P 43 3 2", "F d -3 m:1", "F d -3 m:2", "I a -3 d",
]  # fmt: skip
ALL = np.mgrid[-4:5, -4:5, -4:5].reshape(3, -1).T.astype(np.int32)


def one_of_each(group: SpaceGroup, seed: int = 0) -> np.ndarray:
    """Return one reflection of each set of equivalents, anywhere in the sphere."""
    hkl = ALL[ALL.any(axis=1) & ~group.absent(ALL)]
    shuffled = hkl[np.random.default_rng(seed).permutation(len(hkl))]
    _, first = np.unique(group.to_asu(shuffled)[0], axis=0, return_index=True)
    return shuffled[np.sort(first)]


def miller(ds: xr.Dataset) -> np.ndarray:
    return np.stack([ds[name].values for name in "hkl"], axis=1)


@pytest.mark.parametrize("convention", ["ccp4", "tnt"])
@pytest.mark.parametrize("name", GROUPS)
def test_to_asu_is_direct_summation_there(name, convention):
    group = SpaceGroup(name)
    structure = Structure.random(group, 1)
    ds = with_all_types(structure, one_of_each(group), CELL)
    before = ds.copy(deep=True)
    found = ds.xtal.to_asu(convention=convention)
    hkl = miller(found)
    assert group.in_asu(hkl, convention).all()
    assert not (hkl == miller(ds)).all()
    assert_same_columns(found, with_all_types(structure, hkl, CELL))
    assert found.xtal.spacegroup == group
    assert found.attrs["history"][1:] == ["made"]
    xr.testing.assert_identical(ds, before)

    stacked = ds.drop_vars("DANO").xtal.stack_friedel().xtal.to_asu(convention=convention)
    columns = stacked.xtal.unstack_friedel()
    expected = with_all_types(structure, hkl, CELL)[list(columns.data_vars)]
    assert_same_columns(columns, expected)


@pytest.mark.parametrize("name", GROUPS)
def test_expand_to_p1_is_direct_summation(name):
    group = SpaceGroup(name)
    structure = Structure.random(group, 2)
    ds = with_all_types(structure, np.unique(group.to_asu(one_of_each(group))[0], axis=0), CELL)
    found = ds.xtal.expand_to_p1()
    hkl = miller(found)
    expected = with_all_types(structure, hkl, CELL)
    mate = structure.f(-hkl)  # in P 1 every reflection has one
    for label, values in {"F(-)": abs(mate), "SIGF(-)": abs(mate) / 20, "SF(-)": mate}.items():
        expected[label] = expected[label].copy(data=values)
    assert_same_columns(found, expected)
    assert found.xtal.spacegroup.name == "P 1" == found.xindexes["hkl"].spacegroup

    wanted = {tuple(h) for op in group.rotations for h in (miller(ds) @ op).tolist()}
    wanted |= {(-h, -k, -l) for h, k, l in wanted}
    mates = {tuple(h) for h in hkl.tolist()} | {tuple(h) for h in (-hkl).tolist()}
    assert mates == wanted
    assert len(wanted) == 2 * len(hkl)
    assert (hkl[: ds.sizes["hkl"]] == miller(ds)).all()

    stacked = ds.drop_vars("DANO").xtal.stack_friedel().xtal.expand_to_p1().xtal.unstack_friedel()
    assert_same_columns(stacked, expected[list(stacked.data_vars)])


@pytest.mark.parametrize("method", ["to_asu", "expand_to_p1"])
def test_columns_stay_lazy(method):
    group = SpaceGroup("P 41 21 2")
    hkl = np.unique(group.to_asu(one_of_each(group))[0], axis=0)
    if method == "to_asu":
        hkl = hkl @ group.rotations[3]
    ds = with_all_types(Structure.random(group, 3), hkl, CELL)
    expected = getattr(ds.xtal, method)()
    chunked = ds.chunk(hkl=7)
    with nothing_computed():
        found = getattr(chunked.xtal, method)()
        stacked = getattr(chunked.drop_vars("DANO").xtal.stack_friedel().xtal, method)()
    assert all(isinstance(column.data, da.Array) for column in found.data_vars.values())
    xr.testing.assert_identical(found.compute(), expected)
    assert stacked["F_anom"].chunks is not None


def test_data_types_are_kept():
    index = xrefl.HKLIndex.from_miller([1, 1], [-3, 2], [2, 1], cell=CELL, spacegroup="P 1 21 1")
    columns = {
        "P32": ("hkl", np.float32([50, 60]), {"mtz_type": "P"}),
        "P64": ("hkl", np.float64([50, 60]), {"mtz_type": "P"}),
        "C64": ("hkl", np.complex64([1 + 2j, 3])),
        "I32": ("hkl", np.int32([1, 2]), {"mtz_type": "I"}),
        "text": ("hkl", np.array(["o", "f"])),
        "D32": ("hkl", np.float32([1, 2]), {"mtz_type": "D"}),
        "two": (("set", "hkl"), np.float32([[50, 60], [-130, 60]]), {"mtz_type": "P"}),
    }
    ds = xr.Dataset(columns, index.coordinates().assign(extra=("hkl", [1.5, 2.5]), set=["a", "b"]))
    for found in (ds.xtal.to_asu(), ds.xtal.expand_to_p1()):
        assert {n: c.dtype for n, c in found.data_vars.items()} == {
            n: c.dtype for n, c in ds.data_vars.items()
        }
        assert found["two"].dims == ("set", "hkl")
        assert "extra" in found.coords
    found = ds.xtal.to_asu()
    # (1 -3 2) becomes (1 3 2): minus the operation -x, y + 1/2, -z, with 180° as k is odd
    assert found.P32.values.tolist() == [130, 60]
    assert found.two.values.tolist() == [[130, 60], [-50, 60]]
    assert found.D32.values.tolist() == [-1, 2]
    np.testing.assert_allclose(found.C64.values, [-1 + 2j, 3], rtol=1e-6)


def test_phases_that_do_not_change_stay_bit_for_bit():
    values = np.float32([359.999, -179.9999, 720.125])
    index = xrefl.HKLIndex.from_miller([1, 2, 3], [1, 2, 3], [1, 2, 3], spacegroup="P 1 21 1")
    ds = xr.Dataset({"PHI": ("hkl", values, {"mtz_type": "P"})}, index.coordinates())
    assert ds.xtal.to_asu().PHI.values.tolist() == values.tolist()


def test_real_and_imaginary_parts_of_a_cif_turn():
    group = SpaceGroup("P 1 21 1")
    structure = Structure.random(group, 4, anomalous=False)
    hkl = one_of_each(group)

    def parts(hkl):
        f = structure.f(hkl)
        index = xrefl.HKLIndex.from_miller(*hkl.T, cell=CELL, spacegroup=group.name)
        attrs = {"mtz_type": "R", "cif_tag": "_refln.A_calc"}
        columns = {"A_calc": ("hkl", f.real, attrs), "B_calc": ("hkl", f.imag, attrs)}
        return xr.Dataset(columns, index.coordinates())

    found = parts(hkl).xtal.to_asu()
    assert_same_columns(found, parts(miller(found)))


def test_refuses_equivalents():
    index = xrefl.HKLIndex.from_miller([1, 0, -1], [2, 1, 2], [3, 1, -3], spacegroup="P 1 21 1")
    ds = xr.Dataset({"F": ("hkl", [1.0, 2.0, 3.0])}, index.coordinates())
    for method in (ds.xtal.to_asu, ds.xtal.expand_to_p1):
        with pytest.raises(
            MillerIndexError, match=r"\(1 2 3\) \(-1 2 -3\) in rows 0 and 2 are equ"
        ):
            method()


def test_refuses_what_makes_no_sense():
    index = xrefl.HKLIndex.from_miller([1], [2], [3], spacegroup="P 1 21 1")
    hl = {f"HL{x}": ("hkl", [1.0], {"mtz_type": "A"}) for x in "AB"}
    ds = xr.Dataset(hl, index.coordinates())
    with pytest.raises(FormatError, match="go by fours, but there are 2 columns of type A: HLA"):
        ds.xtal.to_asu()
    with pytest.raises(CrystalError, match="'shelx'"):
        ds.drop_vars(["HLA", "HLB"]).xtal.to_asu(convention="shelx")
    coords = {name: ("obs", [1]) for name in "hkl"}
    observations = xr.Dataset({}, coords, {"cell": list(CELL), "spacegroup": "P 1 21 1"})
    with pytest.raises(NotMergedError, match="to_original_hkl"):
        observations.xtal.expand_to_p1()
    huge = xrefl.HKLIndex.from_miller([1 << 19], [2], [3], spacegroup="P 1 21 1")
    with pytest.raises(MillerIndexError, match=r"\(524288, 524288\)"):
        xr.Dataset({}, huge.coordinates()).xtal.to_asu()


def observations(seed: int = 5) -> tuple[xr.Dataset, np.ndarray]:
    """Return observations under original indices, and with M/ISYM in the asymmetric unit."""
    group = SpaceGroup("P 41 21 2")
    rng = np.random.default_rng(seed)
    hkl = ALL[rng.integers(0, len(ALL), 50)]
    ds = xr.Dataset(
        {
            "M/ISYM": ("obs", np.int32(256 * rng.integers(0, 2, 50)), {"mtz_type": "Y"}),
            "I": ("obs", rng.normal(size=50).astype(np.float32), {"mtz_type": "J"}),
            "PHI": ("obs", rng.uniform(-180, 180, 50), {"mtz_type": "P"}),
        },
        {name: ("obs", hkl[:, i]) for i, name in enumerate("hkl")},
        {"cell": [20.0, 20.0, 22.0, 90.0, 90.0, 90.0], "spacegroup": group.name},
    )
    ds["h"].attrs["indices"] = "original"
    return ds, hkl


@pytest.mark.parametrize("chunks", [None, 13])
def test_observations(chunks):
    ds, hkl = observations()
    ds = ds if chunks is None else ds.chunk(obs=chunks)
    with nothing_computed():
        found = ds.xtal.to_asu()
        again = found.xtal.to_asu()
        back = found.xtal.to_original_hkl()
    group = ds.xtal.spacegroup
    assert group.in_asu(miller(found)).all()
    assert (miller(back) == hkl).all()
    assert (found["M/ISYM"].values & ~255 == ds["M/ISYM"].values).all()
    assert (again["M/ISYM"].values == found["M/ISYM"].values).all()
    np.testing.assert_array_equal(found["M/ISYM"], ds.xtal.to_asu_hkl()["M/ISYM"])
    turn = np.exp(1j * np.radians(found.PHI.values - again.PHI.values))
    np.testing.assert_allclose(turn, 1, atol=1e-12)
    # the phases are those of one structure: back at the original indices they are as before
    shift = np.array([
        float(group.operations[(isym - 1) // 2].phase_shift(h)) for isym, h in
        zip(found["M/ISYM"].values & 255, hkl, strict=True)
    ])  # fmt: skip
    sign = np.where(found["M/ISYM"].values & 1, 1, -1)
    proper = ~group.centric(hkl) | (sign == 1)
    turn = np.exp(1j * np.radians(found.PHI.values - sign * (ds.PHI.values + shift)))
    np.testing.assert_allclose(turn[proper], 1, atol=1e-12)


def test_observations_that_have_left_the_unit_come_back():
    ds, _ = observations()
    inside = ds.xtal.to_asu()
    outside = inside.copy()
    rotated = miller(inside) @ ds.xtal.spacegroup.rotations[2]
    outside = outside.assign_coords(
        {name: ("obs", rotated[:, i].astype(np.int32)) for i, name in enumerate("hkl")}
    )
    outside["h"].attrs["indices"] = "original"
    found = outside.xtal.to_asu()
    assert (miller(found) == miller(inside)).all()
    assert (miller(found.xtal.to_original_hkl()) == rotated).all()


def test_no_column_m_isym_is_needed():
    ds, hkl = observations()
    found = ds.drop_vars("M/ISYM").xtal.to_asu()
    assert (miller(found) == ds.xtal.spacegroup.to_asu(hkl)[0]).all()


def test_the_number_of_reflections_is_gemmis():
    assert xrefl.tutorial.open("5wkd").xtal.expand_to_p1().sizes["hkl"] == 577


def test_in_pandas():
    df = xrefl.tutorial.open("5wkd").xtal.to_dataframe()
    whole = df.xtal.expand_to_p1()
    assert len(whole) == 577
    assert whole.xtal.spacegroup.name == "P 1"
    assert df.xtal.to_asu().index.equals(df.index)


def test_nothing_to_expand_or_move():
    index = xrefl.HKLIndex.from_miller([], [], [], cell=CELL, spacegroup="P 1 21 1")
    empty = xr.Dataset({"F": ("hkl", np.zeros(0, np.float32))}, index.coordinates())
    assert empty.xtal.expand_to_p1().sizes["hkl"] == 0
    assert empty.xtal.to_asu().sizes["hkl"] == 0
    assert empty.xtal.sort_hkl().sizes["hkl"] == 0
    assert empty.xtal.reindex("k,l,h").sizes["hkl"] == 0
