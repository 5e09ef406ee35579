"""Solvent masks, beside gemmi and calculations by brute force."""

from __future__ import annotations

import math
from itertools import product

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.spatial import KDTree

import xrefl
from tests.conftest import real_files
from xrefl.errors import CrystalError, CrystalWarning, FormatError, MissingColumnError
from xrefl.models.elements import elements
from xrefl.models.radii import radii_set

CELLS = {
    "P 1": (11.1, 12.2, 13.3, 76.4, 97.5, 112.6),
    "P -1": (13.4, 11.8, 14.7, 100.0, 105.0, 70.0),
    "I 1": (13.4, 11.8, 14.7, 100.0, 105.0, 70.0),
    "P 1 21 1": (12.3, 11.8, 13.1, 90.0, 118.2, 90.0),
    "C 1 2 1": (21.6, 11.2, 12.9, 90.0, 104.3, 90.0),
    "P 21 21 21": (14.2, 16.5, 18.3, 90.0, 90.0, 90.0),
    "P 41 21 2": (15.3, 15.3, 19.4, 90.0, 90.0, 90.0),
    "R 3:R": (14.6, 14.6, 14.6, 72.0, 72.0, 72.0),
    "P 61": (14.5, 14.5, 19.6, 90.0, 90.0, 120.0),
    "P 21 3": (16.4, 16.4, 16.4, 90.0, 90.0, 90.0),
    "F d -3 m:1": (24.1, 24.1, 24.1, 90.0, 90.0, 90.0),
}
SETS = {
    "vdw": gemmi.AtomicRadiiSet.VanDerWaals,
    "cctbx": gemmi.AtomicRadiiSet.Cctbx,
    "refmac": gemmi.AtomicRadiiSet.Refmac,
    1.9: gemmi.AtomicRadiiSet.Constant,
}
SYMBOLS = ("C", "N", "O", "S", "H", "D", "Zn", "Se")
JUST_AT = 1e-6  # Å: what counts as being just at a distance
NAMES = {"probe": "rprobe", "shrink": "rshrink", "weight_by_occupancy": "use_atom_occupancy"}


def model_of(name="P 1", *, count=8, room=None, seed=0, occupied=(1.0,)) -> xr.Dataset:
    """Return atoms at random: so many, or one for so many Å³."""
    rng = np.random.default_rng(seed)
    cell = xrefl.UnitCell(*CELLS[name])
    if room is not None:
        count = math.ceil(cell.volume / len(xrefl.SpaceGroup(name).operations) / room)
    return xr.Dataset(
        {
            "element": ("atom", rng.choice(SYMBOLS, count)),
            "xyz": (("atom", "axis"), cell.orthogonalize(rng.uniform(-1, 2, (count, 3))).round(3)),
            "occupancy": ("atom", rng.choice(occupied, count)),
        },
        attrs={"cell": list(cell.parameters), "spacegroup": name},
    )


def structure_of(model: xr.Dataset) -> gemmi.Structure:
    chain = gemmi.Chain("A")
    for number, symbol in enumerate(model.element.values.tolist()):
        atom = gemmi.Atom()
        atom.name, atom.element = symbol, gemmi.Element(symbol)
        atom.pos = gemmi.Position(*model.xyz.values[number])
        atom.occ = model.occupancy.values[number]
        residue = gemmi.Residue()
        residue.name, residue.seqid = "UNK", gemmi.SeqId(number + 1, " ")
        residue.add_atom(atom)
        chain.add_residue(residue)
    result = gemmi.Structure()
    result.cell.set(*model.attrs["cell"])
    result.spacegroup_hm = model.attrs["spacegroup"]
    result.setup_cell_images()
    result.add_model(gemmi.Model(1))
    result[0].add_chain(chain)
    return result


def gemmi_mask(structure, size, radii, *, with_hydrogens=False, with_zero_occupancy=False, **more):
    grid = gemmi.FloatGrid()
    grid.setup_from(structure)
    grid.set_size(*size)
    constant = 0.0 if isinstance(radii, str) else radii
    masker = gemmi.SolventMasker(SETS[radii], constant)
    masker.ignore_hydrogen = not with_hydrogens
    masker.ignore_zero_occupancy_atoms = not with_zero_occupancy
    for key, value in more.items():
        setattr(masker, NAMES.get(key, key), value)
    masker.put_mask_on_float_grid(grid, structure[0])
    return grid.array.copy()


def assert_same_mask(model, structure, radii, spacing=0.6, **options):
    mask = model.xtal.solvent_mask(spacing, radii=radii, **options)
    expected = gemmi_mask(structure, mask.shape, radii, **options)
    different = abs(mask.values - expected) > 1e-6
    assert different.mean() <= 0.001
    return mask


@pytest.mark.parametrize("radii", SETS)
@pytest.mark.parametrize(
    "path", [p for p in real_files("*.pdb") if p.stem in ("4oz7", "5e5z", "5wkd")], ids=str
)
def test_masks_of_real_structures_are_those_of_gemmi(path, radii):
    structure, model = gemmi.read_structure(str(path)), xrefl.open_model(path)
    mask = assert_same_mask(model, structure, radii, 0.5)
    grid = gemmi.FloatGrid()
    grid.setup_from(structure, 0.5)
    assert mask.shape == grid.shape
    assert mask.dtype == np.float32 and set(np.unique(mask)) <= {0, 1}
    assert_same_mask(model, structure, radii, island_min_volume=15.0, probe=0.6)
    assert_same_mask(model, structure, radii, shrink=1.7, with_hydrogens=True)


@pytest.mark.parametrize("name", [name for name in CELLS if name != "I 1"])
@pytest.mark.parametrize("radii", SETS)
def test_masks_in_many_groups_are_those_of_gemmi(name, radii):
    model = model_of(name, room=15.0, seed=len(name), occupied=(1.0, 1.0, 0.5, 0.0, -0.5))
    structure = structure_of(model)
    assert_same_mask(model, structure, radii)
    everything = {"with_hydrogens": True, "with_zero_occupancy": True}
    assert_same_mask(model, structure, radii, island_min_volume=30.0, **everything)
    assert_same_mask(
        model, structure, radii, island_min_volume=0.0, weight_by_occupancy=True, shrink=0.7
    )


def covered(model, shape, radii):
    """Return which points are within a radius of an atom or a mate, by distances to all."""
    cell = xrefl.UnitCell(*model.attrs["cell"])
    fract = cell.fractionalize(model.xyz.values)
    mates = np.concatenate(
        [op.apply_to_xyz(fract) for op in xrefl.SpaceGroup(model.attrs["spacegroup"]).operations]
    )
    shifts = np.array(list(product(range(-2, 3), repeat=3)))
    images = cell.orthogonalize(((mates % 1)[:, np.newaxis] + shifts).reshape(-1, 3))
    points = cell.orthogonalize(np.argwhere(np.ones(shape)) / shape)
    near = np.zeros(len(points), bool)
    each = np.repeat(np.tile(radii, len(mates) // len(radii)), len(shifts))
    for radius in np.unique(each):
        near |= KDTree(images[each == radius]).query(points)[0] <= radius + JUST_AT
    return near.reshape(shape)


def without_islands(solvent, most):
    """Leave components of up to so many points out, found in the graph of all neighbours."""
    number = np.arange(solvent.size).reshape(solvent.shape)
    ends = []
    for move in product((-1, 0, 1), repeat=3):
        both = solvent & np.roll(solvent, move, (0, 1, 2))
        ends.append([number[both], np.roll(number, move, (0, 1, 2))[both]])
    rows, columns = np.concatenate(ends, axis=1)
    graph = sparse.coo_array((np.ones(len(rows)), (rows, columns)), (solvent.size, solvent.size))
    _, label = sparse.csgraph.connected_components(graph)
    return solvent & (np.bincount(label)[label].reshape(solvent.shape) > most)


def widened(solvent, cell, distance):
    """Return the points within a distance of the solvent, by shifting all of it."""
    shape = solvent.shape
    reach = [
        math.ceil(distance * r * n)
        for r, n in zip(cell.reciprocal.parameters[:3], shape, strict=True)
    ]
    result = solvent.copy()
    for move in product(*(range(-n, n + 1) for n in reach)):
        if np.linalg.norm(cell.orthogonalize(np.array(move) / shape)) <= distance + JUST_AT:
            result |= np.roll(solvent, move, (0, 1, 2))
    return result


@settings(max_examples=40)
@given(
    name=st.sampled_from([name for name in CELLS if name != "F d -3 m:1"]),
    room=st.sampled_from([8.0, 15.0, 40.0, 1e6]),
    seed=st.integers(0, 2**32 - 1),
    probe=st.sampled_from([0.0, 0.4, 1.0]),
    shrink=st.sampled_from([0.0, 0.33, 0.9, 1.73]),
    island=st.sampled_from([0.0, 8.0, 50.0]),
    spacing=st.sampled_from([0.8, 1.1, 2.0, 40.0]),
)
def test_masks_are_those_of_brute_force(name, room, seed, probe, shrink, island, spacing):
    model = model_of(name, room=room, seed=seed)
    how = {"probe": probe, "shrink": shrink, "island_min_volume": island, "with_hydrogens": True}
    mask = model.xtal.solvent_mask(spacing, radii="cctbx", **how)
    cell = xrefl.UnitCell(*model.attrs["cell"])
    radii = np.array([elements()[symbol].cctbx for symbol in model.element.values])
    solvent = ~covered(model, mask.shape, radii + probe)
    if island:
        solvent = without_islands(solvent, island / cell.volume * mask.size)
    np.testing.assert_array_equal(mask, widened(solvent, cell, shrink))


@pytest.mark.parametrize("name", CELLS)
def test_masks_have_the_symmetry_of_the_crystal(name):
    model = model_of(name, count=4, seed=2)
    mask = model.xtal.solvent_mask(0.7, radii="refmac", island_min_volume=5.0)
    points = np.argwhere(np.ones(mask.shape))
    for op in xrefl.SpaceGroup(name).operations:
        moved = np.rint(op.apply_to_xyz(points / mask.shape) * mask.shape).astype(int)
        np.testing.assert_array_equal(
            mask.values[tuple((moved % mask.shape).T)], mask.values.ravel()
        )
    crystal = {"cell": list(CELLS[name]), "spacegroup": xrefl.SpaceGroup(name).name}
    assert mask.attrs == {**crystal, "grid": list(mask.shape)}


def test_centring_counts_where_it_is_all_symmetry():
    mask = model_of("I 1", count=3).xtal.solvent_mask(0.7).values  # gemmi leaves it out
    half = tuple(n // 2 for n in mask.shape)
    assert 0 < mask.mean() < 1
    np.testing.assert_array_equal(np.roll(mask, half, (0, 1, 2)), mask)


def test_points_just_at_a_distance_count():
    cell = [10.0, 10.0, 10.0, 90.0, 90.0, 90.0]
    model = xr.Dataset(
        {
            "element": ("atom", ["C"]),
            "xyz": (("atom", "axis"), [[5.0] * 3]),
            "occupancy": ("atom", [1.0]),
        },
        attrs={"cell": cell, "spacegroup": "P 1"},
    )
    inside = 1 - model.xtal.solvent_mask(size=(100,) * 3, radii=0.3)
    assert int(inside.sum()) == 123  # i² + j² + k² <= 9
    inside = 1 - model.xtal.solvent_mask(size=(100,) * 3, radii=0.2, probe=0.1, shrink=0.1)
    assert int(inside.sum()) == 33  # those whose neighbours are all inside


def test_islands_are_of_points_that_no_atom_covers():
    model = model_of("P 21 21 21", room=15.0, seed=5, occupied=(1.0, 0.6))
    plain = model.xtal.solvent_mask(0.6, shrink=0.0, probe=0.7)
    without = model.xtal.solvent_mask(0.6, shrink=0.0, probe=0.7, island_min_volume=20.0)
    weighted = model.xtal.solvent_mask(
        0.6, shrink=0.0, probe=0.7, island_min_volume=20.0, weight_by_occupancy=True
    )
    removed = (plain == 1) & (without == 0)
    assert removed.any() and not (weighted == 1).where(removed, False).any()
    np.testing.assert_array_equal(weighted == 1, without == 1)
    assert set(np.unique(weighted.values)) == {0, np.float32(0.4), 1}


def test_structure_factors_of_the_mask_are_those_of_gemmi():
    path = xrefl.tutorial.path("5wkd", kind="model")
    structure, model = gemmi.read_structure(str(path)), xrefl.open_model(path)
    mask = model.xtal.solvent_mask(0.5, radii="refmac")
    grid = gemmi.FloatGrid()
    grid.setup_from(structure, 0.5)
    gemmi.SolventMasker(gemmi.AtomicRadiiSet.Refmac).put_mask_on_float_grid(grid, structure[0])
    expected = gemmi.transform_map_to_f_phi(grid, half_l=True).prepare_asu_data(dmin=1.8)
    ds = mask.xtal.to_structure_factors(dmin=1.8)
    f = ds.xtal.structure_factor("F", "PHI").sel(hkl=expected.miller_array.tolist())
    np.testing.assert_allclose(f, expected.value_array, atol=2e-3)


def test_tables_are_those_of_gemmi():
    for symbol, one in elements().items():
        other = gemmi.Element(symbol)
        assert one.weight == pytest.approx(other.weight, rel=1e-7)
        known = math.isfinite(one.vdw)
        assert (one.vdw if known else 1.0) == pytest.approx(other.vdw_r, abs=1e-6)
        assert measured(symbol, "cctbx") == pytest.approx(one.cctbx if known else 1.0, abs=0.011)
        refmac = radii_set("refmac")
        radius = refmac.radii.get(symbol, refmac.other)
        assert measured(symbol, "refmac") == pytest.approx(radius, abs=0.011)


def measured(symbol: str, radii: str) -> float:
    """Return the radius that an atom has in gemmi, from points 0.01 Å apart."""
    model = model_of("P 1", count=1)
    model = model.assign(element=("atom", [symbol]), xyz=(("atom", "axis"), np.zeros((1, 3))))
    model.attrs["cell"] = [10.0, 10.0, 10.0, 90.0, 90.0, 90.0]
    bare = {"probe": 0.0, "shrink": 0.0, "island_min_volume": 0.0, "with_hydrogens": True}
    mask = gemmi_mask(structure_of(model), (1000, 2, 2), radii, **bare)
    return ((mask[:, 0, 0] == 0).sum() - 1) / 2 * 0.01


def test_elements_without_a_radius_are_warned_of():
    model = model_of("P 1", count=3).assign(element=("atom", ["X", "C", "X"]))
    with pytest.warns(CrystalWarning, match=r"2 atoms of 'X' have no van der Waals radius.* 1 Å"):
        mask = model.xtal.solvent_mask()
    np.testing.assert_array_equal(mask, gemmi_mask(structure_of(model), mask.shape, "vdw"))
    model.xtal.solvent_mask(radii="refmac")  # which has one for all


def test_a_mask_does_not_change_the_model_and_may_come_from_dask():
    model = model_of("P 61")
    before = model.copy(deep=True)
    mask = model.xtal.solvent_mask(1.0)
    xr.testing.assert_identical(model, before)
    xr.testing.assert_identical(model.chunk().xtal.solvent_mask(1.0), mask)
    lazy = mask.chunk({"x": 4}).xtal.solvent_fraction()
    assert lazy.chunks == ()
    assert float(lazy) == pytest.approx(float(mask.astype(float).mean()), abs=1e-12)


def test_a_size_is_the_number_of_points():
    model = model_of("P 41 21 2")
    assert model.xtal.solvent_mask(size=(20, 20, 28)).shape == (20, 20, 28)
    cubic = model.assign_attrs(cell=[21.0] * 3 + [90.0] * 3, spacegroup="P 1")
    assert cubic.xtal.solvent_mask(0.7).shape == (30, 30, 30)  # not 32, as rounding would have it


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"spacing": 0}, FormatError, "spacing must be a positive length in Å, not 0"),
        ({"spacing": math.nan}, FormatError, "not nan"),
        ({"spacing": 1.0, "size": (20, 20, 20)}, CrystalError, "either the spacing"),
        ({"size": (20, 20, 27)}, CrystalError, r"next size that suits it is \(20, 20, 32\)"),
        ({"radii": "Refmac"}, FormatError, "'vdw', 'cctbx', 'refmac', or a number.*'Refmac'"),
        ({"radii": 0}, FormatError, "radii must be"),
        ({"radii": math.inf}, FormatError, "up to 20"),
        ({"probe": -1}, FormatError, "probe must be from 0 to 20 Å, not -1"),
        ({"shrink": math.nan}, FormatError, "shrink must be from 0"),
        ({"shrink": 1e6}, FormatError, "shrink must be from 0 to 20"),
        ({"island_min_volume": -5}, FormatError, "island_min_volume must be 0 Å³ or more"),
    ],
)
def test_options_that_make_no_sense(options, error, message):
    with pytest.raises(error, match=message):
        model_of("P 41 21 2").xtal.solvent_mask(**options)


def test_models_that_have_no_mask():
    model = model_of("P 1")
    with pytest.raises(CrystalError, match="no atoms"):
        model.isel(atom=[]).xtal.solvent_mask()
    with pytest.raises(CrystalError, match="expected an atomic model"):
        xrefl.tutorial.open("5wkd").xtal.solvent_mask()
    with pytest.raises(MissingColumnError, match="no variable 'occupancy'"):
        model.drop_vars("occupancy").xtal.solvent_mask()
    with pytest.raises(CrystalError, match=r"xyz of 1 of 8 atoms is not a number.* atom 3"):
        here = xr.DataArray(np.arange(8) != 3, dims="atom")
        model.assign(xyz=model.xyz.where(here)).xtal.solvent_mask()
    with pytest.raises(CrystalError, match="none of the 8 atoms counts"):
        model.assign(occupancy=("atom", np.zeros(8))).xtal.solvent_mask()
    with pytest.raises(CrystalError, match="2 models"):
        model.assign(model=("atom", [1, 2] * 4)).xtal.solvent_mask()
    with pytest.raises(CrystalError, match="unit cell"):
        model.drop_attrs().xtal.solvent_mask()
    mask = model.xtal.solvent_mask()
    with pytest.raises(FormatError, match="expected a map"):
        mask.isel(x=0).xtal.solvent_fraction()


def test_a_mask_larger_than_memory_is_refused():
    with pytest.raises(CrystalError, match=r"points needs .* GB, .* larger spacing"):
        model_of().xtal.solvent_mask(0.0005)
