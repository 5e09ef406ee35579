"""What the command merge tells of observations, batches and another file."""

from __future__ import annotations

import numpy as np
import pytest

import xrefl
from tests import merge_files
from tests.commands import facts, ok, run
from tests.test_cli_merge import rows

pytestmark = pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")


@pytest.fixture(scope="module")
def observed():
    return merge_files.observed()


@pytest.fixture(scope="module")
def folder(observed, tmp_path_factory):
    place = tmp_path_factory.mktemp("told")
    observed.xtal.to_mtz(place / "in.mtz")
    xrefl.to_refln_cif(observed, place / "in.cif")
    return place


@pytest.fixture
def files(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def number(text: str) -> int:
    return int(text.split()[0].replace(",", ""))


def test_counts_of_partial_observations_add_up(files):
    ds, counts = merge_files.partial()
    ds.xtal.to_mtz("partial.mtz")
    told = ok("merge", "partial.mtz", "out.mtz", "--partials", "sum")
    assert told["from"] == f"partial.mtz: {counts['rows']:,} rows"
    assert number(told["merged"]) == counts["merged"]
    assert told["added"] == f"up      {counts['further']:,} rows are further parts of these"
    assert told["left"] == f"out      {counts['left']} parts that do not add up to a whole"
    assert counts["merged"] + counts["further"] + counts["left"] == counts["rows"]
    flagged = int((ds["M/ISYM"] >= 256).sum())
    told = ok("merge", "partial.mtz", "out.mtz", "--partials", "exclude")
    assert number(told["merged"]) == counts["rows"] - flagged
    assert told["left"] == f"out      {flagged} flagged as partial"
    told = ok("merge", "partial.mtz", "out.mtz", "--partials", "keep")
    assert number(told["merged"]) == counts["rows"]


def test_rows_of_other_data_sets_are_counted(observed, files):
    second = observed["batch_dataset_id"].copy(data=[1, 1, 1, 2])
    names = {"dataset_id": [0, 1, 2], "dataset_name": ("dataset_id", ["HKL_base", "A", "B"])}
    others = observed.drop_dims("dataset_id").assign_coords(batch_dataset_id=second, **names)
    others.xtal.to_mtz("sets.mtz")
    told = ok("merge", "sets.mtz", "out.mtz", "--dataset", "B")
    inside = int((observed["BATCH"] == 4).sum())
    assert number(told["merged"]) == inside
    assert told["left"] == f"out      {observed.sizes['obs'] - inside:,} of other data sets"


def test_what_is_merged_is_told(files):
    told = ok("merge", "in.mtz", "out.mtz", "--weights", "unweighted", "--errors", "larger")
    assert told["columns"] == (
        "I with SIGI; means without weights; σ of the means from the σ or the scatter, whichever "
        "is larger"
    )
    told = facts(run("merge", "in.mtz", "--stats", "--anom", "--shells", 1).stdout.split("\n\n")[0])
    assert told["columns"] == "I with SIGI"
    assert told["statistics"] == "weighted as in Aimless, Friedel mates apart"
    limits = facts(run("merge", "in.mtz", "out.mtz", "--dmin", 2.5, "--dmax", 8).stdout)
    assert limits["from"].endswith(" rows with d >= 2.5 Å and d < 8 Å")


def test_error_models(observed, files):
    told = ok("merge", "in.mtz", "out.mtz", "--error-model", "1.2,0.5,0.03")
    assert told["error"] == "model   σ'² = 1.2² (σ² + 0.5 I + (0.03 I)²)"
    expected = observed.xtal.merge(error_model=xrefl.ErrorModel(1.2, 0.5, 0.03))
    np.testing.assert_allclose(
        xrefl.open_mtz("out.mtz")["SIGIMEAN"], expected["SIGIMEAN"], rtol=1e-6
    )
    told = ok("merge", "in.mtz", "out.mtz", "--error-model", "fit", "--reject", 8)
    fitted = observed.xtal.fit_error_model(reject=8)
    assert told["error"].startswith(f"model   σ'² = {fitted.sdfac:.4g}² (σ² + {fitted.sdb:.4g} I")
    assert told["error"].endswith(", fitted")


def test_random_halves_and_standard_errors(observed, files):
    options = ("--stats", "--shells", 3, "--seed", 7, "--jackknife")
    heading, *_, overall = rows(
        run("merge", "in.mtz", *options).stdout, "Agreement of observations"
    )
    told = dict(zip(heading, overall, strict=True))
    stats = observed.xtal.merging_statistics(shells=3, seed=7, jackknife=True)
    assert float(told["halves"]) == pytest.approx(float(stats.cc_half_random_overall), abs=5.1e-5)
    value, _, error = told["Rmeas"].rstrip(")").partition("(")
    assert float(value) == pytest.approx(float(stats.r_meas_overall), abs=5.1e-5)
    assert int(error) == round(float(stats.r_meas_error_overall) * 1e4) > 10
    assert told["CC1/2"].endswith(f"({round(float(stats.cc_half_error_overall) * 1e4)})")


@pytest.mark.parametrize("name", ["in.mtz", "in.cif"])
def test_batches(observed, files, name):
    result = run("merge", name, "--batches", 3, "--r-weights", "xds", "-q")
    heading, *lines = rows(result.stdout, "Agreement by batch")
    stats = observed.xtal.batch_statistics(width=3, weighting="xds")
    assert [line[0] for line in lines] == ["1-3", "4"]
    for line, first in zip(lines, (1, 4), strict=True):
        told = dict(zip(heading, line, strict=True))
        one = stats.sel(batch=first)
        assert number(told["obs."]) == one.n_observations
        assert float(told["χ²"]) == pytest.approx(float(one.chi_square), abs=5.1e-3)
        assert float(told["ΔCC1/2"]) == pytest.approx(float(one.delta_cc_half), abs=5.1e-6)
        assert float(told["compl."]) == pytest.approx(100 * float(one.completeness), abs=0.051)


def test_to_which_resolution_data_are_good(files):
    result = run("merge", "in.mtz", "--stats", "--shells", 4)
    assert result.stdout.splitlines()[-1] == (
        "Resolution: CC1/2 is above 0.3 and I/σ is above 2 to the end of the data, 1.90 Å"
    )
    result = run("merge", "in.mtz", "--stats", "--shells", 1)
    assert "CC1/2 is known in too few shells; I/σ is above 2" in result.stdout
    noise = xrefl.simulate_unmerged(
        xrefl.open_model(merge_files.MODEL), dmin=1.5, multiplicity=4, noise=xrefl.Noise(counts=5)
    )
    noise.xtal.to_mtz("noise.mtz")
    line = run("merge", "noise.mtz", "--stats", "--shells", 6).stdout.splitlines()[-1]
    found = xrefl.resolution_estimate(noise.xtal.merging_statistics(shells=6))
    low, other = (float(found.d.sel(criterion=one)) for one in ("cc_half", "i_over_sigma"))
    assert low < other
    assert line == f"Resolution: CC1/2 falls to 0.3 at {low:.2f} Å; I/σ falls to 2 at {other:.2f} Å"


def test_files_that_agree_are_compared_in_few_lines(observed, files):
    merged = observed.xtal.merge().drop_vars("CHI2")
    near = merged["IMEAN"].copy(data=(merged["IMEAN"] + merged["SIGIMEAN"]).values)
    merged.assign(IMEAN=near).xtal.to_mtz("same.mtz")
    result = run("merge", "in.mtz", "--compare", "same.mtz")
    told = facts(result.stdout)
    assert told["common"] == f"all {merged.sizes['hkl']} reflections"
    assert told["differences"].startswith("none beyond 3 σ; the largest is ")
    assert "\n\n" not in result.stdout
    merged.xtal.to_mtz("same.mtz")
    assert ok("merge", "in.mtz", "--compare", "same.mtz")["differences"] == "none"
    result = run("merge", "in.mtz", "--compare", "same.mtz", "--stats", "--shells", 3)
    assert len(rows(result.stdout, "Agreement with same.mtz")) == 5
    assert "Largest differences" not in result.stdout
