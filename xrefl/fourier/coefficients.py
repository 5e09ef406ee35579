"""Columns of map coefficients, by the names that programs give them."""

from __future__ import annotations

import xarray as xr

from xrefl.errors import FormatError, MissingColumnError

__all__ = ["map_coefficients"]

_NAMES = {
    "2fofc": (("FWT", "PHWT"), ("2FOFCWT", "PH2FOFCWT"), ("pdbx_FWT", "pdbx_PHWT")),
    "fofc": (("DELFWT", "PHDELWT"), ("FOFCWT", "PHFOFCWT"), ("pdbx_DELFWT", "pdbx_DELPHWT")),
}
_SAME = {"2mfo-dfc": "2fofc", "mfo-dfc": "fofc"}


def map_coefficients(ds: xr.Dataset, kind: str) -> tuple[str, str]:
    """Return the labels of the amplitudes and phases of a map, as refinement programs write them.

    Parameters
    ----------
    ds : Dataset
        Reflections.
    kind : {"2fofc", "fofc"}
        Or "2mFo-DFc" and "mFo-DFc", which mean the same; in any case. Of 2mFo-DFc the columns are
        FWT and PHWT, 2FOFCWT and PH2FOFCWT, or pdbx_FWT and pdbx_PHWT. mFo-DFc: DELFWT
        and PHDELWT, FOFCWT and PHFOFCWT, or pdbx_DELFWT and pdbx_DELPHWT. The first pair that is
        there counts.

    Raises
    ------
    MissingColumnError
        There are none of these.
    FormatError
        The kind is not known.

    Examples
    --------
    >>> import xrefl
    >>> xrefl.tutorial.open("5wkd").xtal.map_coefficients("fofc")
    ('DELFWT', 'PHDELWT')
    """
    name = kind.lower() if isinstance(kind, str) else ""
    name = _SAME.get(name, name)
    if name not in _NAMES:
        raise FormatError(
            f"map coefficients are of kind '2fofc' (2mFo-DFc) or 'fofc' (mFo-DFc), not {kind!r}"
        )
    for f, phi in _NAMES[name]:
        if f in ds.data_vars and phi in ds.data_vars:
            return f, phi
    pairs = ", ".join(f"{f} and {phi}" for f, phi in _NAMES[name])
    raise MissingColumnError(
        f"no map coefficients {kind}: there is none of {pairs}; the columns are "
        f"{', '.join(map(str, ds.data_vars))}"
    )
