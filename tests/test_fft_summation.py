"""Structure factors by Fourier transform of the density."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.conftest import real_files
from tests.lazy import nothing_computed
from tests.models import matrices, random_model
from tests.strategies import CELLS, SPACE_GROUPS
from tests.test_density import one_atom, to_structure
from xrefl.crystal.cell import UnitCell
from xrefl.errors import CrystalError, CrystalWarning
from xrefl.hkl.asu import to_asu

FILES = [path for name in ("5e5z.pdb", "5wkd.pdb", "4oz7.pdb") for path in real_files(name)]
KINDS = ("xray", "electron", "neutron", "mott_bethe")
CUBE = (12.0, 12.0, 12.0, 90.0, 90.0, 90.0)


def as_complex(calc: xr.Dataset, half: str = "") -> np.ndarray:
    return calc.xtal.structure_factor(f"F{half}", f"PHI{half}").values


def rms(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the root mean square of the difference over that of what is expected."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("dmin", [1.2, 2.0, 3.5])
def test_real_models_as_summed(path: Path, kind: str, dmin: float):
    model = xrefl.open_model(path)
    fft = model.xtal.structure_factors(dmin=dmin, kind=kind, method="fft")
    direct = model.xtal.structure_factors(dmin=dmin, kind=kind, method="direct")
    assert rms(as_complex(fft), as_complex(direct)) < 1.5e-5
    assert fft.attrs == {**direct.attrs, "method": "fft", "kind": kind}
    direct.attrs["method"] = "fft"
    xr.testing.assert_identical(fft.coords, direct.coords)
    assert fft.F.attrs == direct.F.attrs


@settings(max_examples=25)
@given(
    name=st.sampled_from(SPACE_GROUPS),
    seed=st.integers(0, 2**32 - 1),
    anisotropic=st.sampled_from([0, 0.5, 1]),
    dmin=st.sampled_from([2.0, 3.0]),
)
def test_any_model_as_summed(name: str, seed: int, anisotropic: float, dmin: float):
    model = random_model(name, CELLS[name], seed, anisotropic=anisotropic)
    fft = model.xtal.structure_factors(dmin=dmin, method="fft")
    direct = model.xtal.structure_factors(dmin=dmin, method="direct")
    assert rms(as_complex(fft), as_complex(direct)) < 1e-4


@pytest.mark.parametrize("name", ["P 21 21 21", "R 3:H", "P -1"])
def test_anomalous_scattering(name: str):
    model = random_model(name, CELLS[name], 6)
    addends = {"Fe": -1.1 + 3.2j, "S": 0.3 + 0.6j}
    options = {"dmin": 2.5, "friedel": True, "addends": addends}
    fft = model.xtal.structure_factors(method="fft", **options)
    direct = model.xtal.structure_factors(method="direct", **options)
    for half in ("(+)", "(-)"):
        assert rms(as_complex(fft, half), as_complex(direct, half)) < 1e-4
    difference = fft["F(+)"] - fft["F(-)"]
    expected = direct["F(+)"] - direct["F(-)"]
    assert float(abs(difference - expected).max()) < 1e-3 * float(direct["F(+)"].max())


@pytest.mark.parametrize("name", ["P 21 21 21", "C 1 2 1", "F d -3 m:1"])
def test_any_reflections(name: str):
    model = random_model(name, CELLS[name], 4)
    rng = np.random.default_rng(0)
    hkl = np.unique(rng.integers(-12, 13, (200, 3)), axis=0)  # equivalent and absent ones, too
    hkl = np.concatenate([hkl[hkl.any(axis=1)], [(0, 0, 0)]])
    rng.shuffle(hkl)
    fft = model.xtal.structure_factors(hkl, method="fft")
    np.testing.assert_array_equal(np.stack([fft.h, fft.k, fft.l], axis=1), hkl)
    direct = as_complex(model.xtal.structure_factors(hkl))
    assert rms(as_complex(fft), direct) < 1e-4
    assert abs(as_complex(fft)[direct == 0]).max(initial=0) < 1e-3 * abs(direct).max()


def test_few_reflections():
    model = random_model("C 1 2 1", CELLS["C 1 2 1"], 4)
    for hkl in ([(0, 0, 0)], [(2, 0, 0)], (0, 1, 30)):
        fft = as_complex(model.xtal.structure_factors(hkl, method="fft"))
        direct = as_complex(model.xtal.structure_factors(hkl))
        np.testing.assert_allclose(fft, direct, atol=3e-4 * max(1, abs(direct).max()))
    none = model.xtal.structure_factors(np.empty((0, 3), np.int32), method="fft")
    assert none.sizes == {"hkl": 0}


def test_reflections_of_a_dataset_lazy_or_not():
    observed = xrefl.tutorial.open("5wkd")
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    expected = model.xtal.structure_factors(observed, method="fft")
    with nothing_computed():
        lazy = model.xtal.structure_factors(observed.chunk(hkl=100), method="fft")
    assert lazy.F.chunks is not None
    xr.testing.assert_allclose(lazy.compute(), expected, rtol=1e-6)
    assert observed.assign(FC=expected.F).xtal.correlation("FP", "FC").cc.item() > 0.9


@pytest.mark.parametrize("blur", [0.0, 40.0, "auto", "refmac", "servalcat"])
def test_blur_is_undone(blur: float | str):
    model = random_model("P 21 21 21", CELLS["P 21 21 21"], 4, anisotropic=0)
    model["b_iso"] += 60
    options = {"dmin": 3.0, "method": "fft", "blur": blur, "cutoff": 1e-8}
    fft = model.xtal.structure_factors(**options)
    direct = model.xtal.structure_factors(dmin=3.0, method="direct")
    assert rms(as_complex(fft), as_complex(direct)) < (1e-3 if blur == "servalcat" else 5e-5)


@pytest.mark.parametrize("b", [0.0, 30.0, 150.0, 999.99])
@pytest.mark.parametrize("kind", KINDS)
def test_atoms_of_any_width(b: float, kind: str):
    model = random_model("P 21 21 21", CELLS["P 21 21 21"], 5, anisotropic=0)
    model["b_iso"][:] = b
    fft = model.xtal.structure_factors(dmin=2.5, method="fft", kind=kind)
    direct = model.xtal.structure_factors(dmin=2.5, method="direct", kind=kind)
    assert rms(as_complex(fft), as_complex(direct)) < 1e-5


@pytest.mark.parametrize(
    ("rate", "most"), [(1.01, 5e-3), (1.1, 5e-3), (1.3, 1e-4), (1.5, 1e-5), (3.0, 1e-5)]
)
def test_any_rate(rate: float, most: float):
    model = random_model("P 1", CELLS["P 1"], 5)
    fft = model.xtal.structure_factors(dmin=2.5, method="fft", rate=rate)
    direct = model.xtal.structure_factors(dmin=2.5, method="direct")
    assert rms(as_complex(fft), as_complex(direct)) < most


def test_what_a_blur_leaves_nothing_of_cannot_be_had():
    model = one_atom(CUBE)
    model.xtal.structure_factors(dmin=2.0, method="fft", blur=147.0)
    message = r"blur of 148 Å² leaves less than 10⁻⁴ of reflections at 2 Å.*use at most 147\.4"
    with pytest.raises(CrystalError, match=message):
        model.xtal.structure_factors((6, 0, 0), method="fft", blur=148.0)


def test_atoms_without_width_need_blur():
    model = one_atom(CUBE, b_iso=0.0)
    fft = model.xtal.structure_factors(dmin=1.5, method="fft")
    direct = model.xtal.structure_factors(dmin=1.5, method="direct")
    assert rms(as_complex(fft), as_complex(direct)) < 1e-4
    with pytest.warns(CrystalWarning, match=r"A4: .* counts as 0.01"):
        model.xtal.structure_factors(dmin=1.5, method="fft", blur=0.0)


def test_no_scatterers():
    model = one_atom(CUBE, occupancy=0.0)
    calc = model.xtal.structure_factors(dmin=2.0, method="fft")
    assert calc.sizes["hkl"] > 0
    assert (calc.F == 0).all()


@pytest.mark.parametrize("dmin", [0.0, -1.0, float("nan")])
def test_resolution_must_be_positive(dmin: float):
    with pytest.raises(CrystalError, match="must be a positive number"):
        one_atom(CUBE).xtal.structure_factors(dmin=dmin, method="fft")


def test_origin_and_axes_may_be_chosen_otherwise():
    model = random_model("P 21 21 21", CELLS["P 21 21 21"], 9)
    calc = model.xtal.structure_factors(dmin=3.0).xtal.expand_to_p1()
    cell, group = UnitCell(*CELLS["P 21 21 21"]), xrefl.SpaceGroup("P 21 21 21")
    parts = []
    for op in group.operations:
        turn = cell.orthogonalization @ op.matrix @ cell.fractionalization
        u = (turn @ matrices(model.u_aniso.values) @ turn.T).reshape(-1, 9)[:, [0, 4, 8, 1, 2, 5]]
        xyz = model.xyz.values @ turn.T + cell.orthogonalize(np.array(op.vector))
        parts.append(model.assign(xyz=model.xyz.copy(data=xyz), u_aniso=model.u_aniso.copy(data=u)))
    whole = xr.concat(parts, dim="atom").assign_attrs(spacegroup="P 1")
    in_p1 = to_asu(calc)
    other = whole.xtal.structure_factors(dmin=3.0).reindex_like(in_p1)
    assert rms(as_complex(other), as_complex(in_p1)) < 1e-4


def test_nuclei_of_their_own():
    model = random_model("P 21 21 21", CELLS["P 21 21 21"], 9, 30, anisotropic=0.3)
    is_hydrogen = (model.element == "H").values
    away = np.array([0.05, -0.1, 0.02])
    nuclei = np.where(is_hydrogen[:, None], model.xyz.values + away, np.nan)
    model["xyz_nucleus"] = (("atom", "axis"), nuclei)
    options = {"dmin": 2.5, "kind": "mott_bethe"}
    direct = model.xtal.structure_factors(method="direct", **options)
    fft = model.xtal.structure_factors(method="fft", **options)
    assert rms(as_complex(fft), as_complex(direct)) < 1e-4

    # the way of gemmi: charges of all elements but hydrogen, then protons where they are
    structure = to_structure(model)
    calculator = gemmi.DensityCalculatorX()
    calculator.d_min, calculator.rate, calculator.cutoff = 2.5, 2.0, 1e-8
    calculator.addends.subtract_z(except_hydrogen=True)
    calculator.grid.setup_from(structure)
    calculator.set_refmac_compatible_blur(structure[0])
    calculator.initialize_grid()
    calculator.add_model_density_to_grid(structure[0])
    for row in np.flatnonzero(is_hydrogen):
        atom = structure[0][0][0][int(row)]
        atom.pos = gemmi.Position(*nuclei[row])
        calculator.add_c_contribution_to_grid(atom, -1)
    calculator.grid.symmetrize_sum()
    grid = gemmi.transform_map_to_f_phi(calculator.grid, half_l=True)
    theirs = grid.prepare_asu_data(dmin=2.5, mott_bethe=True, unblur=calculator.blur)
    expected = dict(zip(map(tuple, theirs.miller_array.tolist()), theirs.value_array, strict=True))
    rows = np.stack([direct.h, direct.k, direct.l], axis=1).tolist()
    assert rms(np.array([expected[tuple(row)] for row in rows]), as_complex(direct)) < 3e-4

    together = model.drop_vars("xyz_nucleus").xtal.structure_factors(method="direct", **options)
    assert rms(as_complex(together), as_complex(direct)) > 1e-3


def test_nuclei_at_xyz_are_none_of_their_own():
    model = random_model("P 1", CELLS["P 1"], 9, anisotropic=0.3)
    options = {"dmin": 3.0, "kind": "mott_bethe", "method": "direct"}
    expected = model.xtal.structure_factors(**options)
    for nuclei in (model.xyz, model.xyz.where(model.element == "H"), np.nan * model.xyz):
        calc = model.assign(xyz_nucleus=nuclei).xtal.structure_factors(**options)
        np.testing.assert_allclose(as_complex(calc), as_complex(expected), atol=1e-9)
    torn = model.assign(xyz_nucleus=model.xyz.where(xr.DataArray([True, True, False], dims="axis")))
    with pytest.raises(CrystalError, match="xyz_nucleus of A0, A1"):
        torn.xtal.structure_factors(**options)
