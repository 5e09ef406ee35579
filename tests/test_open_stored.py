"""Zarr stores and Parquet files are opened as reflections of any format are."""

from __future__ import annotations

import io
import shutil

import pytest
import xarray as xr
from typer.testing import CliRunner

import xrefl
from tests.lazy import nothing_computed
from tests.test_zarr import observations, same
from xrefl.cli import app
from xrefl.errors import FormatError

runner = CliRunner()


@pytest.fixture(params=["a.zarr", "b ä.parquet", "without suffix"])
def stored(request, tmp_path):
    """Return the path of observations in a store or a Parquet file."""
    path = tmp_path / request.param
    ds = observations()
    (ds.xtal.to_parquet if path.suffix == ".parquet" else ds.xtal.to_zarr)(path)
    return path


@pytest.mark.parametrize("as_text", [False, True])
def test_observations(stored, as_text):
    same(xrefl.open_reflections(str(stored) if as_text else stored), observations())


def test_lazily(stored):
    with nothing_computed():
        ds = xrefl.open_reflections(stored, chunks=2)
    assert ds.I.chunks == ((2, 1),)
    same(ds, observations())


def test_merged(tmp_path, example):
    ds = xrefl.open_mtz(example).load()
    ds.xtal.to_zarr(tmp_path / "a")
    ds.xtal.to_parquet(tmp_path / "b")
    for name in "ab":
        assert xrefl.open_reflections(tmp_path / name).load().identical(ds)


def test_options_are_those_of_the_format(stored):
    with pytest.raises(FormatError, match="has no data blocks; leave block out"):
        xrefl.open_reflections(stored, block="a")
    same(xrefl.open_reflections(stored, block=None), observations())
    if stored.is_dir():
        assert xrefl.open_reflections(stored, h=2).BATCH.values.tolist() == [7]


def test_what_is_neither(tmp_path, stored):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="is no Zarr store"):
        xrefl.open_reflections(tmp_path / "empty")
    if stored.is_file():
        with pytest.raises(FormatError, match="is a Parquet file, which is opened by its path"):
            xrefl.open_reflections(io.BytesIO(stored.read_bytes()))
        stored.write_bytes(b"PAR1")
        with pytest.raises(FormatError, match="is no Parquet file, or damaged"):
            xrefl.open_reflections(stored)
    else:
        shutil.rmtree(stored / "xrefl_store")
        with pytest.raises(FormatError, match="xrefl did not write it"):
            xrefl.open_reflections(stored)


def test_info(stored):
    shown = runner.invoke(app, ["info", str(stored)])
    assert shown.exit_code == 0, shown.output
    assert "BATCH" in shown.output


@pytest.mark.parametrize("write", ["to_zarr", "to_parquet"])
def test_merging_on_the_command_line(tmp_path, write):
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=3.0, seed=1)
    ds.xtal.to_mtz(tmp_path / "mtz")
    getattr(ds.xtal, write)(tmp_path / "stored")
    merged = []
    for name in ("mtz", "stored"):
        out = tmp_path / f"{name}-merged.mtz"
        done = runner.invoke(app, ["merge", str(tmp_path / name), str(out)])
        assert done.exit_code == 0, done.output
        merged.append(xrefl.open_mtz(out).load())
    xr.testing.assert_equal(*merged)
