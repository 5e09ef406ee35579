"""Under which tags the variables of a Dataset are written."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator

import xarray as xr

from xrefl.errors import FormatError
from xrefl.hkl.crystal import reflection_dim
from xrefl.io.refln_cif.tags import INDEX_TAGS, tag_info
from xrefl.io.refln_cif.write_rows import LoopColumn

__all__ = [
    "CATEGORIES",
    "check_columns",
    "index_columns",
    "is_ddl1",
    "known_tag",
    "needs_point",
    "own_tag",
    "tag_columns",
]

CATEGORIES = {
    ("hkl", False): "_refln.",
    ("obs", False): "_diffrn_refln.",
    ("hkl", True): "_refln_",
    ("obs", True): "_diffrn_refln_",
}
"""Category of the tags, by dimension and by whether they are those of the core dictionary."""

_TAG = re.compile(r"_[!-~]*[!-\-/-~]")  # no category alone: the last letter is no point


def is_ddl1(ds: xr.Dataset) -> bool:
    """Tell whether a Dataset comes from a file with tags of the core CIF dictionary."""
    tags = [str(variable.attrs.get("cif_tag", "")).lower() for variable in ds.variables.values()]
    return any(tag.startswith(("_refln_", "_diffrn_refln_")) for tag in tags)


def own_tag(name: Hashable, variable: xr.Variable) -> str | None:
    """Return ``attrs["cif_tag"]`` if it is that of this variable, without its category.

    Arithmetic carries attrs on to its results. The tag of a variable is one that the variable is
    named after, as the reader does it.

    Raises
    ------
    FormatError
        It cannot be a tag.
    """
    tag = str(variable.attrs.get("cif_tag", ""))
    if not tag:
        return None
    category = next(
        (
            one
            for one in CATEGORIES.values()
            if tag.lower().startswith(one) and (one.endswith(".") or "." not in tag)
        ),
        "_",
    )
    bare = tag[len(category) :]
    if not _TAG.fullmatch(tag) or not bare:
        raise FormatError(
            f"variable {name!r}: attrs['cif_tag'] is {tag!r}, but a tag is an underscore and "
            "printable ASCII characters without spaces, such as '_refln.F_meas_au'"
        )
    # Names that are taken have their category before them; those that are there twice are tags.
    names = {bare, tag, *(f"{one[1:-1]}_{bare}" for one in CATEGORIES.values())}
    if str(name) not in names:
        return None
    return bare if category != "_" else tag


def known_tag(name: Hashable, variable: xr.Variable) -> str | None:
    """Return the tag of a variable, without its category if that is one of reflections.

    A name that the dictionaries know counts before ``attrs["cif_tag"]``.
    """
    tag = own_tag(name, variable)
    return str(name) if tag_info(str(name)) is not None else tag


def needs_point(tag: str) -> bool:
    """Tell whether floats that are whole numbers need ".0" to be read as real numbers.

    Where the dictionaries know a tag, it is they who say what its values are.
    """
    info = tag_info(tag)
    return info is None or info.kind == "text"


def index_columns(ds: xr.Dataset, *, ddl1: bool) -> list[LoopColumn]:
    """Return the columns of Miller indices."""
    category = CATEGORIES[reflection_dim(ds), ddl1]
    return [
        LoopColumn(category + tag, (ds.variables[name],))
        for name, tag in zip("hkl", INDEX_TAGS, strict=True)
    ]


def tag_columns(ds: xr.Dataset, names: Iterable[Hashable], *, ddl1: bool) -> Iterator[LoopColumn]:
    """Yield a column for each variable that has a tag.

    Raises
    ------
    FormatError
        The outcome of a comparison would be written as a measured or calculated number.
    """
    category = CATEGORIES[reflection_dim(ds), ddl1]
    for name in names:
        variable = ds.variables[name]
        tag = known_tag(name, variable)
        assert tag is not None
        info = tag_info(tag)
        if variable.dtype.kind == "b" and info is not None and info.kind == "number":
            raise FormatError(
                f"variable {name!r} is true or false, but {tag} is the tag of a number "
                f"({info.long_name}); rename it, or make it numbers with .astype(float)"
            )
        full = tag if tag.startswith("_") else category + tag
        yield LoopColumn(full, (variable,), real=needs_point(tag))


def check_columns(ds: xr.Dataset) -> None:
    """See that every variable has one real number or text for each row.

    Raises
    ------
    FormatError
        A variable has other dimensions or values, or a column has become a coordinate.
    """
    dim = reflection_dim(ds)
    for name, coord in ds.coords.items():
        if name not in ("h", "k", "l") and not {"mtz_type", "cif_tag"}.isdisjoint(coord.attrs):
            raise FormatError(
                f"the column {name!r} has become a coordinate and would not be written; call "
                f".reset_coords({name!r}) first, after .drop_indexes if it has an index"
            )
    for name, variable in ds.data_vars.items():
        if variable.dims != (dim,):
            raise FormatError(
                f"variable {name!r} has the dimensions {variable.dims}, but a column of a loop has "
                f"one value for each row ({dim!r}); drop it or select from it first"
            )
        if variable.dtype.kind not in "fiubUOT":
            raise FormatError(
                f"variable {name!r} is of dtype {variable.dtype}, but a CIF file holds real "
                "numbers and text; convert or drop it first"
            )
