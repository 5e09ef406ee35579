"""What cctbx makes of the same columns: equivalent indices, P 1, other axes, Friedel mates.

The structure factors obey Friedel's law and the phase restrictions of their space group, except
those of Friedel mates: so conjugation, which brings centric reflections to their mates in cctbx,
and an operation, which does it here, agree.

cctbx crashes where gemmi or numba is loaded, so it answers in a process of its own: the questions
go there and the answers come back in files.
"""

from __future__ import annotations

import functools
import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.structures import Structure, with_all_types
from xrefl.crystal.op import DEN
from xrefl.crystal.spacegroup import SpaceGroup

if importlib.util.find_spec("cctbx") is None:
    pytest.skip("cctbx is not installed (extra 'dev')", allow_module_level=True)

# For each space group, what becomes of coordinates on other axes and with other origins.
GROUPS = {
    "P 1": ["y,z,x", "x+1/4,y,z-1/6", "-x,-y,-z", "x+y,y,z-2*x"],
    "P -1": ["-y,-x,-z", "x+1/4,y-1/4,z+1/4"],
    "P 1 21 1": ["z,x,y", "x,y+1/3,z", "x-z,y,z"],
    "P 1 1 21": ["y,z,x", "x,y,z+5/24"],
    "P 1 m 1": ["y,z,x", "x+1/3,y,z-1/8"],
    "P 1 21/c 1": ["z,-y,x", "x,y+1/4,z+1/4", "x-z,y,z"],
    "C 1 2 1": ["x,y,z-x", "z,y,-x", "x-y,x+y,z", "x+1/4,y+1/4,z"],
    "B 1 1 2": ["x,z,-y", "x+1/4,y,z+1/3"],
    "I 1 2 1": ["x+z,y,-x", "x,y-1/6,z"],
    "P 21 21 2": ["z,x,y", "y,x,-z", "x+1/4,y+1/4,z"],
    "P 2 21 21": ["y,z,x", "x+1/4,y,z-1/6"],
    "F d d 2": ["z,x,y", "x-y-z,x+y-z,2*z", "x+1/8,y-1/8,z+1/24"],
    "I -4 2 d": ["x,y,z+1/4", "y,-x,z"],
    "P 41 21 2": ["y,x,-z", "x,y+1/2,z+1/4", "-x,-y,-z"],
    "P 43 21 2": ["x-1/4,y+1/4,z", "-x,-y,-z"],
    "R 3:H": ["-x,-y,z", "-y+z,x+z,-x+y+z", "x,y,z+1/8"],
    "R 3:R": ["-x,-y,-z", "2/3*x-1/3*y-1/3*z,1/3*x+1/3*y-2/3*z,1/3*x+1/3*y+1/3*z"],
    "P 31 2 1": ["-x,-y,z", "-x,-y,-z", "x,y,z+1/2"],
    "P 61 2 2": ["-x,-y,z+1/2", "-x,-y,-z"],
    "P -6 2 c": ["x+1/3,y+2/3,z", "y,x,z+1/4"],
    "P 21 3": ["x+1/4,y+1/4,z+1/4", "y,x,z+1/2"],
    "P 43 3 2": ["-x,-y,-z", "x-1/8,y-1/8,z-1/8"],
    "F d -3 m:1": ["x+1/8,y+1/8,z+1/8", "-x+y+z,x-y+z,x+y-z"],
    "F d -3 m:2": ["x-1/8,y-1/8,z-1/8", "x+1/2,y,z"],
    "I a -3 d": ["y,z,x", "x+1/2,y+1/2,z+1/2", "y+z,x+z,x+y"],
}
ALL = np.mgrid[-4:5, -4:5, -4:5].reshape(3, -1).T.astype(np.int32)
HL = ["HLA", "HLB", "HLC", "HLD"]
MATES = ["F(+)", "SIGF(+)", "F(-)", "SIGF(-)", "SF(+)", "SF(-)", "DANO"]


def miller(ds: xr.Dataset) -> np.ndarray:
    return np.stack([ds[name].values for name in "hkl"], axis=1)


def one_of_each(group: SpaceGroup, seed: int = 3) -> np.ndarray:
    """Return one reflection of each set of equivalents, anywhere in the sphere."""
    hkl = ALL[ALL.any(axis=1) & ~group.absent(ALL)]
    shuffled = hkl[np.random.default_rng(seed).permutation(len(hkl))]
    _, first = np.unique(group.to_asu(shuffled)[0], axis=0, return_index=True)
    return shuffled[np.sort(first)]


@functools.cache
def datasets(name: str, cell: tuple[float, ...]) -> tuple[xr.Dataset, xr.Dataset]:
    """Return columns that obey Friedel's law, and those of Friedel mates with DANO."""
    group = SpaceGroup(name)
    hkl = one_of_each(group)
    ds = with_all_types(Structure.random(group, 5, anomalous=False), hkl, cell)
    pairs = with_all_types(Structure.random(group, 6), hkl, cell)
    return ds[["SF", "PHI", *HL]], pairs[MATES]


def question(name: str) -> SimpleNamespace:
    """Return columns as plain arrays; mates (-) of acentric reflections come after all (+)."""
    ds, pairs = datasets(name, (30.0, 30.0, 30.0, 90.0, 90.0, 90.0))
    hkl = miller(ds)
    acentric = ~ds.xtal.centric().values
    return SimpleNamespace(
        hall=SpaceGroup(name).hall,
        operators=GROUPS[name],
        hkl=hkl.tolist(),
        sf=ds.SF.values,
        phi=ds.PHI.values,
        hl=[ds[label].values for label in HL],
        mates=[*hkl.tolist(), *(-hkl[acentric]).tolist()],
        f=np.concatenate([pairs["F(+)"], pairs["F(-)"][acentric]]),
        sigma=np.concatenate([pairs["SIGF(+)"], pairs["SIGF(-)"][acentric]]),
        sf_mates=np.concatenate([pairs["SF(+)"], pairs["SF(-)"][acentric]]),
    )


def write_answers(questions: str, path: str) -> None:
    """Ask cctbx; to be called in a process that has imported cctbx before anything else."""
    from cctbx import crystal, miller, sgtbx
    from cctbx.array_family import flex

    def plain(array):
        data = array.data()
        kind = type(data).__name__
        values = (
            np.array([list(row) for row in data]).T
            if kind == "hendrickson_lattman"
            else np.array(list(data))
        )
        sigmas = None if array.sigmas() is None else np.array(array.sigmas())
        return SimpleNamespace(
            hkl=np.array(array.indices()).reshape(-1, 3), values=values, sigmas=sigmas
        )

    def operations(group):
        return {
            (
                tuple(round(value) for value in op.r().as_double()),
                tuple(round(DEN * value) % DEN for value in op.t().as_double()),
            )
            for op in group.all_ops()
        }

    def answer(asked):
        group = sgtbx.space_group(asked.hall)
        a, b, c, *angles = group.info().any_compatible_unit_cell(volume=9000).parameters()
        cell = group.average_unit_cell(crystal.uctbx.unit_cell([a, 1.07 * b, 1.16 * c, *angles]))
        symmetry = crystal.symmetry(unit_cell=cell, space_group=group)

        def array(hkl, data, anomalous=False, sigmas=None):
            indices = flex.miller_index(hkl)
            return miller.set(symmetry, indices, anomalous).array(data, sigmas)

        sf = array(asked.hkl, flex.complex_double(asked.sf))
        phi = array(asked.hkl, flex.double(asked.phi))
        hl = array(asked.hkl, flex.hendrickson_lattman(*map(flex.double, asked.hl)))
        f = array(asked.mates, flex.double(asked.f), True, flex.double(asked.sigma))
        f.set_observation_type_xray_amplitude()
        mates = array(asked.mates, flex.complex_double(asked.sf_mates), True)
        plus, minus = f.hemispheres_acentrics()

        def changed(triplet):
            cb_op = sgtbx.change_of_basis_op(triplet)
            result = sf.change_basis(cb_op)
            return SimpleNamespace(
                cell=result.unit_cell().parameters(),
                operations=operations(result.space_group()),
                sf=plain(result),
                phi=plain(phi.change_basis(cb_op, deg=True)),
                hl=plain(hl.change_basis(cb_op)),
                f=plain(f.change_basis(cb_op)),
                mates=plain(mates.change_basis(cb_op)),
            )

        all_indices = array(ALL.tolist(), flex.double(range(len(ALL))))
        return SimpleNamespace(
            cell=cell.parameters(),
            in_asu=SimpleNamespace(
                sf=plain(sf.map_to_asu()),
                phi=plain(phi.map_to_asu(deg=True)),
                hl=plain(hl.map_to_asu()),
                f=plain(f.map_to_asu()),
                mates=plain(mates.map_to_asu()),
            ),
            in_p1=SimpleNamespace(
                sf=plain(sf.expand_to_p1().map_to_asu()),
                phi=plain(phi.expand_to_p1(phase_deg=True).map_to_asu(deg=True)),
                hl=plain(hl.expand_to_p1().map_to_asu()),
                f=plain(f.expand_to_p1()),
                mates=plain(mates.expand_to_p1()),
            ),
            changed=[changed(triplet) for triplet in asked.operators],
            sphere=plain(sf.expand_to_p1().generate_bijvoet_mates()),
            both=np.array(sf.generate_bijvoet_mates().indices()),
            plus=plain(plus),
            minus=plain(minus),
            differences=plain(f.anomalous_differences()),
            present=plain(all_indices.remove_systematic_absences()).values,
            sorted=plain(sf.map_to_asu().sort(by_value="packed_indices")),
        )

    asked = pickle.loads(Path(questions).read_bytes())
    Path(path).write_bytes(pickle.dumps({name: answer(one) for name, one in asked.items()}))


@pytest.fixture(scope="module")
def cctbx(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SimpleNamespace]:
    folder = tmp_path_factory.mktemp("cctbx")
    questions, answers = folder / "questions.pickle", folder / "answers.pickle"
    questions.write_bytes(pickle.dumps({name: question(name) for name in GROUPS}))
    code = (
        f"import cctbx.miller; from {__name__} import write_answers; "
        f"write_answers({str(questions)!r}, {str(answers)!r})"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=300)
    return pickle.loads(answers.read_bytes())


def operations_of(group: SpaceGroup) -> set:
    return {
        (tuple((np.array(op.rotation) // DEN).ravel().tolist()), op.translation)
        for op in group.operations
    }


def assert_same_rows(ds: xr.Dataset, theirs: SimpleNamespace) -> None:
    """Compare columns that obey Friedel's law, row by row; phases modulo a turn."""
    for column in (theirs.sf, theirs.phi, theirs.hl):
        np.testing.assert_array_equal(miller(ds), column.hkl)
    np.testing.assert_allclose(ds.SF, theirs.sf.values, atol=1e-9)
    turn = (ds.PHI - theirs.phi.values + 180) % 360 - 180
    np.testing.assert_allclose(turn, 0, atol=1e-9)
    np.testing.assert_allclose([ds[label] for label in HL], theirs.hl.values, atol=1e-12)


def by_indices(column: SimpleNamespace) -> SimpleNamespace:
    order = np.lexsort(column.hkl.T[::-1])
    return SimpleNamespace(hkl=column.hkl[order], values=column.values[..., order])


def assert_same_mates(ds: xr.Dataset, theirs: SimpleNamespace, centric: np.ndarray) -> None:
    """Compare columns of mates in any order; cctbx lists -h as a reflection of its own."""
    hkl = np.concatenate([miller(ds), -miller(ds)[~centric]])
    order = np.lexsort(hkl.T)
    columns = [
        np.concatenate([ds[f"{label}(+)"], ds[f"{label}(-)"][~centric]])[order]
        for label in ("F", "SIGF", "SF")
    ]
    their_orders = [np.lexsort(array.hkl.T) for array in (theirs.f, theirs.mates)]
    expected = theirs.f.values, theirs.f.sigmas, theirs.mates.values
    for array, their_order in zip((theirs.f, theirs.mates), their_orders, strict=True):
        np.testing.assert_array_equal(hkl[order], array.hkl[their_order])
    for found, values, place in zip(columns, expected, (0, 0, 1), strict=True):
        np.testing.assert_allclose(found, values[their_orders[place]], atol=1e-9)


@pytest.mark.parametrize("name", GROUPS)
def test_to_asu(cctbx, name: str) -> None:
    theirs = cctbx[name]
    ds, pairs = datasets(name, theirs.cell)
    assert_same_rows(ds.xtal.to_asu(), theirs.in_asu)
    found = pairs.xtal.to_asu()
    centric = found.xtal.centric().values
    assert_same_mates(found, theirs.in_asu, centric)
    differences = found.DANO.isel(hkl=np.flatnonzero(~centric))
    ours, expected = np.lexsort(miller(differences).T), np.lexsort(theirs.differences.hkl.T)
    np.testing.assert_array_equal(miller(differences)[ours], theirs.differences.hkl[expected])
    np.testing.assert_allclose(
        differences.values[ours], theirs.differences.values[expected], atol=1e-9
    )


@pytest.mark.parametrize("name", GROUPS)
def test_expand_to_p1(cctbx, name: str) -> None:
    theirs = cctbx[name]
    ds, pairs = datasets(name, theirs.cell)
    whole = ds.xtal.expand_to_p1()
    assert whole.sizes["hkl"] == len(theirs.in_p1.sf.hkl)
    expected = SimpleNamespace(
        sf=by_indices(theirs.in_p1.sf),
        phi=by_indices(theirs.in_p1.phi),
        hl=by_indices(theirs.in_p1.hl),
    )
    assert_same_rows(whole.xtal.to_asu().xtal.sort_hkl(), expected)
    whole = pairs.xtal.expand_to_p1()
    assert_same_mates(whole, theirs.in_p1, np.zeros(whole.sizes["hkl"], bool))


@pytest.mark.filterwarnings("ignore:.*hand of the axes")
@pytest.mark.parametrize("name", GROUPS)
def test_reindex(cctbx, name: str) -> None:
    ds, pairs = datasets(name, cctbx[name].cell)
    centric = ds.xtal.centric().values
    for triplet, theirs in zip(GROUPS[name], cctbx[name].changed, strict=True):
        found = ds.xtal.reindex(triplet)
        assert_same_rows(found, theirs)
        assert operations_of(found.xtal.spacegroup) == theirs.operations
        assert found.xtal.cell.parameters == pytest.approx(theirs.cell, rel=1e-9)
        assert found.xindexes["hkl"].spacegroup == found.attrs["spacegroup"]
        assert_same_mates(pairs.xtal.reindex(triplet), theirs, centric)


@pytest.mark.parametrize("name", GROUPS)
def test_stack_friedel(cctbx, name: str) -> None:
    theirs = cctbx[name]
    ds, pairs = datasets(name, theirs.cell)
    stacked = pairs.xtal.stack_friedel().xtal.to_asu().xtal.sort_hkl()
    acentric = stacked.isel(hkl=np.flatnonzero(~stacked.xtal.centric().values))
    for sign, half, factor in (("+", theirs.plus, 1), ("-", theirs.minus, -1)):
        order = np.lexsort(factor * half.hkl.T[::-1])
        np.testing.assert_array_equal(miller(acentric), factor * half.hkl[order])
        ours = acentric.sel(friedel=sign)
        np.testing.assert_allclose(ours.F_anom, half.values[order], atol=1e-9)
        np.testing.assert_allclose(ours.SIGF_anom, half.sigmas[order], atol=1e-9)
    present = pairs.xtal.stack_friedel().F_anom.notnull().values
    hkl = np.concatenate([miller(ds), -miller(ds)[present[:, 1]]])
    assert present[:, 0].all()
    assert len(hkl) == len(theirs.both)
    assert {*map(tuple, hkl.tolist())} == {*map(tuple, theirs.both.tolist())}


@pytest.mark.parametrize("name", GROUPS)
def test_absent_reflections_and_order(cctbx, name: str) -> None:
    theirs = cctbx[name]
    index = xrefl.HKLIndex.from_miller(*ALL.T, cell=theirs.cell, spacegroup=name)
    numbers = xr.Dataset({"number": ("hkl", np.arange(len(ALL)))}, index.coordinates())
    np.testing.assert_array_equal(numbers.xtal.drop_absent().number, theirs.present)
    ds, _ = datasets(name, theirs.cell)
    found = ds.xtal.to_asu().xtal.sort_hkl()
    np.testing.assert_array_equal(miller(found), theirs.sorted.hkl)
    np.testing.assert_allclose(found.SF, theirs.sorted.values, atol=1e-9)


@pytest.mark.parametrize("name", GROUPS)
def test_add(cctbx, name: str) -> None:
    theirs = cctbx[name]
    ds, _ = datasets(name, theirs.cell)
    sphere = dict(zip(map(tuple, theirs.sphere.hkl.tolist()), theirs.sphere.values, strict=True))
    hkl = one_of_each(SpaceGroup(name), seed=9)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=theirs.cell, spacegroup=name)
    found = xr.Dataset({}, index.coordinates()).xtal.add(ds, columns=["SF", "PHI"])
    expected = [sphere[h] for h in map(tuple, hkl.tolist())]
    np.testing.assert_allclose(found.SF, expected, atol=1e-9)
    polar = found.assign(F=abs(found.SF)).xtal.structure_factor("F", "PHI")
    np.testing.assert_allclose(polar, expected, atol=1e-9)
