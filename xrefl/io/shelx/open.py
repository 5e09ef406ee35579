"""Open a SHELX hkl file as an xarray Dataset."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import FormatError, MillerIndexError
from xrefl.hkl.index import HKLIndex
from xrefl.io.shelx.reflections import Reflections, read_reflections
from xrefl.io.source import MemorySource, as_source, as_stream

if TYPE_CHECKING:
    from xrefl.io.cif.document import CifBlock

__all__ = ["open_shelx_hkl"]


class _Column(NamedTuple):
    name: str
    mtz_type: str
    long_name: str


_SQUARED = (
    _Column("F_squared_meas", "J", "measured squared amplitude"),
    _Column("F_squared_sigma", "Q", "standard deviation of measured squared amplitude"),
)
_COLUMNS = {
    3: (
        _Column("F_meas", "F", "measured amplitude"),
        _Column("F_sigma", "Q", "standard deviation of measured amplitude"),
    ),
    4: _SQUARED,
    5: _SQUARED,
}
"""The measurement and its standard deviation, by the code of HKLF."""


def open_shelx_hkl(
    path: str | os.PathLike[str] | bytes | IO[bytes],
    *,
    hklf: int | None = None,
    cell: UnitCell | Sequence[float] | None = None,
    spacegroup: SpaceGroup | str | int | None = None,
    wavelength: float | None = None,
    merged: bool = False,
    block: str | int | None = None,
) -> xr.Dataset:
    r"""Open a SHELX hkl file, by itself or in a CIF (``_shelx_hkl_file``).

    The lines have h, k, l, F² and its standard deviation (or F and its own), and perhaps a batch
    number, in the columns of SHELX (3I4, 2F8.2, I4; numbers may touch) or with blanks between
    them. Which it is is told from the content, the same for all lines: where numbers touch, or
    where a reading by white space gives other numbers, the columns count if every number of the
    line ends where its column does. Text that this does not decide is refused. The reflections end
    with the indices 0 0 0, or with the file; what follows is left out.

    In columns a number without a decimal point has its last two digits behind one, as in SHELX
    (Fortran's F8.2: ``20050`` is 200.50); this gives a warning, since other programs, cctbx among
    them, take it for 20050. gemmi does not read these files.

    Parameters
    ----------
    path : path, bytes or binary file object
        The file; gzip and CIF are recognised by their content.
    hklf : {4, 3, 5}, optional
        What the measurements are, as in the instruction HKLF: 4 for F², 3 for F, 5 for F² of
        twins, where the batch number is that of a twin component, negative if the next line adds
        to the same measurement. By default that of the instruction in the CIF, and otherwise 4,
        since the file itself does not tell.
    cell : UnitCell or six numbers, optional
        Å and degrees; by default what the CIF says.
    spacegroup : SpaceGroup, name or number, optional
        By default what the CIF says.
    wavelength : float, optional
        Å; by default what the CIF says.
    merged : bool, optional
        Whether every reflection is there only once, which gives the dimension ``hkl``.
    block : str or int, optional
        Name or number of the data block, where several blocks of a CIF have SHELX files.

    Returns
    -------
    xarray.Dataset
        ``F_squared_meas`` and ``F_squared_sigma``, or ``F_meas`` and ``F_sigma`` (float64), and
        ``batch_number`` (int32) if the file has some; along ``obs`` with the coordinates ``h``,
        ``k`` and ``l`` (int32), or along ``hkl`` with an `HKLIndex`. Scale and matrix of an
        instruction HKLF in the CIF are applied, which ``attrs["history"]`` says.

    Raises
    ------
    FormatError
        A line is not a reflection, lines cannot all be read in one way, there are none; or a
        reflection is there twice with ``merged=True``.

    Warns
    -----
    FormatWarning
        Numbers without a decimal point; lines that look like reflections behind the end; a blank
        line among reflections, where SHELX would end; columns that were not read; a checksum that
        does not fit; reflections that the matrix of HKLF gives no whole indices.

    Notes
    -----
    The format is that of the SHELXL manual, instruction HKLF
    (https://shelx.uni-goettingen.de/shelxl_html.php).

    Examples
    --------
    >>> import xrefl
    >>> text = b"   1   0   0 1234.56    0.74   1\n   1-100   0   20.05    0.70   1\n   0   0   0"
    >>> ds = xrefl.open_shelx_hkl(text + b"\n", cell=(5, 6, 7, 90, 90, 90), spacegroup="P m m m")
    >>> ds.k.values, ds.F_squared_meas.values, ds.batch_number.values
    (array([   0, -100], dtype=int32), array([1234.56,   20.05]), array([1, 1], dtype=int32))
    """
    if hklf is not None and hklf not in _COLUMNS:
        raise ValueError(f"hklf is {hklf!r}; it must be 3, 4 or 5")
    source = as_source(path)
    data = source.read(0, source.size)
    if _CIF.match(data):
        found = _of_cif(data, source.name, block, hklf)
    elif block is None:
        reflections = read_reflections(data, source.name)
        found = _Content(reflections, 4 if hklf is None else hklf, source.name)
    else:
        raise FormatError(f"{source.name}: not a CIF, so there is no block {block!r} in it")
    attrs = _attrs(found, cell, spacegroup, wavelength)
    dim = "hkl" if merged else "obs"
    coords = _merged(found, attrs) if merged else _unmerged(found)
    return xr.Dataset(_variables(found, dim), coords=coords, attrs=attrs)


_CIF = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:#|data_|global_|loop_|save_)", re.IGNORECASE)


@dataclass(slots=True)
class _Content:
    """Reflections, the code of HKLF that says what they are, and where they come from."""

    reflections: Reflections
    code: int
    name: str
    block: CifBlock | None = None
    history: list[str] = field(default_factory=list)


def _of_cif(data: bytes, name: str, block: str | int | None, hklf: int | None) -> _Content:
    from xrefl.io.cif.document import read_cif
    from xrefl.io.shelx import embedded

    text = embedded.find_embedded(read_cif(as_stream(MemorySource(data, name))), block)
    how = embedded.instruction(text.block)
    code = how.code if hklf is None else hklf
    if code not in _COLUMNS:
        raise FormatError(
            f"{text.name}: the refinement was done with HKLF {code}, which is not read; hklf=4 "
            "takes the lines for h, k, l, F², its standard deviation and a batch number all the "
            "same"
        )
    reflections = read_reflections(text.data, text.name, complete=True)
    history = []
    if how.scale != 1.0:
        history.append(f"measurements and standard deviations multiplied by {how.scale:g} (HKLF)")
    if how.changes_indices:
        matrix = " ".join(f"{number:g}" for number in how.matrix)
        history.append(f"indices transformed by the matrix {matrix} (HKLF)")
    if history:
        reflections = embedded.transformed(reflections, how, text.name)
    return _Content(reflections, code, text.name, text.block, history)


def _attrs(
    found: _Content,
    cell: UnitCell | Sequence[float] | None,
    spacegroup: SpaceGroup | str | int | None,
    wavelength: float | None,
) -> dict[str, Any]:
    """Return what is known of the crystal: what the caller says, or else what the CIF says."""
    from xrefl.io.cif.crystal import block_cell, block_spacegroup, block_wavelength

    attrs: dict[str, Any] = {}
    block = found.block
    if cell is not None:
        unit_cell = cell if isinstance(cell, UnitCell) else UnitCell.from_parameters(cell)
        attrs["cell"] = list(unit_cell.parameters)
    elif block is not None and (parameters := block_cell(block)) is not None:
        attrs["cell"] = list(parameters)
    if isinstance(spacegroup, SpaceGroup):
        attrs["spacegroup"] = spacegroup.name
    elif spacegroup is not None:
        attrs["spacegroup"] = SpaceGroup.from_name(spacegroup, attrs.get("cell")).name
    if wavelength is not None:
        attrs["wavelength"] = float(wavelength)
    if block is not None:
        attrs["block"] = block.name
        if spacegroup is None and (group := block_spacegroup(block, attrs.get("cell"))) is not None:
            attrs["spacegroup"] = group.name
        if wavelength is None and (one := block_wavelength(block)) is not None:
            attrs["wavelength"] = one
    return attrs | ({"history": found.history} if found.history else {})


def _variables(found: _Content, dim: str) -> dict[str, xr.Variable]:
    reflections = found.reflections
    value, sigma = _COLUMNS[found.code]
    columns: list[tuple[_Column, NDArray[Any]]] = [
        (value, reflections.value),
        (sigma, reflections.sigma),
    ]
    if reflections.batch is not None:
        meaning = "twin component" if found.code == 5 else "batch number"
        columns.append((_Column("batch_number", "B", meaning), reflections.batch))
    return {
        column.name: xr.Variable(
            (dim,), values, {"mtz_type": column.mtz_type, "long_name": column.long_name}
        )
        for column, values in columns
    }


_INDEX = {"mtz_type": "H", "long_name": "Miller index"}


def _unmerged(found: _Content) -> xr.Coordinates:
    indices = zip("hkl", found.reflections.hkl, strict=True)
    return xr.Coordinates(
        {name: xr.Variable(("obs",), index, _INDEX) for name, index in indices}, indexes={}
    )


def _merged(found: _Content, attrs: dict[str, Any]) -> xr.Coordinates:
    h, k, l = found.reflections.hkl
    try:
        index = HKLIndex.from_miller(
            h, k, l, cell=attrs.get("cell"), spacegroup=attrs.get("spacegroup")
        )
    except MillerIndexError as error:
        raise FormatError(
            f"{found.name}: {error}; open it with merged=False, which is what measurements that "
            "are not merged need"
        ) from None
    coords = index.coordinates()
    for name in "hkl":
        coords[name].attrs.update(_INDEX)
    return coords
