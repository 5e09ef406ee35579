"""The command merge."""

from __future__ import annotations

import subprocess

import dask
import gemmi
import numpy as np
import pytest

import xrefl
from tests import merge_files
from tests.commands import COMMAND, facts, failure, ok, on_terminal, run
from tests.conftest import real_files
from xrefl.cli import _engine
from xrefl.merging.observations import find_columns, observations

SHELX = str(xrefl.tutorial.path("4003024"))
LIMITS = ("rows", "kept-rows")
MERGED = str(xrefl.tutorial.path("5e5z"))


@pytest.fixture(scope="module")
def observed():
    return merge_files.observed()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return merge_files.write(tmp_path_factory.mktemp("merge"))


@pytest.fixture
def files(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for name in ("out.mtz", "out.cif"):
        (folder / name).unlink(missing_ok=True)
    return folder


def rows(text: str, title: str) -> list[list[str]]:
    """Return the cells of a table, from its heading to the row of all."""
    _, _, after = text.partition(f"\n{title}\n")
    lines = after.partition("\n\n")[0].splitlines()
    return [line.split() for line in lines]


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
@pytest.mark.parametrize("name", ["in.mtz", "in.zarr", "in.cif"])
def test_what_is_written(observed, files, name):
    told = ok("merge", name, "out.mtz")
    expected = observed.xtal.merge()
    written = xrefl.open_mtz("out.mtz")
    assert list(written.data_vars) == ["IMEAN", "SIGIMEAN"]
    np.testing.assert_array_equal(written["hkl"], expected["hkl"])
    np.testing.assert_allclose(written["IMEAN"], expected["IMEAN"], rtol=1e-6)
    np.testing.assert_allclose(written["SIGIMEAN"], expected["SIGIMEAN"], rtol=1e-6)
    count = observed.sizes["obs"]
    labels = ("intensity_net", "intensity_sigma") if name == "in.cif" else ("I", "SIGI")
    assert told["from"] == f"{name}: {count:,} rows"
    assert told["columns"] == f"{labels[0]} with {labels[1]}; means weighted by 1/σ²"
    assert told["merged"] == f"{count - 2:,} observations"
    assert told["left"] == f"out      1 without a number in {labels[0]} or {labels[1]}"
    assert told["1"] == f"whose {labels[1]} is not positive"
    assert told["space"] == "group   C 1 2 1 (number 5)"
    assert told["reflections"] == f"{expected.sizes['hkl']:,}"
    assert told["written"] == "IMEAN, SIGIMEAN"
    assert gemmi.read_mtz_file("out.mtz").spacegroup.hm == "C 1 2 1"


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
def test_mates_counts_and_rejection(observed, files):
    told = ok("merge", "in.mtz", "out.mtz", "--anom", "--nobs", "--reject", 8)
    expected = observed.xtal.merge(friedel="separate", reject=8)
    written = xrefl.open_mtz("out.mtz")
    mates = [f"{name}({sign})" for sign in "+-" for name in ("I", "SIGI")]
    assert list(written.data_vars) == ["IMEAN", "SIGIMEAN", *mates, "N", "N(+)", "N(-)"]
    for name in written.data_vars:
        np.testing.assert_allclose(written[name], expected[name], rtol=1e-6)
    assert told["1"] == "rejected, beyond 8 σ"  # the last of the lines


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
@pytest.mark.parametrize(
    ("options", "meant"),
    [
        (("--weights", "unweighted"), {"weights": "unweighted"}),
        (("--errors", "larger"), {"errors": "larger"}),
        (("--spacegroup", "C 1"), {"spacegroup": "C 1"}),
        (("--intensity", "SIGI", "--sigma", "SIGI"), None),
        (("--dataset", "simulated"), {"dataset": "simulated"}),
        (("--dataset", "1"), {"dataset": 1}),
        (("--partials", "keep", "--drop-absent"), {"partials": "keep", "drop_absent": True}),
    ],
)
def test_options_are_passed_on(observed, files, options, meant):
    if meant is None:
        assert "SIGI" in failure("merge", "in.mtz", "out.mtz", *options)
        return
    ok("merge", "in.mtz", "out.mtz", *options)
    expected = observed.xtal.merge(**meant)
    written = xrefl.open_mtz("out.mtz")
    np.testing.assert_allclose(written["IMEAN"], expected["IMEAN"], rtol=1e-6)
    np.testing.assert_allclose(written["SIGIMEAN"], expected["SIGIMEAN"], rtol=1e-6)


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
def test_limits_of_resolution(observed, files):
    expected = observed.xtal.merge().xtal.sel_resolution(dmin=2.5, dmax=8)
    for name in ("in.mtz", "in.zarr"):
        run("merge", name, "out.mtz", "--dmin", 2.5, "--dmax", 8)
        written = xrefl.open_mtz("out.mtz")
        np.testing.assert_array_equal(written["hkl"], expected["hkl"])
        np.testing.assert_allclose(written["IMEAN"], expected["IMEAN"], rtol=1e-6)


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
def test_mmcif_is_written(observed, files):
    ok("merge", "in.mtz", "out.cif", "--anom")
    written = xrefl.open_refln_cif("out.cif")
    expected = observed.xtal.merge(friedel="separate")
    for name, of in {"intensity_meas": "IMEAN", "pdbx_I_minus_sigma": "SIGI(-)"}.items():
        np.testing.assert_allclose(written[name], expected[of], rtol=1e-6)


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
def test_runs_are_merged_together(observed, files):
    with_more = observed.assign(MORE=observed["I"])
    with_more.xtal.to_mtz("more.mtz")
    result = run("merge", "in.mtz", "more.mtz", "out.mtz", "--nobs")
    assert result.stderr == (
        "xrefl: batches 1 to 4 of more.mtz count as 1001 to 1004, since a file before it has such "
        "numbers, too\n"
    )
    told = facts(result.stdout)
    assert told["from"] == f"in.mtz, more.mtz: {2 * observed.sizes['obs']:,} rows"
    once, twice = observed.xtal.merge(), xrefl.open_mtz("out.mtz")
    np.testing.assert_array_equal(twice["N"], 2 * once["N"])
    np.testing.assert_allclose(twice["SIGIMEAN"], once["SIGIMEAN"] / 2**0.5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
@pytest.mark.parametrize("anom", [False, True])
def test_statistics(observed, files, anom):
    result = run("merge", "in.mtz", "--stats", "--shells", 4, *(["--anom"] if anom else []))
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    heading, *shells, overall = rows(result.stdout, "Agreement of observations")
    friedel = "separate" if anom else "merge"
    table = xrefl.statistics_table(observed.xtal.merging_statistics(shells=4, friedel=friedel))
    assert heading[:3] == ["d/Å", "obs.", "unique"]
    assert heading[10:] == (["an.compl.", "CCanom", "SigAno"] if anom else [])
    assert len(shells) == 4
    for cells, (_, row) in zip([*shells, overall], table.iterrows(), strict=True):
        told = dict(zip(heading, cells, strict=True))
        assert int(told["obs."].replace(",", "")) == row["n_observations"]
        assert float(told["compl."]) == pytest.approx(100 * row["completeness"], abs=0.05)
        assert float(told["Rmeas"]) == pytest.approx(row["r_meas"], abs=5.1e-5)
        assert float(told["CC1/2"]) == pytest.approx(row["cc_half"], abs=5.1e-5)
    assert shells[0][0] == f"{table['dmax'].iloc[0]:.2f}-{table['dmin'].iloc[0]:.2f}"
    assert overall[0] == "overall"
    table_lines = result.stdout.partition("\n\n")[2].splitlines()
    assert max(map(len, table_lines)) <= (120 if anom else 80)


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
def test_statistics_are_of_what_is_merged(files):
    result = run("merge", "in.mtz", "out.mtz", "--stats", "--reject", 8, "--quiet")
    assert len(result.stderr.splitlines()) == 1  # said once, not twice
    assert result.stdout.startswith("\nAgreement of observations\n")
    _, *_, overall = rows(result.stdout, "Agreement of observations")
    merged = xrefl.open_mtz("out.mtz")
    assert f"{merged.sizes['hkl']:,}" == overall[2]
    counted = facts(run("merge", "in.mtz", "out.mtz", "--reject", 8).stdout)["merged"]
    assert counted == f"{overall[1]} observations"


def test_real_observations():
    result = run("merge", SHELX, "--stats", "--shells", 1)
    assert ": 759 rows\n" in result.stdout
    overall = rows(result.stdout, "Agreement of observations")[-1]
    assert overall[:3] == ["overall", "759", "59"]
    assert float(overall[6]) == pytest.approx(0.0267, abs=5e-4)


@pytest.mark.parametrize("path", real_files("cc12-hkl.cif"), ids=lambda path: path.name)
def test_the_worked_example_of_rmerge(path):
    columns = ("--intensity", "intensity_net", "--sigma", "intensity_sigma")
    result = run("merge", path, "--stats", "--anom", *columns)
    (_, overall) = rows(result.stdout, "Agreement of observations")
    assert overall[:3] == ["overall", "12", "2"]
    assert overall[5:8] == ["0.3214", "0.3520", "0.1437"]
    result = run("merge", path, "--stats", "--anom", "--r-weights", "unweighted", *columns)
    (_, overall) = rows(result.stdout, "Agreement of observations")
    expected = [0.29805, 0.32650, 0.13329, 0.94582]
    np.testing.assert_allclose([*map(float, overall[5:9])], expected, atol=5.1e-5)
    text = failure("merge", path, "out.mtz", *columns)
    assert text.endswith("no unit cell is stated; give one with --cell")


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
def test_comparison(observed, files):
    merged = observed.xtal.merge()
    other = merged.isel(hkl=slice(10, None)).copy(deep=True)
    other["IMEAN"][7] += 100 * other["SIGIMEAN"][7]
    halved = other.assign(IMEAN=other["IMEAN"] / 2)
    halved.drop_vars("CHI2").xtal.to_mtz("other.mtz")
    result = run("merge", "in.mtz", "--compare", "other.mtz:IMEAN", "--stats", "--shells", 3)
    told = facts(result.stdout.partition("\n\n")[0])
    count = other.sizes["hkl"]
    assert told["compared"] == "with other.mtz: IMEAN"
    assert told["common"] == f"{count:,} reflections; 10 were merged and are not in other.mtz"
    x, y = (ds["IMEAN"].values.astype(float) for ds in (merged.isel(hkl=slice(10, None)), halved))
    k = (x * y).sum() / (y * y).sum()
    assert float(told["scale"].split()[2].rstrip(",")) == pytest.approx(k, rel=1e-4)
    assert float(told["R"].split()[1]) == pytest.approx(abs(x - k * y).sum() / x.sum(), abs=1e-4)
    assert float(told["correlation"]) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-5)
    by_shell = rows(result.stdout, "Agreement with other.mtz")
    assert by_shell[0] == ["d/Å", "common", "R", "CC"]
    assert [row[0] for row in by_shell][-1] == "overall"
    assert sum(int(row[1].replace(",", "")) for row in by_shell[1:-1]) == count
    worst = rows(result.stdout, "Largest differences")
    assert worst[1][:3] == [str(int(other[name][7])) for name in "hkl"]
    off = abs(x - k * y) / merged["SIGIMEAN"][10:].values
    assert len(worst) == 1 + (off > 3).sum() == 2
    assert told["differences"].startswith(f"1 of {count} are beyond 3 σ; the largest is ")


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
def test_comparison_with_amplitudes(observed, files):
    merged = observed.xtal.merge()
    f = np.sqrt(merged["IMEAN"].where(merged["IMEAN"] > 0)).assign_attrs(mtz_type="F")
    merged[[]].assign(FP=f).xtal.to_mtz("f.mtz")
    told = facts(run("merge", "in.mtz", "--compare", "f.mtz").stdout.partition("\n\n")[0])
    assert told["scale"] == "k = 1, by which FP² of that file is multiplied"
    assert float(told["correlation"]) > 0.99999


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
def test_what_cannot_be_compared(files):
    own = xrefl.open_mtz("in.mtz").xtal.merge().drop_vars("CHI2")
    own.xtal.to_mtz("own.mtz")
    own.xtal.assign_crystal(spacegroup="P 1").xtal.to_mtz("lower.mtz")
    for reference, says in {
        "own.mtz:XX": "own.mtz: there is no column XX; the columns are IMEAN, SIGIMEAN, N",
        "own.mtz:N": "N is not a column of intensities or amplitudes; its MTZ type is I",
        "lower.mtz": "is merged in P 1, and the observations in C 1 2 1",
        "in.mtz": "unmerged observations, and merged reflections are needed",
        MERGED: "compare data of the same crystal",
    }.items():
        result = run("merge", "in.mtz", "--compare", reference)
        assert result.returncode == 1
        assert says in result.stderr.splitlines()[-1]


def test_memory_is_bounded(observed, files):
    seen = []
    for memory in (500_000_000, 4_000_000_000):
        with _engine.engine(None, memory, quiet=True):
            seen.append([dask.config.get(f"xrefl.merging.{what}") for what in LIMITS])
    small, large = seen
    assert small[0] < large[0] <= 2**20
    assert small[1] == 50_000_000 // 20 < large[1]
    assert all(dask.config.get(f"xrefl.merging.{what}", None) is None for what in LIMITS)
    labels = find_columns(observed, None, None)
    assert observations(observed, labels).are_kept
    with dask.config.set({"xrefl.merging.rows": 1000, "xrefl.merging.kept-rows": 2000}):
        cut = observations(observed, labels)
    assert len(cut.stretches) == -(-observed.sizes["obs"] // 1000)
    assert max(one.stop - one.start for one in cut.stretches) <= 1000
    with dask.config.set({"xrefl.merging.kept-rows": 2000}):
        assert not cut.are_kept


@pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")
def test_less_memory_gives_the_same(observed, files):
    ok("merge", "in.mtz", "out.mtz", "--memory", "500MB")
    expected = observed.xtal.merge()
    np.testing.assert_allclose(xrefl.open_mtz("out.mtz")["IMEAN"], expected["IMEAN"], rtol=1e-6)


def test_a_scheduler_that_is_none(files):
    text = failure("merge", "in.mtz", "out.mtz", "--scheduler", "nonsense://here")
    assert text.startswith("xrefl: error: no scheduler of dask answers at 'nonsense://here'")
    assert "tcp://10.0.0.7:8786" in text


def test_on_a_terminal(files):
    code, shown = on_terminal("merge", "in.mtz", "--stats", "--shells", 3, COLUMNS="100")
    assert code == 0
    assert "merging" in shown  # the bar, which is wiped out at the end
    heading = next(line for line in shown.splitlines() if "Rmeas" in line)
    assert "CC1/2" in heading
    _, _, table = shown.partition("Agreement of observations")
    rules = [line for line in table.splitlines() if line.strip().startswith("────")]
    assert len(rules) == 2  # below the heading, and above the row of all


def test_help_is_quick_and_whole():
    result = subprocess.run(
        [COMMAND, "merge", "--help"], capture_output=True, text=True, check=True
    )
    for option in ("--anom", "--nobs", "--stats", "--batches", "--compare", "--seed", "--memory"):
        assert option in result.stdout
