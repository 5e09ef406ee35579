"""What objects show of themselves in notebooks, and what they offer for completion."""

from __future__ import annotations

import inspect
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

import xrefl
from xrefl.hkl.describe import summarize

from .lazy import nothing_computed
from .user_script import main


@pytest.fixture
def merged():
    return xrefl.tutorial.open("5wkd")


@pytest.fixture
def model():
    return xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))


@pytest.fixture
def observed(model):
    return xrefl.simulate_unmerged(model, dmin=3.0, multiplicity=4, seed=1)


class Checked(HTMLParser):
    """Takes tags apart, and sees that each is closed where it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def texts(html: str) -> list[str]:
    page = Checked()
    page.feed(html)
    assert not page.open
    return page.texts


def test_merged_reflections_in_text(merged):
    text = repr(merged.drop_vars(set(merged) - {"FP", "FREE"}).load().xtal)
    assert text.splitlines() == [
        "Merged reflections",
        "  space group  C 1 2 1 (number 5)",
        "  unit cell    50.347 4.777 14.746 Å, 90 101.73 90°",
        "  resolution   24.65 to 1.80 Å",
        "  reflections  367 of 406 in the asymmetric unit (90.3 %)",
        "  data set     1: sf_convert, cryst_1, data_1",
        "",
        "  FREE  I  integer                     int32, in memory",
        "  FP    F  structure factor amplitude  float32, none missing",
    ]


def test_html_has_the_same_and_takes_the_colours_of_the_page(merged):
    html = merged.xtal._repr_html_()
    found = texts(html)
    for fact in summarize(merged).facts:
        assert fact[1] in found
    assert "14 columns" in found and "PHWT" in found
    assert len(html) < 10_000
    assert set(re.findall(r"(?:color|background):(\w+)", html)) == {"inherit", "none"}


def test_names_from_files_are_escaped(merged):
    odd = merged[["FP"]].rename(FP="<script>alert(1)</script>")
    assert "<script>" not in odd.xtal._repr_html_()
    assert "<script>alert(1)</script>" in texts(odd.xtal._repr_html_())


def test_missing_values_are_counted_only_in_memory(merged):
    kept = merged[["FP"]].load()
    kept.FP.values[:7] = np.nan
    assert "7 missing" in repr(kept.xtal)
    assert "not read" in repr(xrefl.tutorial.open("5wkd").xtal)


def test_lazy_data_stay_lazy(example, observed):
    lazy = xrefl.open_mtz(example, chunks={})
    obs = observed.chunk(obs=50)
    with nothing_computed():
        assert repr(lazy.xtal).count("dask") == len(lazy)
        shown = repr(obs.xtal)
        lazy.xtal._repr_html_()
    assert "resolution" not in shown and "observations" in shown


def test_columns_of_a_file_are_not_read_for_it(example):
    ds = xr.open_dataset(example)
    repr(ds.xtal)
    ds.xtal._repr_html_()
    assert not any(column.variable._in_memory for column in ds.data_vars.values())


def test_each_kind_says_what_it_is(merged, model, observed):
    rho = merged.xtal.to_map("FWT", "PHWT", sample_rate=2)
    sets = xrefl.concat({"a": merged[["FP"]], "b": merged[["FP"]]})
    shown = {
        "Merged reflections": merged.FP,
        "Unmerged observations": observed,
        "Atomic model": model,
        "Map": rho,
        "Reciprocal grid": rho.xtal.to_grid(half_l=True),
        "Neither reflections, a map nor a model": xr.Dataset({"a": 1}),
    }
    for title, obj in shown.items():
        assert repr(obj.xtal).splitlines()[0] == title
        assert title in texts(obj.xtal._repr_html_())
    assert "elements     C 24, O 15, N 11" in repr(model.xtal)
    assert "batches       180" in repr(observed.xtal)
    assert "along 'dataset'  a, b" in repr(sets.xtal)
    assert f"σ {float(rho.std()):.4g}" in repr(rho.xtal)
    assert "the cell has" in repr(rho.isel(x=slice(0, 4)).xtal)


def test_a_crystal_that_is_unknown_or_at_odds_is_told_not_raised(merged):
    bare = xr.Dataset({"F": ("obs", [1.0])}, coords={name: ("obs", [1]) for name in "hkl"})
    assert "space group   not known" in repr(bare.xtal)
    odd = merged.assign_attrs(spacegroup="P 1")
    assert "crystal      attrs['spacegroup'] is 'P 1', but the index has" in repr(odd.xtal)
    assert "reflections  0\n" in repr(merged.isel(hkl=slice(0)).xtal)


def test_incomplete_is_never_100_percent():
    ds = xrefl.tutorial.open("5e5z")
    assert "441 of 441 in the asymmetric unit (100 %)" in repr(ds.xtal)
    assert "440 of 441 in the asymmetric unit (99.7 %)" in repr(ds.isel(hkl=slice(1, None)).xtal)


def test_frames_show_the_same(merged):
    merged = merged.load()
    assert repr(merged.xtal.to_dataframe().xtal) == repr(merged.xtal)


def test_index_in_the_html_of_a_dataset(merged):
    html = merged._repr_html_()
    assert "HKLIndex(367 reflections, C 1 2 1)" in html
    assert texts(merged.xindexes["hkl"]._repr_html_())[1:] == [
        *("reflections", "367", "space group", "C 1 2 1"),
        *("unit cell", "50.347 4.777 14.746 90 101.73 90 (Å, degrees)"),
    ]


def test_shells_show_their_limits(merged):
    shells = merged.xtal.shells(4, method="dstar3")
    found = texts(shells._repr_html_())
    assert found[0] == "4 shells" and found[-1] == "1.98-1.80 Å"


def public(obj) -> set[str]:
    return {name for name in dir(obj) if not name.startswith("_")}


def test_completion_offers_what_makes_sense(merged, model, observed):
    assert not {"_obj", "_df"} & {*dir(merged.xtal), *dir(merged.xtal.to_dataframe().xtal)}
    assert {"to_asu", "to_map", "completeness", "cell", "plot", "d"} <= public(merged.xtal)
    assert not {"merge", "density", "solvent_mask"} & public(merged.xtal)
    assert {"merge", "d", "to_original_hkl"} <= public(observed.xtal)
    assert not {"density", "stack_friedel"} & public(observed.xtal)
    assert {"structure_factors", "density", "cell"} <= public(model.xtal)
    assert not {"merge", "completeness", "to_mtz"} & public(model.xtal)
    rho = merged.xtal.to_map("FWT", "PHWT", sample_rate=2)
    assert {"to_ccp4", "interpolate", "plot"} <= public(rho.xtal)
    assert not {"centric", "amplitude_phase"} & public(rho.xtal)
    assert {"d", "amplitude_phase", "plot"} <= public(merged.FP.xtal)
    assert not {"to_ccp4", "interpolate"} & public(merged.FP.xtal)


def test_every_method_is_offered_for_something(merged, model, observed):
    rho = merged.xtal.to_map("FWT", "PHWT", sample_rate=2)
    for accessor, objects in (
        (xr.Dataset.xtal, [merged, model, observed]),
        (xr.DataArray.xtal, [merged.FP, rho, rho.xtal.to_grid()]),
    ):
        offered = set().union(*(public(obj.xtal) for obj in objects))
        assert offered == {name for name in dir(accessor) if not name.startswith("_")}


def test_a_script_whose_types_mypy_checks_runs_too():
    count, completeness = main()
    assert count == 8
    assert completeness > 0.9


def test_help_shows_signature_and_docstring(observed):
    assert list(inspect.signature(observed.xtal.merge).parameters)[:2] == ["intensity", "sigma"]
    assert (inspect.getdoc(observed.xtal.merge) or "").startswith("Merge")
