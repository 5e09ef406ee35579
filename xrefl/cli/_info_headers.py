"""What a file says beside its values, as it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from xrefl.cli._info_facts import cell_of, datasets_table, spacegroup_of
from xrefl.cli._tables import show_facts, show_table

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["show_headers", "show_map_header"]

_PLAIN = ("cell", "spacegroup", "history", "symmetry_operations")
_MOST_LINES = 40
_MOST_RECORDS = 192


def show_headers(path: Path, content: Path | IO[bytes], ds: xr.Dataset) -> None:
    """Print the records of an MTZ file, the items of a CIF, or what else the file states."""
    from xrefl.io.guess import looks_like_cif
    from xrefl.io.mtz.records import MAGIC
    from xrefl.io.source import as_source

    if not path.is_dir():
        head = as_source(content).read(0, 2**16)
        if head.startswith(MAGIC):
            print("\n".join(_mtz_records(content)))
            return
        if looks_like_cif(head):
            print("\n".join(_cif_items(content, ds.attrs.get("block"))))
            return
    _show_stated(path, ds)


def _mtz_records(content: Path | IO[bytes]) -> Iterator[str]:
    """Yield the records of a header; batch headers, which are not text, are counted."""
    from xrefl.io.mtz.parse import parse_mtz
    from xrefl.io.mtz.records import Records
    from xrefl.io.source import as_source

    source = as_source(content)
    header, _ = parse_mtz(source)  # so that all of it can be read
    records = Records(source)
    for keyword, value in records.until("END", skip=b"\0"):
        yield f"{keyword} {value}".rstrip()
    yield "END"
    if header.history:
        yield f"MTZHIST {len(header.history):3}"
        yield from header.history
    if header.nbatch:
        yield f"MTZBATS ({header.nbatch:,} batch headers; see --batches)"
    yield "MTZENDOFHEADERS"
    if header.appended_text:
        yield header.appended_text


def _cif_items(content: Path | IO[bytes], block: str | None) -> Iterator[str]:
    """Yield the single items of a block, and the tags of its loops."""
    from xrefl.io.cif.document import read_cif

    document = read_cif(content)
    found = document[0] if block is None else document[block]
    loops = {loop.tags[0]: loop for loop in found.loops}
    of_loops = {tag for loop in found.loops for tag in loop.tags}
    yield f"data_{found.name}"
    for tag in found.tags:
        if tag in loops:
            yield f"\nloop_  # of {loops[tag].nrow:,} rows"
            yield from loops[tag].tags
        elif tag not in of_loops:
            yield f"{tag}  {_value(found.text(tag))}"


def _value(text: str | None) -> str:
    from xrefl.io.cif.format import quoted

    if text is None:
        return "?"
    count = text.count("\n") + 1
    return f"# a text of {count:,} lines" if count > _MOST_LINES else quoted(text)


def _show_stated(path: Path, ds: xr.Dataset) -> None:
    """Print symmetry, data sets and attributes, where the file has no header of its own."""
    from xrefl.crystal.spacegroup import SpaceGroup

    facts = [("unit cell", cell_of(ds)), ("space group", spacegroup_of(ds))]
    if "spacegroup" in ds.attrs:
        operations = SpaceGroup(ds.attrs["spacegroup"]).operations
        facts += [("operation", operation.triplet()) for operation in operations]
    facts += [(str(name), str(value)) for name, value in ds.attrs.items() if name not in _PLAIN]
    show_facts(str(path), facts + [("history", line) for line in ds.attrs.get("history", ())])
    if "dataset_id" in ds.coords:
        show_table(datasets_table(ds))


def show_map_header(content: Path | IO[bytes]) -> None:
    """Print what the header of a map says."""
    from xrefl.io.ccp4.header import HEADER_BYTES, parse_header
    from xrefl.io.source import as_source

    source = as_source(content)
    header = parse_header(source)
    axes = ["XYZ"[axis] for axis in header.file_axes]
    facts = [
        ("mode", f"{header.mode} ({header.dtype.name})"),
        ("points", _triple(header.size)),
        ("start", _triple(header.start)),
        ("intervals", f"{_triple(header.grid)} along the cell"),
        ("unit cell", "none" if header.cell is None else _triple(header.cell)),
        ("axes", f"columns {axes[0]}, rows {axes[1]}, sections {axes[2]}"),
        ("space group", str(header.ispg)),
        ("minimum", f"{header.statistics.min:.7g}"),
        ("maximum", f"{header.statistics.max:.7g}"),
        ("mean", f"{header.statistics.mean:.7g}"),
        ("rms", f"{header.statistics.rms:.7g}"),
        ("origin", _triple(header.origin)),
        ("extension", f"{header.extension_bytes} bytes {header.extension_type}".rstrip()),
        *(("label", label) for label in header.labels),
    ]
    records = source.read(HEADER_BYTES, min(header.extension_bytes, _MOST_RECORDS * 80))
    if header.extension_type.strip() in ("", "CCP4"):
        texts = (records[at : at + 80].decode("latin-1") for at in range(0, len(records), 80))
        facts += [("symmetry", text.strip()) for text in texts if text.strip(" \0")]
    show_facts(source.name, facts)


def _triple(numbers: Sequence[float]) -> str:
    return "  ".join(f"{one:g}" for one in numbers)
