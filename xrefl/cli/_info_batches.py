"""Batch headers: a line for each, or all that one says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xrefl.cli._tables import Column, show_facts, show_table

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["show_batch", "show_batches"]

# Words of a batch header by their place, counted from 0 (CCP4 library, ``cmtzlib``).
_INTEGERS = {
    3: "type of the orientation block",
    10: "status of misset angles",
    11: "axis closest to the rotation axis",
    12: "number of the crystal",
    13: "type of mosaicity",
    14: "type of data (2: a rotation image)",
    15: "number of the scan axis",
    16: "number of batch scales",
    17: "number of goniostat axes",
    18: "type of beam",
    19: "number of detectors",
    20: "data set",
}
_FLOATS = {
    range(6): "unit cell (Å, degrees)",
    range(6, 15): "orientation matrix U, by columns",
    range(15, 18): "misset angles at the start (°)",
    range(18, 21): "misset angles at the end (°)",
    range(21, 33): "mosaicity (°)",
    range(33, 36): "datum of the goniostat axes (°)",
    range(36, 37): "phi at the start (°)",
    range(37, 38): "phi at the end (°)",
    range(38, 41): "rotation axis",
    range(41, 42): "start (minutes)",
    range(42, 43): "end (minutes)",
    range(43, 44): "scale",
    range(44, 45): "temperature factor (Å²)",
    range(45, 46): "standard error of the scale",
    range(46, 47): "standard error of the temperature factor",
    range(47, 48): "range of phi (°)",
    range(59, 62): "goniostat axis 1",
    range(62, 65): "goniostat axis 2",
    range(65, 68): "goniostat axis 3",
    range(80, 83): "direction of the beam, idealised",
    range(83, 86): "direction of the beam",
    range(86, 87): "wavelength (Å)",
    range(87, 88): "spread of wavelengths",
    range(88, 89): "correlation of wavelength and direction",
    range(89, 90): "horizontal divergence (°)",
    range(90, 91): "vertical divergence (°)",
    range(111, 112): "distance of the detector (mm)",
    range(112, 113): "distance of detector 2 (mm)",
    range(113, 114): "tilt of the detector (°)",
    range(114, 115): "tilt of detector 2 (°)",
    range(115, 119): "limits of the detector",
    range(119, 123): "limits of detector 2",
}
_COUNTS = range(3)
_PER_LINE = 6


def show_batches(path: Path, ds: xr.Dataset) -> None:
    """Print a table of the batches."""
    ds = _with_batches(path, ds)
    values = {
        name: ds[name].values.tolist()
        for name in ("batch", "batch_dataset_id", "batch_phi_start", "batch_phi_end", "batch_title")
        if name in ds.coords
    }
    headings = {
        "batch": "batch",
        "batch_dataset_id": "set",
        "batch_phi_start": "phi from/°",
        "batch_phi_end": "to/°",
    }
    columns = [
        Column(heading, [f"{one:.7g}" for one in values[name]], right=True)
        for name, heading in headings.items()
        if name in values
    ]
    if any(values.get("batch_title", ())):
        columns.append(Column("title", values["batch_title"]))
    show_table(columns, first=True)


def show_batch(path: Path, ds: xr.Dataset, number: int) -> None:
    """Print what the header of one batch says, word by word.

    Raises
    ------
    XreflError
        There is no such batch.
    """
    from xrefl.cli._info_facts import batches_of
    from xrefl.errors import XreflError
    from xrefl.io.mtz.batches import batches_of as headers_of

    ds = _with_batches(path, ds)
    batches = headers_of(ds)
    found = batches.number.tolist()
    if number not in found:
        raise XreflError(f"{path}: there is no batch {number}; there are {batches_of(ds)}")
    at = found.index(number)
    facts = [("title", batches.title[at]), ("axes", batches.axes[at])]
    show_facts(f"batch {number} of {path}", [fact for fact in facts if fact[1]])
    integers, floats = batches.integers[at].tolist(), batches.floats[at].tolist()
    rows = [("integers", f"{i}", text, str(integers[i])) for i, text in _INTEGERS.items()]
    rows += [
        ("integers", f"{i}", "", str(value))
        for i, value in enumerate(integers)
        if value and i not in _INTEGERS and i not in _COUNTS
    ]
    named = {i for words in _FLOATS for i in words}
    for words, text in _FLOATS.items():
        values = [floats[i] for i in words if i < len(floats)]
        if any(values):
            rows += _lines(words.start, text, values)
    rows += [
        ("floats", f"{i}", "", f"{value:.7g}")
        for i, value in enumerate(floats)
        if value and i not in named
    ]
    headings = ("words", "from", "which are", "values")
    show_table(
        [Column(name, cells) for name, cells in zip(headings, zip(*rows, strict=True), strict=True)]
    )


def _lines(start: int, text: str, values: list[float]) -> list[tuple[str, str, str, str]]:
    """Return rows of words that belong together."""
    step = 3 if len(values) % 3 == 0 and len(values) > _PER_LINE else _PER_LINE
    return [
        (
            "floats",
            f"{start + i}",
            "" if i else text,
            "  ".join(f"{one:.7g}" for one in values[i : i + step]),
        )
        for i in range(0, len(values), step)
    ]


def _with_batches(path: Path, ds: xr.Dataset) -> xr.Dataset:
    from xrefl.errors import XreflError

    if "batch" not in ds.coords or not ds["batch"].size:
        raise XreflError(
            f"{path} has no batch headers; those are in MTZ files of unmerged observations"
        )
    return ds
