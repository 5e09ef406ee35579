"""The command simulate."""

from __future__ import annotations

import numpy as np
import pytest

import xrefl
from tests.commands import failure, ok, usage

MODEL = str(xrefl.tutorial.path("5wkd", kind="model"))
SMALL = str(xrefl.tutorial.path("4003024", kind="model"))
MTZ = str(xrefl.tutorial.path("5e5z"))


@pytest.mark.parametrize("name", ["out.mtz", "out.zarr", "out.parquet"])
def test_observations_of_a_model(tmp_path, name):
    options = ("--dmin", 2.2, "--multiplicity", 5, "--batches", 7, "--seed", 3, "--outliers", 0.1)
    told = ok("simulate", MODEL, tmp_path / name, *options, "--counts", 100, "--decay", 8)
    expected = xrefl.simulate_unmerged(
        xrefl.open_model(MODEL),
        dmin=2.2,
        multiplicity=5,
        n_batches=7,
        seed=3,
        noise=xrefl.Noise(outliers=0.1, counts=100),
        b_factors=np.linspace(0, 8, 7),
    )
    written = xrefl.open_reflections(tmp_path / name)
    assert list(written.data_vars) == ["M/ISYM", "BATCH", "I", "SIGI", "I_TRUE", "OUTLIER"]
    for label in written.data_vars:
        np.testing.assert_array_equal(written[label], expected[label])
    assert written.sizes["batch"] == 7
    assert told["truth"] == f"{MODEL}: a model of 50 atoms"
    assert told["observations"] == f"{expected.sizes['obs']:,}"


def test_anomalous_data(tmp_path):
    ok("simulate", MODEL, tmp_path / "out.mtz", "--dmin", 3, "--wavelength", 1.54, "--no-noise")
    model = xrefl.open_model(MODEL).assign_attrs(wavelength=1.54)
    expected = xrefl.simulate_unmerged(
        model, dmin=3, addends=model.xtal.addends(wavelength=1.54), noise=None
    )
    written = xrefl.open_mtz(tmp_path / "out.mtz")
    np.testing.assert_array_equal(written.I, expected.I)
    assert written.attrs["wavelength"] == pytest.approx(1.54)
    assert set(written.SIGI.values) == {1.0}


def test_observations_of_reflections(tmp_path):
    told = ok("simulate", MTZ, tmp_path / "out.mtz", "--sort", "--column", "I")
    written = xrefl.open_mtz(tmp_path / "out.mtz")
    expected = xrefl.simulate_unmerged(xrefl.open_mtz(MTZ), order="hkl", column="I")
    np.testing.assert_array_equal(written.I, expected.I)
    assert told["truth"] == f"{MTZ}: 441 reflections"


def test_of_a_file_with_both_the_model_is_taken(tmp_path):
    told = ok("simulate", SMALL, tmp_path / "out.cif", "--dmin", 1)
    assert told["truth"].endswith("a model of 4 atoms")
    assert "I_TRUE" not in xrefl.open_refln_cif(tmp_path / "out.cif", kind="unmerged")


def test_what_makes_no_sense(tmp_path):
    out = tmp_path / "out.mtz"
    several = str(xrefl.tutorial.path("5wkd"))
    assert "give --dmin, in Å" in usage("simulate", MODEL, out)
    assert "--wavelength is for a model" in usage("simulate", MTZ, out, "--wavelength", 1)
    assert "leaves no room for --counts" in usage(
        "simulate", MODEL, out, "--no-noise", "--counts", 3
    )
    assert "background must be a number that is not negative" in usage(
        "simulate", MTZ, out, "--background", -1
    )
    assert failure("simulate", several, out).endswith("name one of them with --column")
    line = failure("simulate", several, out, "--column", "PHIC")
    assert line.endswith("neither of intensities nor of amplitudes; name one that is with --column")
    assert failure("simulate", MODEL, out, "--dmin", 90).endswith("lower --dmin")
    assert not out.exists()
