"""Random reflection files and Datasets."""

from __future__ import annotations

import gemmi
import numpy as np
import xarray as xr
from hypothesis import strategies as st

from xrefl.hkl.index import HKLIndex
from xrefl.io.mtz.select import _TAKEN

SPACE_GROUPS = (
    "P 1",
    "P -1",
    "C 1 2 1",
    "P 21 21 21",
    "I 41/a m d:2",
    "R 3:H",
    "R 3:R",
    "F d -3 m:1",
)
CELLS = {
    "P 1": (20.1, 30.2, 40.3, 80.4, 95.5, 101.6),
    "P -1": (20.1, 30.2, 40.3, 80.4, 95.5, 101.6),
    "C 1 2 1": (50.347, 4.777, 14.746, 90, 101.73, 90),
    "P 21 21 21": (77.7, 149.5, 62.4, 90, 90, 90),
    "I 41/a m d:2": (40.5, 40.5, 91.25, 90, 90, 90),
    "R 3:H": (50.25, 50.25, 60.5, 90, 90, 120),
    "R 3:R": (35.1, 35.1, 35.1, 91.5, 91.5, 91.5),
    "F d -3 m:1": (84.125, 84.125, 84.125, 90, 90, 90),
}
TYPES = "JFDQGLKMEPWAIR"
_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
_LABELS = _TEXT.filter(lambda label: label not in {*"HKL", *_TAKEN})


def _values(draw: st.DrawFn, kind: str, count: int) -> np.ndarray:
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    if kind in "IBY":
        return rng.integers(0, 2**20, count).astype(np.float32)
    values = rng.normal(0, 10.0 ** rng.integers(-3, 6), count).astype(np.float32)
    values[rng.random(count) < draw(st.sampled_from([0, 0.2]))] = np.nan
    return values


@st.composite
def gemmi_files(draw: st.DrawFn, *, unmerged: bool = False) -> gemmi.Mtz:
    """Return a file as gemmi sees it, with random columns, data sets, history and batches."""
    name = draw(st.sampled_from(SPACE_GROUPS))
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup(name)
    mtz.set_cell_for_all(gemmi.UnitCell(*CELLS[name]))
    mtz.title = draw(_TEXT)
    mtz.history = draw(st.lists(_TEXT, max_size=3))
    for i in range(draw(st.integers(1, 3))):
        dataset = mtz.add_dataset(f"set{i}")
        dataset.project_name = draw(_TEXT)
        dataset.wavelength = draw(st.sampled_from([0.0, 0.97918, 1.5418]))
    columns = [("M/ISYM", "Y"), ("BATCH", "B")] if unmerged else []
    labels = draw(st.lists(_LABELS, min_size=1, max_size=5, unique=True))
    columns += [(label, draw(st.sampled_from(TYPES))) for label in labels]
    for label, kind in columns:
        mtz.add_column(label, kind, dataset_id=draw(st.integers(0, len(mtz.datasets) - 1)))
    count = draw(st.integers(1, 40))  # gemmi does not read files without rows
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hkl = rng.integers(-20, 21, (count, 3))
    if not unmerged:
        hkl = np.unique(hkl, axis=0)
        rng.shuffle(hkl)
    data = np.empty((len(hkl), len(mtz.columns)), np.float32)
    data[:, :3] = hkl
    for i, column in enumerate(mtz.columns[3:], 3):
        data[:, i] = _values(draw, column.type, len(hkl))
    if unmerged:
        operations = len(mtz.spacegroup.operations().sym_ops)  # ISYM has 8 bits, and M the rest
        data[:, 3] = rng.integers(1, 2 * operations + 1, len(hkl)) + 256 * rng.integers(0, 2)
        for number in range(1, draw(st.integers(2, 6))):
            batch = gemmi.Mtz.Batch()
            batch.number = number
            batch.title = draw(_TEXT)
            batch.dataset_id = 1
            batch.axes = ["PHI"]
            for i in range(3, 29):
                if i != 20:
                    batch.ints[i] = int(rng.integers(-5, 1000))
            for i in range(156):
                batch.floats[i] = float(np.float32(rng.normal()))
            mtz.batches.append(batch)
    mtz.set_data(data)
    return mtz


@st.composite
def merged_datasets(draw: st.DrawFn) -> xr.Dataset:
    """Return a Dataset of merged reflections with random columns."""
    name = draw(st.sampled_from(SPACE_GROUPS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hkl = np.unique(rng.integers(-30, 31, (draw(st.integers(1, 60)), 3)), axis=0)
    rng.shuffle(hkl)
    index = HKLIndex.from_miller(*hkl.T, cell=CELLS[name], spacegroup=name)
    labels = draw(st.lists(_LABELS, min_size=1, max_size=5, unique=True))
    variables = {}
    for label in labels:
        kind = draw(st.sampled_from(TYPES))
        values = _values(draw, kind, len(hkl))
        values = values.astype(np.int32) if kind == "I" else values
        variables[label] = ("hkl", values, {"mtz_type": kind})
    attrs = {"cell": list(CELLS[name]), "spacegroup": name}
    return xr.Dataset(variables, coords=index.coordinates(), attrs=attrs)
