"""Write reflections to a CIF file, block by block."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
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
    tag_columns,
)
from xrefl.io.refln_cif.write_items import crystal_items
from xrefl.io.refln_cif.write_rows import Loop

__all__ = ["Blocks", "block_name", "to_refln_cif", "warn_of", "write_blocks"]

Target: TypeAlias = str | os.PathLike[str] | IO[bytes]
Reflections: TypeAlias = xr.Dataset | Mapping[str, xr.Dataset] | xr.DataTree

Blocks: TypeAlias = "list[tuple[str, str, list[Loop]]]"
"""Name, items and loops of each data block."""


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
    ``_diffrn_refln``. Names that the PDBx/mmCIF dictionary knows, and variables with
    ``attrs["cif_tag"]``, are written under those tags; other variables are taken for columns of
    an MTZ file and become what `xrefl.mtz_to_cif` makes of them. Data with tags of the core
    dictionary ("_refln_F_squared_meas") are written with such tags throughout.

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
        A variable has no tag, there are no rows, or something cannot be in a CIF file.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")[["FREE", "FP", "SIGFP"]]
    >>> xrefl.to_refln_cif(ds, entry_id="5wkd").splitlines()[-2]
    '26 0 0 o 1 8.834459 4.69147'
    """
    return write_blocks(_blocks(obj, block, entry_id, spec), path)


def write_blocks(blocks: Blocks, path: Target | None) -> str | None:
    """Write data blocks to a file, or return them as text."""
    if path is None:
        return b"".join(_pieces(blocks)).decode()
    if isinstance(path, (str, os.PathLike)):
        with atomic_writer(path) as stream:
            stream.writelines(_pieces(blocks))
    elif hasattr(path, "write"):
        for piece in _pieces(blocks):
            path.write(piece)
    else:
        raise TypeError(f"expected a path or a binary file object, not {type(path).__name__}")
    return None


def _pieces(blocks: Blocks) -> Iterator[bytes]:
    for name, items, loops in blocks:
        yield f"data_{name}\n#\n{items}".encode()
        for loop in loops:
            yield from loop.pieces()
            yield b"#\n"


def _blocks(obj: Reflections, block: str | None, entry_id: str | None, spec: Spec | None) -> Blocks:
    found: dict[str, tuple[str, str, list[Loop]]] = {}
    kinds: set[tuple[str, bool]] = set()
    for given, ds in _datasets(obj, block):
        entry = entry_id if entry_id is not None else ds.attrs.get("entry_id")
        entry = None if entry is None else str(entry)
        name = block_name(given or ds.attrs.get("block") or (f"r{entry}sf" if entry else "xrefl"))
        items = crystal_items(ds, entry, ddl1=is_ddl1(ds))
        kind = (name.lower(), is_merged(ds))
        known = found.setdefault(name.lower(), (name, items, []))
        if kind in kinds or known[1] != items:
            raise FormatError(
                f"two Datasets would be written as data block {name!r}; give each a name of its "
                "own (merged and unmerged data of one crystal may share one)"
            )
        kinds.add(kind)
        known[2].append(_loop(ds, spec))
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


def block_name(name: str) -> str:
    """Return the name if a data block can have it."""
    if not re.fullmatch(r"[!-~]+", name):
        raise FormatError(
            f"{name!r} cannot be the name of a data block, which is of printable ASCII characters "
            "without spaces; give another one with block="
        )
    return name


def _loop(ds: xr.Dataset, spec: Spec | None) -> Loop:
    check_columns(ds)
    if spec is not None:
        loop, left_out = spec_loop(ds, parse_spec(spec))
        warn_of(left_out)
        return loop
    names = list(ds.data_vars)
    if all(known_tag(name, ds.variables[name]) is not None for name in names):
        columns = [*index_columns(ds), *tag_columns(ds, names)]
        return Loop(columns, ds.sizes[reflection_dim(ds)])
    labels = [name for name in names if "cif_tag" not in ds.variables[name].attrs]
    loop, left_out = spec_loop(ds[labels], default_spec(merged=is_merged(ds)))
    tagged = [name for name in names if name not in labels or name in left_out]
    unknown = [str(name) for name in tagged if known_tag(name, ds.variables[name]) is None]
    if unknown:
        raise FormatError(
            f"no tag is known for {', '.join(unknown)}; drop or rename such variables, give them "
            "attrs['cif_tag'], or say with spec= what to write"
        )
    return Loop([*loop.columns, *tag_columns(ds, tagged)], loop.nrow, loop.tests, loop.preamble)


def warn_of(left_out: Sequence[Hashable]) -> None:
    """Warn of columns that are not written."""
    if left_out:
        warnings.warn(
            f"not written, as no line of the spec is for them: {', '.join(map(str, left_out))}",
            FormatWarning,
            stacklevel=3,
        )
