"""The option --scale-to of the command sfcalc: from data and a model to maps."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.commands import COMMAND, failure, run
from tests.commands import ok as made

MODEL = str(xrefl.tutorial.path("5wkd", kind="model"))
MTZ = str(xrefl.tutorial.path("5wkd"))
CIF = str(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
LVHSSN = str(xrefl.tutorial.path("5e5z", kind="model"))
LVHSSN_DATA = str(xrefl.tutorial.path("5e5z"))
OURS = ["FC", "PHIC", "F-model", "PHIF-model", "FWT", "PHWT", "DELFWT", "PHDELWT", "FOM"]


def printed(
    *arguments: object, warned: int = 0
) -> tuple[dict[str, str], list[str], list[list[str]]]:
    """Return the report of a command, and the head and the rows of its table."""
    result = run("sfcalc", *arguments)
    assert result.returncode == 0, result.stderr
    assert len(result.stderr.splitlines()) == warned, result.stderr
    report, _, table = result.stdout.partition("\n\n")
    facts = {line[2:15].strip(): line[16:] for line in report.splitlines()[1:]}
    head, *rows = (line.split() for line in table.replace(" - ", " ").splitlines())
    return facts, head, rows


def ok(*arguments: object, warned: int = 0) -> dict[str, str]:
    return printed(*arguments, warned=warned)[0]


def by_hand(**options: object) -> tuple[xr.Dataset, xrefl.ScalingResult]:
    """Return the data of 5WKD, and the model scaled to them."""
    ds, model = xrefl.open_mtz(MTZ).load(), xrefl.open_model(MODEL)
    f_calc = model.xtal.structure_factors(ds, method="fft").xtal.structure_factor("F", "PHI")
    dmin = 0.98 * float(ds.xtal.d().min())
    of_mask = model.xtal.solvent_mask(dmin / 3).xtal.to_structure_factors(dmin=dmin)
    f_mask = of_mask.xtal.structure_factor("F", "PHI")
    options = {"free": ds.xtal.free_flag()} | options
    return ds, xrefl.scale(ds.FP, ds.SIGFP, f_calc, f_mask, **options)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Path, dict[str, str], list[str], list[list[str]]]:
    path = tmp_path_factory.mktemp("scaled") / "maps.mtz"
    return path, *printed(MODEL, path, "--scale-to", f"{MTZ}:FP,SIGFP")


def test_what_is_printed(written):
    _, told, _, _ = written
    _, result = by_hand()
    error = result.errors
    assert told["scaled to"] == f"{MTZ}: FP and SIGFP"
    assert told["free set"].startswith("FREE: 22 of 367 flags are 0, the others 1")
    assert told["solvent"] == "13.21 % of the unit cell; 90 x 10 x 30 points, radii vdw"
    assert told["k_overall"] == f"{result.k_overall:.5g} ± {error['k_overall']:.2g}"
    assert [float(one) for one in told["B_overall"].split(" Å²")[0].split(", ")] == pytest.approx(
        result.b_overall, abs=0.005
    )
    assert told["k_sol"] == f"{result.k_sol:.4f} ± {error['k_sol']:.2g} e/Å³"
    assert told["B_sol"] == f"{result.b_sol:.1f} ± {error['b_sol']:.1f} Å²"
    assert told["R-work"] == f"{result.r_factor:.4f} (345 reflections)"
    assert told["R-free"] == f"{result.r_free:.4f} (22 reflections)"
    assert 0.19 < result.r_factor < 0.20
    assert "loss" not in told
    assert told["columns"] == ", ".join(["FREE", "FP", "SIGFP", *OURS])


def test_what_is_written(written):
    path = written[0]
    ds, result = by_hand()
    maps = ds.xtal.map_coefficients_from("FP", "SIGFP", result.f_total, free=ds.xtal.free_flag())
    own = xrefl.open_mtz(path).load()
    assert own.attrs["title"] == "Maps from 5wkd.mtz and 5wkd.pdb"
    assert own.attrs["history"] == [
        "From xrefl sfcalc: map coefficients of 5wkd.mtz and the model 5wkd.pdb"
    ]
    xr.testing.assert_identical(
        own[["FREE", "FP", "SIGFP"]].drop_attrs(), ds[["FREE", "FP", "SIGFP"]].drop_attrs()
    )
    for name in ("FWT", "DELFWT", "FOM"):
        np.testing.assert_allclose(own[name], maps[name], rtol=1e-5, atol=1e-5)
    f = own.xtal.structure_factor("F-model", "PHIF-model")
    assert np.abs(f - result.f_total).max() < 1e-4
    weighted, expected = (one.xtal.structure_factor("FWT", "PHWT").values for one in (own, maps))
    assert np.abs(weighted - expected).max() < 1e-4
    mtz = gemmi.read_mtz_file(str(path))
    assert [(one.label, one.type, one.dataset_id) for one in mtz.columns][3:] == [
        ("FREE", "I", 0),
        ("FP", "F", 1),
        ("SIGFP", "Q", 1),
        *((name, "W" if name == "FOM" else "P" if name[0] == "P" else "F", 1) for name in OURS),
    ]


def test_table_of_shells(written):
    _, _, head, rows = written
    ds, result = by_hand()
    free = ds.xtal.free_flag()
    assert head == ["d/Å", "work", "R-work", "free", "R-free", "sigma_A", "FOM"]
    shells = ds.xtal.shells(5)
    ds = ds.assign(TOTAL=abs(result.f_total))
    r = ds.xtal.r_factor("FP", "TOTAL", by=[shells, free])
    fom = ds.xtal.map_coefficients_from("FP", "SIGFP", result.f_total, free=free).FOM
    (sigma_a,) = ds.xtal.sigma_a("FP", "SIGFP", result.f_total, free=free).sigma_a.values
    mean = ds.assign(own=fom).xtal.mean("own", by=shells)
    assert len(rows) == 5
    for i, (dmax, _, *rest) in enumerate(rows):
        work, r_work, n_free, r_free, s, m = map(float, rest)
        assert float(dmax) == pytest.approx(shells.dmax[i], abs=0.005)
        assert work + n_free == int((shells.assign(ds) == i).sum())
        assert r_work == pytest.approx(float(r.sel(free="work")[i]), abs=5e-5)
        assert r_free == pytest.approx(float(r.sel(free="free")[i]), abs=5e-5)
        assert m == pytest.approx(float(mean[i]), abs=5e-4)
        assert s == pytest.approx(sigma_a, abs=5e-4)
    assert float(rows[-1][1]) == pytest.approx(ds.xtal.resolution[1], abs=0.005)
    assert sum(int(row[2]) for row in rows) == 345


def test_sf2map_makes_the_maps(tmp_path, written):
    path = written[0]
    ds, result = by_hand()
    maps = ds.xtal.map_coefficients_from("FP", "SIGFP", result.f_total, free=ds.xtal.free_flag())
    for options, which in (((), "2fofc"), (("-d",), "fofc")):
        told = made("sf2map", path, tmp_path / "map.ccp4", *options)
        assert told["reflections"] == "367"
        expected = maps.xtal.to_map(*maps.xtal.map_coefficients(which), sample_rate=3)
        found = xrefl.open_ccp4(tmp_path / "map.ccp4")
        np.testing.assert_allclose(found.values, expected.values, atol=1e-5)


def test_what_was_written_agrees_with_itself(tmp_path, written):
    path, before, _, _ = written
    told = ok(MODEL, tmp_path / "again.mtz", "--scale-to", f"{path}:F-model")
    assert told["scaled to"] == f"{path}: F-model, all of one weight"
    assert told["R-work"] == "0.0000 (345 reflections)"
    assert told["R-free"] == "0.0000 (22 reflections)"
    for name in ("k_overall", "B_overall", "k_sol", "B_sol"):
        assert told[name].split(" ")[0] == before[name].split(" ")[0]
    assert told["columns"] == ", ".join(["FREE", "FP", *OURS])  # F-model is the name of another
    ds = xrefl.open_mtz(tmp_path / "again.mtz")
    np.testing.assert_allclose(ds["FP"], ds["F-model"], rtol=1e-4)


def test_an_empty_mask_is_told(tmp_path):
    path = tmp_path / "maps.mtz"
    arguments = (LVHSSN, "--to-mtz", path, "--scale-to", LVHSSN_DATA, "--radii", "refmac")
    told = ok(*arguments, warned=1)
    assert "mask is empty: no solvent is fitted" in run("sfcalc", *arguments).stderr
    assert told["solvent"] == "0.00 % of the unit cell; 18 x 18 x 36 points, radii refmac"
    assert "k_sol" not in told
    without = ok(LVHSSN, "--scale-to", LVHSSN_DATA, "--no-solvent")
    assert without["solvent"] == "none, as --no-solvent says"
    assert without["R-work"] == told["R-work"] == "0.1817 (385 reflections)"
    ds = xrefl.open_mtz(path).load()
    assert ds.sizes["hkl"] == 441
    np.testing.assert_array_equal(np.isnan(ds.FWT), np.isnan(ds.FP))
    assert ds["F-model"].notnull().all()
    # Without flags, sigma and solvent: the reference has RMSE 6.4176 and R 17.73 %.
    told = ok(LVHSSN, "--scale-to", f"{LVHSSN_DATA}:FP", "--no-solvent", "--no-free")
    assert told["R-work"] == "0.1773 (403 reflections)"
    assert told["k_overall"].startswith("0.81121 ")
    assert told["rms"] == "6.4176 of FP - F-model"


def test_missing_reflections_are_filled(tmp_path):
    path = tmp_path / "maps.mtz"
    told = ok(MODEL, path, "--scale-to", MTZ, "--fill-missing")
    assert told["reflections"] == "406"
    assert told["R-work"].endswith(" (345 reflections)")
    ds = xrefl.open_mtz(path).load()
    missing = ds.FP.isnull().values
    assert missing.sum() == 406 - 367
    assert ds.FWT.notnull().all()
    np.testing.assert_array_equal(ds.DELFWT.isnull(), missing)
    some = ds.isel(hkl=missing)
    ratio = (some.FWT / some["F-model"]).values  # D
    assert ((ratio > 0.8) & (ratio < 1.1)).all()
    np.testing.assert_allclose(some.PHWT, some["PHIF-model"])
    assert made("sf2map", path, tmp_path / "map.ccp4")["reflections"] == "406"


@pytest.mark.parametrize("name", ["maps.cif.gz", "maps.mtz"])
def test_data_in_a_cif_file(tmp_path, name):
    path = tmp_path / name
    told = ok(MODEL, path, "--scale-to", f"{CIF}:F_meas_au,F_meas_sigma_au", "--free", "status")
    assert told["free set"].startswith('status: status "f" is the free set')
    ds, given = xrefl.open_reflections(path).load(), xrefl.open_reflections(CIF).load()
    cif = name.startswith("maps.cif")
    f, sigma, flags = ("F_meas_au", "F_meas_sigma_au", "status") if cif else ("FP", "SIGFP", "FREE")
    assert list(ds.data_vars)[:3] == [flags, f, sigma]
    np.testing.assert_allclose(ds[f], given.F_meas_au, rtol=1e-6)
    free = given.status == "f"
    np.testing.assert_array_equal(ds[flags] == ("f" if cif else 0), free)
    assert told["R-free"].endswith(
        f" ({int((free & given.F_meas_au.notnull()).sum())} reflections)"
    )
    assert made("sf2map", path, tmp_path / "map.ccp4")["reflections"] == "367"
    if cif:
        assert {"F_calc_au", "pdbx_F_calc_with_solvent", "pdbx_DELPHWT", "fom"} < set(ds.data_vars)


def test_flags_of_an_mtz_file_in_a_cif_file(tmp_path):
    path = tmp_path / "maps.cif"
    ok(MODEL, path, "--scale-to", MTZ)
    ds, given = xrefl.open_refln_cif(path).load(), xrefl.open_mtz(MTZ).load()
    np.testing.assert_array_equal(ds.pdbx_r_free_flag, given.FREE)
    np.testing.assert_allclose(ds.F_meas_sigma_au, given.SIGFP, rtol=1e-5)


def test_any_asymmetric_unit(tmp_path, written):
    _, before, head, rows = written
    path = tmp_path / "mates.mtz"
    ds = xrefl.open_mtz(MTZ)[["FREE", "FP", "SIGFP"]].load()
    index = xrefl.HKLIndex.from_miller(
        *(-ds[name].values for name in "hkl"), cell=ds.attrs["cell"], spacegroup="C 1 2 1"
    )
    ds = ds.drop_vars(["hkl", "h", "k", "l"]).assign_coords(index.coordinates())
    ds.xtal.to_mtz(path)
    told, own_head, own_rows = printed(MODEL, "--scale-to", path)
    assert (own_head, own_rows) == (head, rows)
    assert told["k_sol"] == before["k_sol"]


def test_options():
    ds, model = xrefl.open_mtz(MTZ).load(), xrefl.open_model(MODEL)
    told, head, rows = printed(MODEL, "--scale-to", MTZ, "--no-free", "--loss", "l1")
    _, result = by_hand(free=None, loss="l1")
    assert (told["free set"], told["loss"]) == ("none, as --no-free says", "l1")
    assert told["R-work"] == f"{result.r_factor:.4f} (367 reflections)"
    assert "R-free" not in told
    assert head == ["d/Å", "work", "R-work", "sigma_A", "FOM"]
    told = ok(MODEL, "--scale-to", MTZ, "--radii", 1.5, "--method", "direct", "--free", "FREE")
    assert told["solvent"].endswith("radii 1.5 Å")
    assert told["method"] == "sum over atoms"
    told, _, rows = printed(MODEL, "--scale-to", MTZ, "--dmin", 2.5, "--no-solvent")
    fewer = ds.xtal.sel_resolution(dmin=2.5)
    f_calc = model.xtal.structure_factors(fewer, method="fft").xtal.structure_factor("F", "PHI")
    result = xrefl.scale(fewer.FP, fewer.SIGFP, f_calc, free=ds.xtal.free_flag())
    assert told["R-work"] == f"{result.r_factor:.4f} ({result.n} reflections)"
    assert rows[-1][1] == "2.50"


def test_data_without_flags_and_some_deviations(tmp_path):
    path = tmp_path / "data.mtz"
    ds = xrefl.open_mtz(MTZ)[["FP", "SIGFP"]].load()
    ds.SIGFP[:7] = 0
    ds.xtal.to_mtz(path)
    told, _, rows = printed(MODEL, tmp_path / "maps.mtz", "--scale-to", path, warned=1)
    assert told["free set"] == "none: there is no column of flags"
    assert told["R-work"].endswith("(360 reflections)")
    assert sum(int(row[2]) for row in rows) == 360
    assert xrefl.open_mtz(tmp_path / "maps.mtz").FWT.isnull().sum() == 7


def test_standard_output():
    result = subprocess.run(
        [COMMAND, "sfcalc", MODEL, "-", "--scale-to", MTZ],
        capture_output=True,
        env=os.environ,
        check=True,
    )
    assert xrefl.open_mtz(result.stdout).FWT.notnull().all()
    assert "sigma_A" in result.stderr.decode()


def test_errors_name_what_is_there(tmp_path):
    ds = xrefl.open_mtz(MTZ)[["FREE", "FP", "SIGFP"]].load()
    empty, unsure, weightless = (tmp_path / f"{name}.mtz" for name in ("a", "b", "c"))
    ds.assign(FP=ds.FP * np.nan).xtal.to_mtz(empty)
    ds.assign(FREE=ds.FREE * 0).xtal.to_mtz(unsure)
    ds.assign(SIGFP=ds.SIGFP * 0).xtal.to_mtz(weightless)
    intensities = tmp_path / "d.mtz"
    xrefl.open_mtz(LVHSSN_DATA)[["I", "SIGI"]].load().xtal.to_mtz(intensities)
    few = tmp_path / "e.mtz"
    ds.isel(hkl=slice(0, 3)).xtal.to_mtz(few)
    before = sorted(tmp_path.iterdir())
    for arguments, texts in (
        ((LVHSSN, "--scale-to", MTZ), ("5e5z.pdb and ", "5wkd.mtz", "more than 1 %")),
        ((MODEL, "--scale-to", f"{MTZ}:FX,SIGFP"), ("5wkd.mtz", "no column FX", "FREE, FP")),
        ((MODEL, "--scale-to", f"{MTZ}:SIGFP,FP"), ("SIGFP is not a column of amplitudes", "Q")),
        ((MODEL, "--scale-to", f"{MTZ}:FP,PHIC"), ("PHIC is not a column of standard dev", "P")),
        ((MODEL, "--scale-to", MTZ, "--free", "FLAG"), ("no column FLAG", "FREE, FP")),
        ((MODEL, "--scale-to", MTZ, "--free", "FOM"), ("FOM is not a column of flags",)),
        ((MODEL, "--scale-to", unsure), ("b.mtz", "cannot be told", ": 0; name", "--no-free")),
        ((MODEL, "--scale-to", empty), ("a.mtz", "no reflection has a value of FP")),
        ((MODEL, "--scale-to", weightless), ("positive SIGFP", f"--scale-to {weightless}:FP")),
        ((LVHSSN, "--scale-to", intensities), ("d.mtz", "I holds intensities", "French")),
        ((LVHSSN, "--scale-to", f"{LVHSSN_DATA}:I,SIGI"), ("I holds intensities", "French")),
        ((MODEL, "--scale-to", few, "--no-free"), ("5wkd.pdb and ", "e.mtz", "too few")),
        ((MODEL, "--scale-to", MTZ, "--dmin", 30), ("5wkd.mtz", "24.65 to 1.80 Å")),
        ((MODEL, "--scale-to", MTZ, "--radii", 99), ("radi", "99")),
        ((MODEL, "--scale-to", tmp_path / "none.mtz"), ("none.mtz",)),
    ):
        line = failure("sfcalc", *arguments, "--to-mtz", tmp_path / "out.mtz")
        assert all(text in line for text in texts), line
    only_flags = tmp_path / "f.mtz"
    ds[["FREE"]].xtal.to_mtz(only_flags)
    assert "the columns are FREE" in failure("sfcalc", MODEL, "--scale-to", only_flags)
    assert sorted(tmp_path.iterdir()) == [*before, only_flags]


def test_usage_errors():
    for arguments, text in (
        (("--scale-to", MTZ, "--compare", MTZ), "--compare and --scale-to do not go together"),
        (("--scale-to", f"{MTZ}:A,B,C"), "--scale-to takes DATA, DATA:F or DATA:F,SIGF"),
        (("--scale-to", MTZ, "--radii", "large"), "vdw, cctbx, refmac or a number"),
        (("--scale-to", MTZ, "--radii", 1, "--no-solvent"), "--radii and --no-solvent"),
        (("--scale-to", MTZ, "--free", "FREE", "--no-free"), "--free and --no-free"),
        (("--scale-to", MTZ, "--fill-missing"), "--fill-missing is for OUT"),
        (("--scale-to", MTZ, "--loss", "l2"), "l2"),
        (("--dmin", 2, "--loss", "huber", "out.mtz"), "--loss is for scaling"),
        (("--dmin", 2, "--no-free", "out.mtz"), "--no-free is for scaling"),
        (("out.ccp4", "--scale-to", MTZ), "xrefl sf2map makes the map"),
        (("out.mtz", "--to-mtz", "out.mtz", "--scale-to", MTZ), "are the same"),
        (("--to-mtz", "out.cif", "--scale-to", MTZ), "ends in .mtz"),
    ):
        result = run("sfcalc", MODEL, *arguments)
        assert result.returncode == 2, (arguments, result.stderr)
        assert text in " ".join(result.stderr.replace("│", "").split()), result.stderr
