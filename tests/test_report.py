"""What a report finds, in words and numbers."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import xarray as xr

import xrefl
from xrefl.errors import FormatError, MissingColumnError, NotMergedError
from xrefl.report import distribution
from xrefl.report.findings import SEVERITIES, Finding, graded
from xrefl.report.result import Report
from xrefl.report.section import Section

CELL = (60.0, 60.0, 90.0, 90.0, 90.0, 120.0)


def section(report: Report, key: str) -> Section:
    return next(one for one in report.sections if one.key == key)


def texts(report: Report, key: str) -> str:
    return " ".join(finding.text for finding in section(report, key).findings)


def wilson_data(
    dmin: float = 3.0, group: str = "P 3", seed: int = 0, cell: tuple[float, ...] = CELL
) -> xr.Dataset:
    """Return intensities of random atoms that fall off with B = 20 Å², and σ."""
    hkl = xrefl.miller_indices(cell, group, dmin)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell, spacegroup=group)
    rng = np.random.default_rng(seed)
    s2 = xrefl.UnitCell.from_parameters(cell).inv_d2(hkl)
    centric = xrefl.SpaceGroup(group).centric(hkl)
    truth = np.where(centric, rng.normal(size=len(hkl)) ** 2, rng.exponential(size=len(hkl)))
    values = 1000 * truth * np.exp(-20 * s2 / 2)
    sigma = np.full(len(hkl), 2.0)
    return xr.Dataset(
        {
            "I": ("hkl", values + rng.normal(size=len(hkl)) * sigma, {"mtz_type": "J"}),
            "SIGI": ("hkl", sigma, {"mtz_type": "Q"}),
        },
        index.coordinates(),
        {"cell": list(cell), "spacegroup": group},
    )


@pytest.fixture(scope="module")
def example() -> Report:
    model = xrefl.open_model(xrefl.tutorial.path("5e5z", kind="model"))
    return xrefl.tutorial.open("5e5z").xtal.report(model, model_name="5e5z.pdb")


@pytest.fixture(scope="module")
def observed() -> Report:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=1.5, multiplicity=10, n_batches=12, seed=1)
    spoiled = ds.I.where(ds.BATCH != 4, ds.I[::-1].values)  # as if shuffled
    return ds.assign(I=spoiled.assign_attrs(ds.I.attrs)).xtal.report(name="run 1")


def test_report_of_merged_data_has_all_sections(example: Report) -> None:
    assert example.title == "Report on 5e5z.mtz"
    assert "model 5e5z.pdb" in example.subtitle
    keys = [one.key for one in example.sections]
    assert keys == [
        "crystal", "completeness", "strength", "wilson", "distribution", "twinning",
        "anisotropy", "absences", "tncs", "model", "density",
    ]  # fmt: skip
    problems = {one.key: one.problem for one in example.sections if one.problem}
    assert set(problems) == {"tncs"}
    assert problems["tncs"].endswith("15 Å or more from all lattice points.")


def test_findings_are_those_of_the_functions(example: Report) -> None:
    ds = xrefl.tutorial.open("5e5z")
    complete = float(ds.xtal.completeness(column="I").completeness)
    assert section(example, "completeness").values["completeness"] == pytest.approx(complete)
    assert f"The data are {100 * complete:.1f} % complete." in texts(example, "completeness")
    mean = float(ds.xtal.i_over_sigma("I", "SIGI"))
    assert section(example, "strength").values["i_over_sigma"] == pytest.approx(mean)
    l = ds.xtal.l_test("I", "SIGI")
    assert section(example, "twinning").values["mean_abs_l"] == pytest.approx(float(l.mean_abs_l))
    assert "The lattice allows no twin law." in texts(example, "twinning")
    delta = float(ds.xtal.anisotropy("I", "SIGI").delta_b)
    assert section(example, "anisotropy").values["delta_b"] == pytest.approx(delta)


def test_findings_have_thresholds_and_sources_and_the_gravest_come_first(example: Report) -> None:
    order = [SEVERITIES.index(one.severity) for one in example.findings]
    assert order == sorted(order)
    free = next(one for one in example.findings if "free set" in one.text)
    assert free.severity == "note"
    assert "18 reflections" in free.text
    assert free.basis == "3 % to 15 %, and at least 500 reflections (xrefl's own)"
    lines = repr(example).splitlines()
    assert lines[0] == "Report on 5e5z.mtz"
    assert any(line.startswith("note:    The free set has 18") for line in lines)
    assert any(line.startswith("Not made: Translational symmetry. ") for line in lines)


def test_model_is_scaled_as_scale_does(example: Report) -> None:
    found = section(example, "model")
    assert found.values["r_work"] == pytest.approx(0.179, abs=0.001)
    assert found.values["r_free"] == pytest.approx(0.210, abs=0.001)
    assert "18 free reflections" in texts(example, "model")
    assert found.tables[0].rows[-1] == [
        "18.67 – 1.66", "385", "17.9 %", "18", "21.0 %", "0.946",
    ]  # fmt: skip
    r, fo_fc = found.figures
    assert [one.name for one in r.series] == ["R-work 17.9 %", "R-free 21.0 %"]
    assert fo_fc.diagonal and len(fo_fc.series[0].x) == 403
    assert len(section(example, "density").figures) == 2


def test_observations_are_merged_with_statistics_by_shell_and_batch(observed: Report) -> None:
    assert observed.title == "Report on run 1"
    found = section(observed, "merging")
    assert [figure.title for figure in found.figures][:2] == ["CC1/2", "R factors"]
    assert found.values["cc_half"] < 0.99  # a batch is spoiled
    assert found.tables[0].rows[-1][0].endswith("1.50")
    batches = section(observed, "batches")
    assert batches.values == {"n_batches": 12, "batches_together": 1}
    spoiled = [one for one in batches.findings if one.severity == "warning"]
    assert "1 batch has an R far above the median" in spoiled[0].text
    assert spoiled[0].text.endswith(": 4.")
    assert spoiled[1].text.startswith("CC1/2 rises by 0.")
    assert spoiled[1].text.endswith(" without batch 4.")


def test_one_of_several_data_sets_is_chosen() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=4, n_batches=3)
    whole, chosen = ds.xtal.report(), ds.xtal.report(dataset="simulated")
    assert chosen.to_dict()["findings"] == whole.to_dict()["findings"]
    with pytest.raises(MissingColumnError, match="no data set is called 7; there are 0"):
        ds.xtal.report(dataset=7)


def test_resolution_at_which_cc_half_falls_is_told() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    noise = xrefl.Noise(counts=0.2)
    ds = xrefl.simulate_unmerged(model, dmin=1.0, multiplicity=8, n_batches=4, noise=noise, seed=2)
    report = ds.xtal.report()
    stats = ds.xtal.merging_statistics(shells=20)
    d = float(xrefl.resolution_estimate(stats).d.sel(criterion="cc_half"))
    assert f"CC1/2 falls below 0.3 at {d:.2f} Å." in texts(report, "merging")
    finding = section(report, "merging").findings[0]
    assert finding.value == pytest.approx(d)
    assert finding.source.startswith("Karplus & Diederichs, 2012")


def test_twins_are_found_with_their_fraction() -> None:
    ds = wilson_data()
    J = ds.I.drop_attrs(deep=False).rename("J")
    mate = J.to_dataset().assign(J=J.assign_attrs(mtz_type="J")).xtal.reindex("k,h,-l")
    twin = (0.7 * J + 0.3 * mate.xtal.to_asu().J).assign_attrs(mtz_type="J")
    report = ds.assign(I=twin).xtal.report()
    warnings = [one for one in section(report, "twinning").findings if one.severity == "warning"]
    assert "indicates twinning" in warnings[0].text
    assert "Twin law k,h,-l has an estimated fraction of 0.3" in warnings[1].text
    assert "lower than expected, as in twins" in texts(report, "distribution")
    untwinned = ds.xtal.report()
    assert [one.severity for one in section(untwinned, "twinning").findings] == ["good", "good"]
    assert section(untwinned, "distribution").findings[0].severity == "good"


def test_absences_that_contradict_the_space_group_are_told() -> None:
    cell = (40.0, 50.0, 60.0, 90.0, 90.0, 90.0)
    ds = wilson_data(2.5, "P 2 2 2", cell=cell)
    absent = xrefl.SpaceGroup("P 21 21 21").absent(np.column_stack([ds.h, ds.k, ds.l]))
    noise = np.random.default_rng(5).normal(size=ds.sizes["hkl"]) * ds.SIGI
    screwed = ds.assign(I=ds.I.where(~absent, noise).assign_attrs(ds.I.attrs))
    (finding,) = section(screwed.xtal.report(), "absences").findings
    assert finding.severity == "warning"
    shown = "show 2₁ axis along a, b and c and no glide plane perpendicular to a, b or c"
    assert shown in finding.text
    assert finding.text.endswith("of the file, P 2 2 2; groups that agree: P 21 21 21.")
    own = screwed.xtal.assign_crystal(spacegroup="P 21 21 21")
    (finding,) = section(own.xtal.report(), "absences").findings
    assert finding.severity == "good"
    (finding,) = section(ds.xtal.report(), "absences").findings
    assert "no 2₁ axis along a, b or c" in finding.text
    assert "agrees with the space group of the file, P 2 2 2" in finding.text


def test_amplitudes_alone_are_squared_with_their_errors() -> None:
    ds = xrefl.tutorial.open("5e5z")[["FP", "SIGFP"]]
    report = ds.xtal.report()
    assert "intensities from FP²" in report.subtitle
    expected = float((ds.FP / (2 * ds.SIGFP)).mean())
    assert section(report, "strength").values["i_over_sigma"] == pytest.approx(expected, rel=1e-5)


def test_means_of_friedel_pairs_serve_where_there_are_no_others() -> None:
    ds = xrefl.tutorial.open("5e5z")[["I", "SIGI"]]
    pair = {
        name: ds[name[: name.index("(")]].assign_attrs(mtz_type=kind)
        for name, kind in (("I(+)", "K"), ("SIGI(+)", "M"), ("I(-)", "K"), ("SIGI(-)", "M"))
    }
    report = ds.drop_vars(["I", "SIGI"]).assign(pair).xtal.report()
    centric = ds.xtal.centric()
    ratio = ds.I / ds.SIGI  # mates are alike: σ of the mean of two is smaller by √2
    expected = float((ratio * np.sqrt(np.where(centric, 1, 2))).mean())
    assert section(report, "strength").values["i_over_sigma"] == pytest.approx(expected, rel=1e-5)


def test_sections_that_cannot_be_made_say_why() -> None:
    ds = xrefl.tutorial.open("5e5z")[["I"]]
    report = ds.xtal.report(columns=["I"])
    assert section(report, "strength").problem == "I has no column of standard deviations."
    assert not section(report, "completeness").problem
    bare = ds.isel(hkl=slice(0, 4)).xtal.report()
    assert section(bare, "twinning").findings[0].severity == "note"
    assert section(bare, "distribution").problem.startswith("There are only")
    empty = ds.where(False).assign(I=ds.I.where(False).assign_attrs(ds.I.attrs)).xtal.report()
    assert section(empty, "completeness").problem == "No reflection has a value of I."


def test_observations_without_a_cell_have_overall_statistics() -> None:
    coords = {"h": ("obs", [1, -1, 1]), "k": ("obs", [2, -2, 2]), "l": ("obs", [3, -3, 3])}
    columns = {
        "I": ("obs", [10.0, 12.0, 11.0], {"mtz_type": "J"}),
        "SIGI": ("obs", [1.0, 1.0, 1.0], {"mtz_type": "Q"}),
    }
    report = xr.Dataset(columns, coords, {"spacegroup": "P 2 3"}).xtal.report()
    assert dict(section(report, "merging").facts)["R-merge"] == "6.1 %"
    assert section(report, "wilson").problem.startswith("The data do not state a unit cell")
    assert "<script" not in report.to_html()  # nothing to draw


def test_model_of_another_crystal_is_told() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    report = xrefl.tutorial.open("5e5z").xtal.report(model)
    assert report.findings[0].text.startswith("Data and model do not belong together. ")
    assert "differ by more than 1 %" in section(report, "model").problem
    assert section(report, "density").problem == section(report, "model").problem


def test_errors_of_programming_are_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(subject: object) -> Section:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(distribution, "section", broken)
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        xrefl.tutorial.open("5e5z").xtal.report()


def test_columns_that_make_no_sense_are_refused() -> None:
    ds = xrefl.tutorial.open("5e5z")
    with pytest.raises(MissingColumnError, match="no column 'IMEAN'; the columns are FREE, FP"):
        ds.xtal.report(columns=["IMEAN"])
    with pytest.raises(FormatError, match="'FREE' is of MTZ type 'I', so it holds neither"):
        ds.xtal.report(columns=["FREE", "SIGI"])
    with pytest.raises(FormatError, match="'FP' is no column of standard deviations"):
        ds.xtal.report(columns=["I", "FP"])
    with pytest.raises(FormatError, match="and 3 are named; give one or two"):
        ds.xtal.report(columns=["I", "SIGI", "FP"])
    with pytest.raises(MissingColumnError, match="no column 'TEST'"):
        ds.xtal.report(free="TEST")
    with pytest.raises(MissingColumnError, match="no column is of measured intensities"):
        ds[["FREE"]].xtal.report()


def test_sigmas_that_are_not_positive_are_told_and_data_are_not_changed() -> None:
    ds = xrefl.tutorial.open("5wkd")
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    before = ds.copy(deep=True)
    report = ds.assign(SIGFP=ds.SIGFP.where(ds.SIGFP > 1.5, 0)).xtal.report(model)
    n = int((ds.SIGFP <= 1.5).sum())
    found = texts(report, "crystal")
    assert f"{n} reflections have a value of FP but no positive SIGFP." in found
    xr.testing.assert_identical(ds, before)


def test_warnings_of_functions_become_notes() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=5, n_batches=3)
    missing = ds.I.where(np.arange(ds.sizes["obs"]) > 9)
    report = ds.assign(I=missing.assign_attrs(ds.I.attrs)).xtal.report()
    notes = [one for one in section(report, "crystal").findings if "left out" in one.text]
    assert len(notes) == 1
    assert notes[0].severity == "note"
    assert "10 " in notes[0].text


def test_frames_have_reports_and_models_do_not() -> None:
    ds = xrefl.tutorial.open("5e5z")
    assert ds.xtal.to_dataframe().xtal.report().findings == ds.xtal.report().findings
    with pytest.raises(NotMergedError, match="expected the dimension 'hkl'"):
        xrefl.open_model(xrefl.tutorial.path("5e5z", kind="model")).xtal.report()


def test_dask_backed_data_give_the_same_report() -> None:
    ds = xrefl.open_mtz(xrefl.tutorial.path("5e5z"), chunks=100)
    assert repr(ds.xtal.report()) == repr(xrefl.tutorial.open("5e5z").xtal.report())


def test_json_has_findings_tables_and_curves(example: Report, tmp_path) -> None:
    path = tmp_path / "report.json"
    text = example.to_json(path)
    assert path.read_text(encoding="utf-8") == text + "\n"
    found = json.loads(text)
    assert found["findings"][0].keys() == {
        "section", "severity", "text", "value", "threshold", "source",
    }  # fmt: skip
    by_key = {one["key"]: one for one in found["sections"]}
    shells = by_key["completeness"]["tables"][0]
    assert shells["columns"] == ["d / Å", "possible", "observed", "completeness"]
    assert shells["rows"][-1] == ["18.67 – 1.66", "441", "403", "91.4 %"]
    assert by_key["tncs"].keys() == {"key", "title", "problem"}
    wilson = by_key["wilson"]["figures"][0]["series"]
    assert [one["name"] for one in wilson] == ["shells", "B = 3.3 Å²"]
    assert all(isinstance(value, float) for value in wilson[0]["y"])


def test_numbers_that_are_not_known_are_null() -> None:
    one = Section("a", "A", values={"b": np.nan, "c": np.float32(0.5), "d": np.arange(2)})
    assert Report("", "", [one]).to_dict()["sections"][0]["values"] == {
        "b": None,
        "c": 0.5,
        "d": [0, 1],
    }


def test_limits_grade_in_both_directions() -> None:
    assert [graded(x, note=0.93, warning=0.8) for x in (0.95, 0.93, 0.9, 0.7)] == [
        "good", "good", "note", "warning",
    ]  # fmt: skip
    assert [graded(x, note=10, warning=25) for x in (5, 10, 11, 26)] == [
        "good", "good", "note", "warning",
    ]  # fmt: skip
    assert Finding("good", "text").basis == ""


def test_without_bokeh_words_and_json_remain(
    example: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bokeh.embed", None)
    monkeypatch.setitem(sys.modules, "bokeh.plotting", None)
    monkeypatch.setitem(sys.modules, "bokeh.resources", None)
    with pytest.raises(xrefl.errors.XreflError, match=r'pip install "xrefl\[report\]"'):
        example.to_html()
    assert "findings" in example.to_dict()
