"""Write reflections to a CIF file, block by block."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TypeAlias, overload

import xarray as xr

from xrefl.errors import FormatError, FormatWarning
from xrefl.hkl.crystal import is_merged, reflection_dim
from xrefl.io.atomic import atomic_writer
from xrefl.io.convert.mtz_to_cif_loop import spec_loop
from xrefl.io.convert.mtz_to_cif_spec import Spec, default_spec, parse_spec
from xrefl.io.refln_cif.write_columns import (
    check_columns,
    index_columns,
    is_ddl1,
    known_tag,
    own_tag,
    tag_columns,
)
from xrefl.io.refln_cif.write_items import crystal_items
from xrefl.io.refln_cif.write_links import Links, links_of
from xrefl.io.refln_cif.write_rows import Loop

__all__ = ["Block", "block_name", "to_refln_cif", "warn_of", "write_blocks"]

_BY_ARGUMENT = "give another one with block="

Target: TypeAlias = str | os.PathLike[str] | IO[bytes]
Reflections: TypeAlias = xr.Dataset | Mapping[str, xr.Dataset] | xr.DataTree


@dataclass(frozen=True, slots=True)
class Block:
    """A data block: its name, what it says of the crystal, what its columns refer to, and loops."""

    name: str
    items: str
    links: Links
    loops: tuple[Loop, ...]
    ddl1: bool

    def joined(self, other: Block) -> Block | None:
        """Return both as one block, None if they do not fit together."""
        links = self.links.joined(other.links)
        if links is None or (self.items, self.ddl1) != (other.items, other.ddl1):
            return None
        return Block(self.name, self.items, links, self.loops + other.loops, self.ddl1)

    def pieces(self) -> Iterator[bytes]:
        """Yield the text."""
        yield f"data_{self.name}\n#\n{self.items}{self.links.items(ddl1=self.ddl1)}".encode()
        for loop in self.loops:
            yield from loop.pieces()
            yield b"#\n"


@overload
def to_refln_cif(
    obj: Reflections,
    path: None = None,
    *,
    block: str | None = None,
    entry_id: str | None = None,
    spec: Spec | None = None,
) -> str: ...
@overload
def to_refln_cif(
    obj: Reflections,
    path: Target,
    *,
    block: str | None = None,
    entry_id: str | None = None,
    spec: Spec | None = None,
) -> None: ...
def to_refln_cif(
    obj: Reflections,
    path: Target | None = None,
    *,
    block: str | None = None,
    entry_id: str | None = None,
    spec: Spec | None = None,
) -> str | None:
    """Write reflections to a CIF file: SF-mmCIF, or small-molecule hkl CIF as it was read.

    Rows are written in blocks (the chunks of dask-backed data), so that memory does not grow
    with the file. Numbers are the shortest decimals that read back as the same numbers, float32
    or float64; NaN is ``?``. Merged data become a loop ``_refln``, unmerged data a loop
    ``_diffrn_refln``. Names that the PDBx/mmCIF dictionary knows are written under those tags,
    and so are variables with ``attrs["cif_tag"]``, if it ends with their name (arithmetic carries
    attrs on to its results); other variables are taken for columns of an MTZ file and become
    what `xrefl.mtz_to_cif` makes of them. Data with tags of the core dictionary
    ("_refln_F_squared_meas") are written with such tags throughout. Which data set a column
    belongs to is kept in a loop of local data names, ``_xrefl_column``.

    Parameters
    ----------
    obj : Dataset, mapping of str to Dataset, or DataTree
        Reflections. Of a mapping or tree each Dataset becomes a data block, named by the key
        (in a tree by ``attrs["block"]`` or the name of the node); merged and unmerged data of the
        same name share a block.
    path : path or binary file object, optional
        Where to write. A file appears under its name when it is complete, and is gzipped if the
        name ends in ``.gz``.
    block : str, optional
        Name of the data block; by default ``attrs["block"]``, else made of the entry's name.
    entry_id : str, optional
        Name of the entry; by default ``attrs["entry_id"]``.
    spec : path, str or sequence of str, optional
        Which columns to write, and how: the lines of a spec, as for `xrefl.mtz_to_cif`.
        Columns that it leaves out give a `FormatWarning`.

    Returns
    -------
    str or None
        The text, where no path is given.

    Raises
    ------
    FormatError
        A variable has no tag, there are no rows, or something cannot be in a CIF file, such as a
        comparison under the tag of a number.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")[["FREE", "FP", "SIGFP"]]
    >>> xrefl.to_refln_cif(ds, entry_id="5wkd").splitlines()[-2]
    '26 0 0 o 1 8.834459 4.69147'
    """
    return write_blocks(_blocks(obj, block, entry_id, spec), path)


def write_blocks(blocks: Sequence[Block], path: Target | None) -> str | None:
    """Write data blocks to a file, or return them as text."""
    pieces = (piece for block in blocks for piece in block.pieces())
    if path is None:
        return b"".join(pieces).decode()
    if isinstance(path, (str, os.PathLike)):
        with atomic_writer(path) as stream:
            stream.writelines(pieces)
    elif hasattr(path, "write"):
        for piece in pieces:
            path.write(piece)
    else:
        raise TypeError(f"expected a path or a binary file object, not {type(path).__name__}")
    return None


def _blocks(
    obj: Reflections, block: str | None, entry_id: str | None, spec: Spec | None
) -> list[Block]:
    found: dict[str, Block] = {}
    kinds: set[tuple[str, bool]] = set()
    if isinstance(obj, xr.Dataset):
        remedy = _BY_ARGUMENT
    elif isinstance(obj, xr.DataTree):
        remedy = "rename the node, or change its attrs['block']"
    else:
        remedy = "give another key"
    for given, ds in _datasets(obj, block):
        entry = entry_id if entry_id is not None else ds.attrs.get("entry_id")
        entry = None if entry is None else str(entry)
        name = given or ds.attrs.get("block") or (f"r{entry}sf" if entry else "xrefl")
        ddl1 = is_ddl1(ds)
        name = block_name(name, remedy)
        items = crystal_items(ds, entry, ddl1=ddl1)
        loop = _loop(ds, spec, ddl1)
        new = Block(name, items, links_of(ds, loop), (loop,), ddl1)
        kind = (new.name.lower(), is_merged(ds))
        known = found.get(kind[0])
        joined = new if known is None else known.joined(new)
        if kind in kinds or joined is None:
            raise FormatError(
                f"two Datasets would be written as data block {name!r}; give each a name of its "
                "own (merged and unmerged data of one crystal may share one)"
            )
        kinds.add(kind)
        found[kind[0]] = joined
    if not found:
        raise FormatError("there are no reflections to write: no Dataset has any variables")
    return list(found.values())


def _datasets(obj: Reflections, block: str | None) -> Iterator[tuple[str | None, xr.Dataset]]:
    if isinstance(obj, xr.Dataset):
        yield block, obj
        return
    if block is not None:
        raise ValueError("block= names the data block of one Dataset; here the keys name them")
    if isinstance(obj, xr.DataTree):
        for node in obj.subtree:
            if node.has_data:
                yield str(node.attrs.get("block") or node.name or "xrefl"), node.to_dataset()
    elif isinstance(obj, Mapping):
        for name, ds in obj.items():
            if not isinstance(ds, xr.Dataset):
                raise TypeError(f"{name!r} is not a Dataset, but {type(ds).__name__}")
            yield str(name), ds
    else:
        raise TypeError(f"expected a Dataset, a mapping or a DataTree, not {type(obj).__name__}")


def block_name(name: str, remedy: str = _BY_ARGUMENT) -> str:
    """Return the name if a data block can have it."""
    if not re.fullmatch(r"[!-~]+", name):
        raise FormatError(
            f"{name!r} cannot be the name of a data block, which is of printable ASCII characters "
            f"without spaces; {remedy}"
        )
    return name


def _loop(ds: xr.Dataset, spec: Spec | None, ddl1: bool) -> Loop:
    check_columns(ds)
    if spec is not None:
        loop, left_out = spec_loop(ds, parse_spec(spec), ddl1=ddl1)
        warn_of(left_out)
        return loop
    names = list(ds.data_vars)
    if all(known_tag(name, ds.variables[name]) is not None for name in names):
        columns = [*index_columns(ds, ddl1=ddl1), *tag_columns(ds, names, ddl1=ddl1)]
        return Loop(columns, ds.sizes[reflection_dim(ds)])
    labels = [name for name in names if own_tag(name, ds.variables[name]) is None]
    of_mtz = ds.drop_vars([name for name in names if name not in labels])  # keeps data sets
    loop, left_out = spec_loop(of_mtz, default_spec(merged=is_merged(ds)), ddl1=ddl1)
    tagged = [name for name in names if name not in labels or name in left_out]
    unknown = [str(name) for name in tagged if known_tag(name, ds.variables[name]) is None]
    if unknown:
        raise FormatError(
            f"no tag is known for {', '.join(unknown)}; drop or rename such variables, say with "
            "spec= what to write, or give them attrs['cif_tag'], which is '_refln.' and the name "
            "of the variable"
        )
    columns = [*loop.columns, *tag_columns(ds, tagged, ddl1=ddl1)]
    return Loop(columns, loop.nrow, loop.tests, loop.preamble)


def warn_of(left_out: Sequence[Hashable]) -> None:
    """Warn of columns that are not written."""
    if left_out:
        warnings.warn(
            f"not written, as no line of the spec is for them: {', '.join(map(str, left_out))}",
            FormatWarning,
            stacklevel=3,
        )
