"""Open an atomic model as an xarray Dataset."""

from __future__ import annotations

import os
import re
from typing import IO

import xarray as xr

from xrefl.errors import FormatError
from xrefl.io.cif.document import CifBlock, CifDocument, read_cif
from xrefl.io.cif.table import CifTable
from xrefl.io.guess import looks_like_cif
from xrefl.io.model.atom_site import COORDINATES, tags_of
from xrefl.io.model.dataset import Model, model_dataset
from xrefl.io.model.mmcif import is_macromolecular, read_mmcif
from xrefl.io.model.pdb import RECORDS, read_pdb
from xrefl.io.model.small import read_small
from xrefl.io.source import as_source, as_stream

__all__ = ["open_model"]

_HEAD = 65_536
_MTZ = b"MTZ "
_BLOCK_NAME = re.compile(rb"^[ \t]*data_", re.IGNORECASE | re.MULTILINE)
_PDB_LINE = re.compile(rb"(?:^|[\r\n])(?:ATOM  |HETATM|CRYST1) *[-\d*]", re.IGNORECASE)


def open_model(
    path: str | os.PathLike[str] | bytes | IO[bytes], *, block: str | int | None = None
) -> xr.Dataset:
    """Open an atomic model: PDB, mmCIF or small-molecule CIF, told by the content of the file.

    Parameters
    ----------
    path : path, bytes or binary file object
        The file, gzipped or not.
    block : str or int, optional
        Name or position of a CIF's data block; by default the first one that has atoms.

    Returns
    -------
    xarray.Dataset
        Variables along ``atom``, the same for all formats (text is "" where a format does not
        have it, numbers are 0):

        - ``element`` ("C", "Se", "D" for deuterium, "X" for unknown) and ``charge`` (int8);
        - ``name`` (the label in small-molecule CIF), ``altloc`` (or disorder group), ``resname``,
          ``chain``, ``seqnum`` (int32), ``icode``, ``model`` (int32), ``group`` ("ATOM" or
          "HETATM"), ``serial`` (int32, 0 where the file has no number);
        - ``xyz`` (atom, axis), float64, Å, in the orientation that the PDB convention gives to
          ``attrs["cell"]``: x along a, z along c*;
        - ``b_iso``, float64, Å^2: the isotropic or equivalent B = 8π²U; 0 where not given;
        - ``u_aniso`` (atom, component), float64, Å^2: the tensor U (not B) on Cartesian axes,
          with components 11, 22, 33, 12, 13, 23; NaN for isotropic atoms;
        - ``occupancy``, float64, as in the file; 1 where not given;
        - ``site_symmetry_order``, int16: how many operations leave the atom in place;
        - ``occupancy_divisor``, int16. In sums over all symmetry operations an atom counts with
          ``occupancy / occupancy_divisor``. The divisor is ``site_symmetry_order`` for
          small molecules, whose occupancies say how much of an atom is there, and 1
          for macromolecules, where occupancies are divided already.

        mmCIF gives ``label_asym_id``, ``label_entity_id`` and ``label_seq_id`` as well;
        small-molecule CIF ``type_symbol``, ``disorder_assembly``, and f' and f'' as
        ``dispersion_real`` and ``dispersion_imag`` along ``atom_type`` where it has them.

        ``attrs`` has ``cell``, ``spacegroup``, ``title``, ``entry_id``, ``wavelength`` and
        ``block`` where known, and ``source_format``. If the file's coordinates are in another
        orientation, they are turned, with a `FormatWarning`; ``attrs["frame"]`` are the
        rows of the matrix (3, 4) that did it: rotation and translation in Å.

    Raises
    ------
    FormatError
        The file has no model, is in another format, or is damaged.

    Examples
    --------
    >>> import xrefl
    >>> model = open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> model.sizes["atom"], model.attrs["spacegroup"]
    (50, 'C 1 2 1')
    >>> model.xyz.sel(axis="x").values[:3]
    array([0.958, 2.189, 3.414])
    >>> special = model.isel(atom=model.site_symmetry_order > 1)
    >>> special.resname.values, special.occupancy.values
    (array(['HOH'], dtype='<U3'), array([0.5]))
    """
    source = as_source(path)
    head = source.read(0, _HEAD)
    is_pdb = _looks_like_pdb(head)
    if looks_like_cif(head) or (not is_pdb and _BLOCK_NAME.search(head)):
        content = path if isinstance(path, (str, os.PathLike)) else as_stream(source)
        return model_dataset(_read_cif(read_cif(content), block))
    if block is not None:
        raise FormatError(f"{source.name}: only CIF has data blocks; leave out block={block!r}")
    if not is_pdb:
        raise FormatError(f"{source.name}: {_what_it_is(head)}; open_model reads PDB and CIF")
    return model_dataset(read_pdb(source.read(0, source.size), source.name))


def _read_cif(document: CifDocument, block: str | int | None) -> Model:
    chosen, table = _atoms(document, block)
    if is_macromolecular(table):
        return read_mmcif(chosen, table, document.name)
    return read_small(chosen, table, document.name)


def _atoms(document: CifDocument, block: str | int | None) -> tuple[CifBlock, CifTable]:
    tags = tags_of(*COORDINATES)
    if block is not None:
        try:
            chosen = document[block]
        except (KeyError, IndexError):
            raise FormatError(
                f"{document.name}: there is no data block {block!r}; there are {_names(document)}"
            ) from None
        candidates = [chosen]
    else:
        candidates = list(document)
    for candidate in candidates:
        table = candidate.table(*tags)
        if table is not None and table.nrow:
            return candidate, table
    what = _names(document) if block is None else f"the block {block!r}"
    raise FormatError(
        f"{document.name}: no atoms (_atom_site_fract_x, _atom_site.Cartn_x) in {what}; "
        "reflections are opened by xrefl.open_reflections"
    )


def _names(document: CifDocument) -> str:
    names = [block.name for block in document]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _looks_like_pdb(head: bytes) -> bool:
    """Tell whether a file begins with a record of the PDB format, or has atoms in that format."""
    first = head.lstrip()[:6].decode("latin-1").upper()
    record = first.split("\n")[0].split("\r")[0].rstrip()
    return record in RECORDS or _PDB_LINE.search(head) is not None


def _what_it_is(head: bytes) -> str:
    if head.startswith(_MTZ):
        return "this is an MTZ file, which xrefl.open_mtz opens"
    if not head.strip():
        return "the file is empty"
    return f"the file begins with {head.lstrip()[:20]!r}, no record of the PDB format and no CIF"
