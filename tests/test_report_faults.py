"""Data with something wrong about them: the report says what."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.quality_samples import dataset, wilson, with_noise
from xrefl.report.findings import Finding
from xrefl.report.result import Report

CELL = (40.0, 44.0, 50.0, 90.0, 90.0, 90.0)


def findings(report: Report, key: str) -> list[Finding]:
    return [one for section in report.sections if section.key == key for one in section.findings]


def test_a_model_that_does_not_explain_the_data() -> None:
    ds = xrefl.tutorial.open("5e5z")
    model = xrefl.open_model(xrefl.tutorial.path("5e5z", kind="model"))
    good, _ = findings(ds.xtal.report(model), "model")[:2]
    assert (good.severity, good.text) == (
        "good", "The model explains the data with an R-work of 17.9 %.",
    )  # fmt: skip
    cell = xrefl.UnitCell(*model.attrs["cell"])
    anywhere = cell.orthogonalize(np.random.default_rng(0).random((model.sizes["atom"], 3)))
    bad = findings(ds.xtal.report(model.assign(xyz=model.xyz.copy(data=anywhere))), "model")[0]
    assert bad.severity == "warning"
    assert bad.text.startswith("The model hardly explains the data: R-work is ")
    assert bad.value is not None and bad.value > 0.5


def test_symmetry_that_the_space_group_lacks() -> None:
    cell = (60.0, 60.0, 40.0, 90.0, 90.0, 120.0)
    hkl = xrefl.miller_indices(cell, "P 3", 3.0)
    higher = wilson(cell, "P 6", 3.0, seed=4)
    known = dict(
        zip(zip(*(higher[name].values.tolist() for name in "hkl"), strict=True),
            higher.I.values, strict=True)
    )  # fmt: skip
    there, _ = xrefl.SpaceGroup("P 6").to_asu(hkl)
    values = np.array([known[tuple(one)] for one in there.tolist()])
    report = with_noise(dataset(hkl, cell, "P 3", I=values)).xtal.report()
    law = findings(report, "twinning")[1]
    assert law.severity == "warning"
    assert law.text.startswith("Twin law -h,-k,l has")
    assert "it may be a symmetry of the crystal" in law.text


@pytest.mark.parametrize(
    ("low", "severity"), [(100.0, None), (12.0, None), (8.0, "note"), (5.0, "warning")]
)
def test_data_that_begin_late(low: float, severity: str | None) -> None:
    ds = with_noise(wilson(CELL, "P 21 21 21", 3.0))
    late = ds.isel(hkl=np.flatnonzero(ds.xtal.d() < low))
    told = [
        one
        for one in findings(late.xtal.report(), "completeness")
        if one.text.startswith("The data begin at")
    ]
    assert [one.severity for one in told] == ([severity] if severity else [])
    if told:
        beyond = ds.sizes["hkl"] - late.sizes["hkl"]
        assert f"all {beyond} reflections of lower resolution are missing" in told[0].text


def test_observations_that_are_not_scaled() -> None:
    truth = wilson(CELL, "P 21 21 21", 3.5)
    scales = np.linspace(1, 0.4, 10)
    apart = xrefl.simulate_unmerged(truth, n_batches=10, multiplicity=6, scales=scales)
    told = findings(apart.xtal.report(), "batches")[0]
    assert told.severity == "warning"
    assert told.text.endswith("the observations are probably not scaled.")
    alike = xrefl.simulate_unmerged(truth, n_batches=10, multiplicity=6)
    assert all("scale" not in one.text for one in findings(alike.xtal.report(), "batches"))


def test_observations_without_a_cell() -> None:
    coords = {name: ("obs", [1, -1, 1]) for name in "hkl"}
    columns = {
        "I": ("obs", [10.0, 12.0, 11.0], {"mtz_type": "J"}),
        "SIGI": ("obs", [1.0, 1.0, 1.0], {"mtz_type": "Q"}),
    }
    report = xr.Dataset(columns, coords, {"spacegroup": "P 2 3"}).xtal.report()
    assert report.findings[0].severity == "warning"
    assert report.findings[0].text.startswith("The data do not state a unit cell")
    assert "R-meas is 7.4 % and CC1/2 – overall." in findings(report, "merging")[0].text


def test_no_values() -> None:
    ds = wilson(CELL, "P 21 21 21", 4.0)
    report = ds.assign(I=ds.I.where(False).assign_attrs(ds.I.attrs)).xtal.report()
    assert [one.text for one in report.findings] == ["No reflection has a value of I."]
    facts = dict(report.sections[0].facts)
    assert facts["space group"] == "P 21 21 21 (number 19)"


def test_friedel_pairs_are_named() -> None:
    ds = wilson(CELL, "P 21 21 21", 4.0)
    pairs = {f"I({sign})": ds.I.assign_attrs(mtz_type="K") for sign in "+-"}
    assert (
        "intensities from I(+) and I(-)" in ds.drop_vars("I").assign(pairs).xtal.report().subtitle
    )


def test_no_standard_deviation_is_positive() -> None:
    ds = with_noise(wilson(CELL, "P 21 21 21", 3.5))
    report = ds.assign(SIGI=(0 * ds.SIGI).assign_attrs(ds.SIGI.attrs)).xtal.report()
    problem = next(one.problem for one in report.sections if one.key == "strength")
    assert problem == "No reflection has a value of I and a positive SIGI."


def test_a_model_without_a_free_set() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5e5z", kind="model"))
    told = findings(xrefl.tutorial.open("5e5z")[["I", "SIGI"]].xtal.report(model), "model")
    assert [one.severity for one in told[:2]] == ["good", "note"]  # not of atomic resolution
    assert told[1].text.endswith("; there is no free set.")
