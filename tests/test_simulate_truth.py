"""What simulated observations are of: columns, pairs, models, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.lazy import nothing_computed
from tests.test_simulate import frame, merged
from xrefl.errors import MissingColumnError, NotMergedError, XreflError


def true_values(ds: xr.Dataset) -> dict[tuple[int, ...], set[float]]:
    """Return the true intensities that each reflection is observed with."""
    values: dict[tuple[int, ...], set[float]] = {}
    for h, k, l, value in frame(ds)[["h", "k", "l", "I_TRUE"]].itertuples(index=False):
        values.setdefault((int(h), int(k), int(l)), set()).add(value)
    return values


def expected(ds: xr.Dataset, *names: str) -> dict[tuple[int, ...], set[float]]:
    return {
        (int(h), int(k), int(l)): {np.float32(value) for value in values}
        for h, k, l, *values in zip(*(ds[name].values for name in (*"hkl", *names)), strict=True)
    }


def test_amplitudes_and_structure_factors_are_squared() -> None:
    truth = merged()
    ds = xrefl.simulate_unmerged(truth, multiplicity=30)
    root = np.sqrt(truth.I).assign_attrs(mtz_type="F")
    for column in (root, (root * np.exp(1j * np.arange(root.size))).drop_attrs(deep=False)):
        squared = xrefl.simulate_unmerged(truth.drop_vars("I").assign(F=column), multiplicity=30)
        np.testing.assert_allclose(squared.I_TRUE, ds.I_TRUE, rtol=1e-6)
        np.testing.assert_array_equal(squared["M/ISYM"], ds["M/ISYM"])


def test_pairs_and_the_dimension_friedel_are_the_same() -> None:
    truth = merged("P 21 21 21", anomalous=True)
    pairs = xrefl.simulate_unmerged(truth, multiplicity=30)
    stacked = xrefl.simulate_unmerged(truth.xtal.stack_friedel(), multiplicity=30)
    xr.testing.assert_identical(stacked, pairs)
    centric = truth.xtal.centric()
    both = {**expected(truth.isel(hkl=~centric), "I(+)", "I(-)")}
    both |= expected(truth.isel(hkl=centric), "I(+)")
    assert true_values(pairs) == both


def test_amplitudes_of_pairs() -> None:
    truth = merged(anomalous=True)
    roots = truth.map(np.sqrt).assign_attrs(truth.attrs)
    roots = roots.rename({"I(+)": "F(+)", "I(-)": "F(-)"})
    for column in roots.data_vars.values():
        column.attrs["mtz_type"] = "G"
    ds, of_roots = (xrefl.simulate_unmerged(one) for one in (truth, roots))
    np.testing.assert_allclose(of_roots.I_TRUE, ds.I_TRUE, rtol=1e-6)


def test_only_mates_with_a_value_are_observed() -> None:
    truth = merged(anomalous=True)
    rows = np.arange(truth.sizes["hkl"])
    truth["I(+)"] = truth["I(+)"].where(rows % 3 != 0)
    truth["I(-)"] = truth["I(-)"].where((rows % 3 != 1) & (rows % 6 != 0))
    ds = xrefl.simulate_unmerged(truth, multiplicity=30, noise=None)
    assert not ds.I_TRUE.isnull().any()
    values = true_values(ds)
    for row, centric in enumerate(truth.xtal.centric().values.tolist()):
        one = truth.isel(hkl=row)
        known = [float(np.float32(one[name])) for name in ("I(+)", "I(-)")]
        known = [value for value in known if value == value]
        hkl = tuple(int(one[name]) for name in "hkl")
        # a centric reflection is its own mate
        assert values.get(hkl, set()) == set(known[:1] if centric else known)
    assert len(values) < truth.sizes["hkl"]


def test_reflections_without_a_value_are_not_observed() -> None:
    truth = merged()
    truth["I"] = truth.I.where(truth.h != 0)
    truth["I"] = truth.I.where(truth.h != 1, np.inf)
    ds = xrefl.simulate_unmerged(truth, multiplicity=30)
    assert set(ds.h.values.tolist()) == set(truth.h.values.tolist()) - {0, 1}


def test_order_and_asymmetric_unit_of_the_truth_do_not_matter() -> None:
    truth = merged(anomalous=True)
    ds = xrefl.simulate_unmerged(truth)
    rng = np.random.default_rng(1)
    shuffled = truth.isel(hkl=rng.permutation(truth.sizes["hkl"]))
    xr.testing.assert_identical(xrefl.simulate_unmerged(shuffled), ds)
    # the same under the indices of the mates
    mates = truth.drop_vars(["hkl", "h", "k", "l"]).assign_coords(
        xrefl.HKLIndex.from_miller(
            *(-truth[name].values for name in "hkl"),
            cell=truth.xtal.cell.parameters,
            spacegroup=truth.xtal.spacegroup.name,
        ).coordinates()
    )
    centric = truth.xtal.centric().values
    for name, other in (("I(+)", "I(-)"), ("I(-)", "I(+)")):
        values = np.where(centric, truth[name].values, truth[other].values)
        mates[name] = ("hkl", values, truth[name].attrs)
    xr.testing.assert_identical(xrefl.simulate_unmerged(mates), ds)


def test_dmin_leaves_reflections_out() -> None:
    truth = merged(dmin=12.0)
    ds = xrefl.simulate_unmerged(truth, dmin=15.0, multiplicity=30)
    np.testing.assert_array_less(15.0 - 1e-6, ds.xtal.d())
    assert len(true_values(ds)) == truth.xtal.sel_resolution(dmin=15.0).sizes["hkl"]


def test_lazy_truth() -> None:
    truth = merged()
    chunked = truth.chunk(hkl=50)
    xr.testing.assert_identical(xrefl.simulate_unmerged(chunked), xrefl.simulate_unmerged(truth))


def test_a_model() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=30)
    calculated = model.xtal.structure_factors(dmin=2.0)
    squares = expected(calculated.assign(I=calculated.F**2), "I")
    intensity = {hkl: value for hkl, (value,) in squares.items()}
    for hkl, (value,) in true_values(ds).items():
        assert value == pytest.approx(intensity[hkl], rel=1e-6)
    assert len(true_values(ds)) == len(intensity)
    assert ds.attrs["cell"] == calculated.attrs["cell"]


def test_a_model_with_anomalous_scattering() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=3.0, multiplicity=30, addends={"O": 0.1 + 3j})
    calculated = model.xtal.structure_factors(dmin=3.0, addends={"O": 0.1 + 3j}, friedel=True)
    squares = calculated.assign({"+": calculated["F(+)"] ** 2, "-": calculated["F(-)"] ** 2})
    values = true_values(ds)
    for hkl, pair in expected(squares, "+", "-").items():
        np.testing.assert_allclose(
            sorted(values[hkl]), sorted(pair)[-len(values[hkl]) :], rtol=1e-5
        )
    assert sum(len(pair) == 2 for pair in values.values()) > 20


def test_choice_of_the_column() -> None:
    truth = merged()
    truth["F"] = ("hkl", np.arange(1.0, truth.sizes["hkl"] + 1), {"mtz_type": "F"})
    ds = xrefl.simulate_unmerged(truth)  # intensities come before amplitudes
    xr.testing.assert_identical(ds, xrefl.simulate_unmerged(truth, column="I"))
    by_f = xrefl.simulate_unmerged(truth, column="F", multiplicity=30)
    assert true_values(by_f) == expected(truth.assign(I=truth.F**2), "I")
    truth["J"] = truth.I
    with pytest.raises(MissingColumnError, match=r"I, J could each be the truth; .* column="):
        xrefl.simulate_unmerged(truth)
    anomalous = merged(anomalous=True).assign(I=merged().I)
    pairs = xrefl.simulate_unmerged(anomalous)
    xr.testing.assert_identical(pairs, xrefl.simulate_unmerged(anomalous, column="I(-)"))
    assert true_values(xrefl.simulate_unmerged(anomalous, column="I")).keys()


def test_metadata() -> None:
    truth = merged()
    truth.attrs["wavelength"] = 0.9
    with nothing_computed():
        ds = xrefl.simulate_unmerged(truth, n_batches=90, seed=4, chunks={})
    assert not ds.xtal.is_merged
    assert ds.attrs["spacegroup"] == "P 21 21 21"
    assert ds.attrs["wavelength"] == 0.9
    assert ds.dataset_wavelength.values[1] == 0.9
    assert "seed 4" in ds.attrs["history"][0]
    np.testing.assert_allclose(ds.batch_phi_start, np.arange(90) * 2)
    np.testing.assert_allclose(ds.batch_phi_end, np.arange(1, 91) * 2)
    assert {name: column.attrs["mtz_type"] for name, column in ds.data_vars.items()} == {
        "M/ISYM": "Y", "BATCH": "B", "I": "J", "SIGI": "Q", "I_TRUE": "J",
    }  # fmt: skip


def test_wavelength_of_a_data_set() -> None:
    mtz = xrefl.tutorial.open("5wkd")
    mtz = mtz.assign_coords(dataset_wavelength=("dataset_id", [0.0, 0.97]))
    ds = xrefl.simulate_unmerged(mtz, column="FP")
    assert ds.attrs["wavelength"] == 0.97
    assert ds.dataset_wavelength.values[1] == 0.97
    assert "wavelength" not in xrefl.simulate_unmerged(merged()).attrs


def test_numbers_of_numpy() -> None:
    noise = xrefl.Noise(counts=np.float32(50), background=np.int64(3))
    ds = xrefl.simulate_unmerged(merged(), noise=noise, n_batches=np.int32(9))
    same = xrefl.Noise(counts=50, background=3)
    xr.testing.assert_identical(ds, xrefl.simulate_unmerged(merged(), noise=same, n_batches=9))


def test_input_is_left_alone() -> None:
    truth = merged(anomalous=True)
    before = truth.copy(deep=True)
    scales = np.ones(180)
    ds = xrefl.simulate_unmerged(truth, scales=scales)
    ds.batch_scale[:] = 7
    xr.testing.assert_identical(truth, before)
    assert (scales == 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"multiplicity": 0}, "multiplicity must be a positive number, at most 1e.08, not 0"),
        ({"multiplicity": np.nan}, "at most 1e.08, not nan"),
        ({"multiplicity": 1e9}, "multiplicity must be .* not 1000000000.0"),
        ({"multiplicity": "many"}, "multiplicity must be .* not 'many'"),
        ({"n_batches": 0}, "n_batches must be a whole number from 1 to 16,777,215, not 0"),
        ({"n_batches": 10.5}, "n_batches must be a whole number .* not 10.5"),
        ({"order": "measured"}, "order must be 'batch' or 'hkl', not 'measured'"),
        ({"scales": [1, 2]}, r"scales must be 180 finite numbers.* shape \(2,\)"),
        ({"b_factors": [np.nan] * 180}, "b_factors must be 180 finite numbers"),
        ({"chunks": {"hkl": 3}}, r"chunks has \['hkl'\], but the only dimension to cut is 'obs'"),
        ({"chunks": -5}, "chunks must be a positive number of rows.* not -5"),
        ({"chunks": 0}, "chunks must be .* not 0"),
        ({"chunks": {"obs": (100, 200)}}, r"chunks must be .* not \(100, 200\)"),
        ({"seed": -1}, "seed must not be negative, found -1"),
    ],
)
def test_arguments_out_of_range(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        xrefl.simulate_unmerged(merged(), **options)


@pytest.mark.parametrize("seed", [1.5, "1", True, None])
def test_a_seed_that_is_no_whole_number(seed: object) -> None:
    with pytest.raises(TypeError, match=f"seed must be a whole number, not {seed!r}"):
        xrefl.simulate_unmerged(merged(), seed=seed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"counts": 0}, "counts must be positive"),
        ({"background": -1}, "background must be a number that is not negative, not -1"),
        ({"instability": np.inf}, "instability must be a number that is not negative, not inf"),
        ({"outliers": 1.5}, "outliers is a fraction, from 0 to 1, not 1.5"),
        ({"counts": "many"}, "counts must be a number that is not negative, not 'many'"),
    ],
)
def test_noise_out_of_range(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        xrefl.Noise(**options)


def test_what_cannot_be_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = merged()
    sigmas = truth.rename(I="S")
    sigmas["S"].attrs["mtz_type"] = "Q"
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    with pytest.raises(XreflError, match="a model has no resolution and no columns: give dmin"):
        xrefl.simulate_unmerged(model)
    with pytest.raises(XreflError, match="addends are for a model"):
        xrefl.simulate_unmerged(truth, addends={"Se": 1j})
    with pytest.raises(TypeError, match="the truth must be a Dataset, not DataArray"):
        xrefl.simulate_unmerged(truth.I)
    with pytest.raises(NotMergedError, match="these are observations; merge them first"):
        xrefl.simulate_unmerged(xrefl.simulate_unmerged(truth))
    with pytest.raises(MissingColumnError, match="no column 'J'; the columns are I"):
        xrefl.simulate_unmerged(truth, column="J")
    with pytest.raises(MissingColumnError, match=r"no column of intensities .* the columns are S"):
        xrefl.simulate_unmerged(sigmas)
    with pytest.raises(MissingColumnError, match="and mtz_type None: it must be"):
        xrefl.simulate_unmerged(truth.assign(I=truth.I.drop_attrs(deep=False)), column="I")
    half = merged(anomalous=True).drop_vars("I(-)")
    with pytest.raises(MissingColumnError, match=r"no column of intensities .* are I\(\+\)"):
        xrefl.simulate_unmerged(half)
    with pytest.raises(MissingColumnError, match=r"'I\(\+\)' has .* mtz_type 'K'.* mate beside it"):
        xrefl.simulate_unmerged(half, column="I(+)")
    several = xr.concat([truth, truth], "crystal")
    with pytest.raises(MissingColumnError, match=r"has the dimensions \('crystal', 'hkl'\)"):
        xrefl.simulate_unmerged(several, column="I")
    with pytest.raises(XreflError, match="no reflection has an intensity"):
        xrefl.simulate_unmerged(truth.assign(I=truth.I * np.nan))
    with pytest.raises(XreflError, match="leaves none of 283 reflections observed"):
        xrefl.simulate_unmerged(truth, multiplicity=1e-9)
    with pytest.raises(XreflError, match="more than integers of 64 bits can number; lower"):
        xrefl.simulate_unmerged(merged(dmin=4.0), multiplicity=1e8, n_batches=2**24 - 1)
    text = truth.assign(I=truth.I.astype(str).assign_attrs(truth.I.attrs))
    with pytest.raises(MissingColumnError, match="no column of intensities"):
        xrefl.simulate_unmerged(text)
    with pytest.raises(XreflError, match=r"mean of the true intensities is -.*noise=None"):
        xrefl.simulate_unmerged(truth.assign(I=-truth.I))
    with pytest.raises(TypeError, match=r"noise must be xrefl.Noise\(...\) or None, not 0.1"):
        xrefl.simulate_unmerged(truth, noise=0.1)
    assert xrefl.simulate_unmerged(truth.assign(I=-truth.I), noise=None).I.max() < 0
    monkeypatch.setattr("xrefl._memory.physical", lambda: 2**16)
    with pytest.raises(XreflError, match=r"more than half of the .* GiB of memory: give chunks="):
        xrefl.simulate_unmerged(truth)
    assert xrefl.simulate_unmerged(truth, chunks={}).sizes["obs"] > 1000
