import math

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xrefl.crystal import generate
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.generate import count_reflections, miller_indices
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError

CELL = (9.643, 9.609, 19.029, 90, 101.224, 90)
DMIN = 1.6639645192598425 - 1e-6
SETTINGS = list(gemmi.spacegroup_table())


@st.composite
def crystals(draw):
    """Draw a setting and a cell with the symmetry of its system, in that setting."""
    setting = draw(st.sampled_from(SETTINGS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    while True:
        edges = np.diag(rng.uniform(5, 20, 3)) + rng.uniform(-6, 6, (3, 3))
        metric = edges @ edges.T
        rotations = [np.array(op.rot) / 24 for op in setting.operations().sym_ops]
        # averaged over the point group it has the symmetry of the lattice
        metric = sum(r.T @ metric @ r for r in rotations) / len(rotations)
        lengths = np.sqrt(np.diag(metric))
        cosines = (metric / np.outer(lengths, lengths))[[1, 0, 0], [2, 2, 1]]
        angles = np.degrees(np.arccos(cosines)).round(9)
        ca, cb, cg = np.cos(np.radians(angles))
        if 1 - ca**2 - cb**2 - cg**2 + 2 * ca * cb * cg > 0.02:
            return setting, (*lengths.tolist(), *angles.tolist())


def assert_agrees(setting, cell, dmin, dmax, unique):
    theirs = gemmi.UnitCell(*cell)
    expected = gemmi.make_miller_array(theirs, setting, dmin, dmax or 0.0, unique)
    group = SpaceGroup(setting.xhm())
    found = miller_indices(cell, group, dmin, dmax, unique)
    np.testing.assert_array_equal(found, expected)
    assert count_reflections(cell, group, dmin, dmax, unique) == len(expected)


def test_reference_numbers():
    assert count_reflections(CELL, "P 1 21 1", DMIN) == 441
    assert count_reflections(CELL, "P 1 21 1", 2.5, dmax=3.0) == 52
    assert count_reflections(CELL, "P 1 21 1", 2.5, dmax=3.0, unique=False) == 188


def test_reference_arrays():
    cell, group = UnitCell(*CELL), SpaceGroup("P 1 21 1")
    hkl = miller_indices(cell, group, DMIN)
    assert hkl.shape == (441, 3)
    assert hkl.dtype == np.int32
    ends = [0, 1, 2, -3, -2, -1]
    assert hkl[ends].tolist() == [
        [-5, 0, 1],
        [-5, 0, 2],
        [-5, 0, 3],
        [5, 2, 0],
        [5, 2, 1],
        [5, 2, 2],
    ]
    d = [1.91993507, 1.92853496, 1.91671381, 1.76018669, 1.72347773, 1.67531162]
    inv_d2 = [0.27128571, 0.26887162, 0.27219833, 0.3227621, 0.33665777, 0.35629424]
    np.testing.assert_allclose(cell.d(hkl)[ends], d, rtol=0, atol=5e-9)
    np.testing.assert_allclose(cell.inv_d2(hkl)[ends], inv_d2, rtol=0, atol=5e-9)
    assert group.centric(hkl)[ends].tolist() == [True, True, True, False, False, False]
    assert group.epsilon(hkl)[ends].tolist() == [1] * 6
    assert not group.absent(hkl).any()


@settings(max_examples=150, deadline=None)
@given(crystals(), st.floats(1.2, 6), st.none() | st.floats(1.05, 4), st.booleans())
def test_agrees_with_gemmi(crystal, dmin, ratio, unique):
    # an irrational limit, so that no reflection is on it
    dmin *= 1 + math.sqrt(2) * 1e-6
    assert_agrees(*crystal, dmin, ratio and dmin * ratio, unique)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.xhm())
def test_every_setting_agrees_with_gemmi(setting):
    hexagonal = setting.crystal_system_str() in ("trigonal", "hexagonal") and setting.ext != "R"
    cubic = setting.crystal_system_str() in ("tetragonal", "cubic") or setting.ext == "R"
    a, b, c = (21.3,) * 3 if cubic else (21.3, 21.3, 17.7) if hexagonal else (21.3, 19.1, 17.7)
    assert_agrees(setting, (a, b, c, 90, 90, 120 if hexagonal else 90), 3.1, None, True)


@pytest.mark.parametrize(
    "cell",
    [
        (50, 50, 50, 25, 25, 25),
        (30, 40, 50, 110, 120, 115),
        (20, 60, 25, 150, 80, 75),
        (300, 5, 5, 90, 90, 90),
        (5, 5, 300, 60, 70, 80),
    ],
)
@pytest.mark.parametrize("unique", [True, False])
def test_skewed_and_elongated_cells(cell, unique):
    assert_agrees(gemmi.SpaceGroup("P 1"), cell, 2.7, None, unique)
    assert_agrees(gemmi.SpaceGroup("P 1"), cell, 2.7, 5.3, unique)


@pytest.mark.parametrize("most", [4, 16, 25, 49, 100])
@pytest.mark.parametrize("least", [0, 4, 9])
def test_reflections_on_the_limits(most, least):
    """Indices are those of whole numbers, whatever 1/d² is rounded to; gemmi lists some of them."""
    if least >= most:
        return
    cell, dmin = (10, 10, 10, 90, 90, 90), 10 / math.sqrt(most)
    dmax = 10 / math.sqrt(least) if least else None
    n = np.arange(-10, 11)
    hkl = np.stack(np.meshgrid(n, n, n, indexing="ij"), axis=-1).reshape(-1, 3)
    squares = (hkl**2).sum(axis=1)
    expected = hkl[(squares > least) & (squares <= most)]
    found = miller_indices(cell, "P 1", dmin, dmax, unique=False)
    np.testing.assert_array_equal(found, expected)
    assert count_reflections(cell, "P 1", dmin, dmax, unique=False) == len(expected)


@pytest.mark.parametrize("edge", [9.99999999, 10, 12.345, 77.7])
def test_whole_orders_on_the_limit_are_listed(edge):
    cell = UnitCell(edge, edge, edge, 90, 90, 90)
    for order in (3, 7, 10, 49):
        hkl = miller_indices(cell, "P 2 2 2", edge / order).tolist()
        assert all(one in hkl for one in ([order, 0, 0], [0, order, 0], [0, 0, order]))


def test_adjoining_shells_share_no_reflection():
    cell = UnitCell(10, 10, 10, 90, 90, 90)
    shells = [miller_indices(cell, "P 1", dmin, dmax) for dmin, dmax in [(4, None), (2, 4)]]
    whole = miller_indices(cell, "P 1", 2)
    assert sorted(np.concatenate(shells).tolist()) == whole.tolist()
    assert [5, 0, 0] in whole.tolist()
    assert cell.inv_d2(whole).max() == pytest.approx(0.25, rel=1e-12)


def test_whole_sphere_is_what_the_unit_expands_to():
    group = SpaceGroup("C 1 2 1")
    cell = (30.1, 20.3, 25.7, 90, 107.3, 90)
    unique, sphere = (miller_indices(cell, group, 2.0, unique=x) for x in (True, False))
    images = np.concatenate([unique @ r for r in group.primitive_rotations])
    expanded = np.unique(np.concatenate([images, -images]), axis=0)
    np.testing.assert_array_equal(expanded, sphere)


def test_untabulated_setting_has_a_whole_sphere():
    group = SpaceGroup("x,y,z; x+1/3,y+1/3,z; x+2/3,y+2/3,z")
    hkl = miller_indices((30, 30, 20, 90, 90, 90), group, 4.0, unique=False)
    assert len(hkl) > 100
    assert ((hkl[:, 0] + hkl[:, 1]) % 3 == 0).all()


def test_columns_are_contiguous_and_sorted():
    hkl = miller_indices((30, 40, 50, 90, 90, 90), "P 21 21 21", 2.0)
    assert all(column.flags.c_contiguous for column in hkl.T)
    assert np.array_equal(hkl, np.unique(hkl, axis=0))


def test_threads_and_one_slice_give_the_same(monkeypatch):
    args = (100, 110, 120, 90, 100, 90), "C 1 2 1", 2.5
    monkeypatch.setenv("XREFL_NUM_THREADS", "1")
    expected = miller_indices(*args)
    monkeypatch.setenv("XREFL_NUM_THREADS", "3")
    monkeypatch.setattr(generate, "_MIN_SPHERE", 0)
    np.testing.assert_array_equal(miller_indices(*args), expected)


def test_nothing_in_range():
    assert miller_indices((5, 5, 5, 90, 90, 90), "P 1", 20.0).shape == (0, 3)
    assert count_reflections((5, 5, 5, 90, 90, 90), "P 1", 20.0) == 0


@pytest.mark.parametrize(
    ("dmin", "dmax", "message"),
    [
        (0, None, "must be a positive number"),
        (-1, None, "must be a positive number"),
        (math.nan, None, "must be a positive number"),
        (2, 2, "must be greater than dmin"),
        (2, 1, "must be greater than dmin"),
        (2, math.nan, "must be greater than dmin"),
        (1e-3, None, "raise dmin"),
        (1e-300, None, "raise dmin"),
        (5e-324, None, "raise dmin"),
    ],
)
def test_nonsense_is_refused(dmin, dmax, message):
    for function in (miller_indices, count_reflections):
        with pytest.raises(CrystalError, match=message):
            function(CELL, "P 1 21 1", dmin, dmax)


def test_flat_cells_do_not_run_away():
    with pytest.raises(CrystalError, match="raise dmin"):
        count_reflections((1e5, 1e5, 1e-4, 90, 90, 90), "P 1", 0.1)


def test_limits_of_any_float_type():
    for dmin in (7, 7.0, np.float32(7), np.float16(7), np.int64(7)):
        assert count_reflections((14, 14, 14, 90, 90, 90), 1, dmin) == 16
