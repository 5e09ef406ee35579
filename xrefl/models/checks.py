"""What functions of models need to be there."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import CrystalError, MissingColumnError

__all__ = ["finite", "require_model"]


def require_model(model: xr.Dataset, *needed: str) -> None:
    """Refuse what is no atomic model, has no atoms or several models.

    Parameters
    ----------
    model : Dataset
    *needed : str
        Variables that must be there.

    Raises
    ------
    CrystalError
        There is no dimension ``atom``, nothing along it, or more than one model.
    MissingColumnError
        A variable is not there.
    """
    if "atom" not in model.dims:
        raise CrystalError(
            f"expected an atomic model (dimension 'atom'), found dimensions {tuple(model.dims)}; "
            "xrefl.open_model opens one"
        )
    for name in needed:
        if name not in model.variables:
            raise MissingColumnError(
                f"the model has no variable {name!r}; xrefl.open_model gives all that are needed, "
                f"{', '.join(needed)}"
            )
    if model.sizes["atom"] == 0:
        raise CrystalError("the model has no atoms; select some, or open another file")
    if "model" in model.variables:
        numbers = np.unique(model["model"].values)
        if numbers.size > 1:
            raise CrystalError(
                f"there are {numbers.size} models ({numbers[0]}, {numbers[1]}, ...), which would "
                "all count at once; choose one: "
                f"model.isel(atom=(model.model == {numbers[0]}).values)"
            )


def finite(model: xr.Dataset, name: str) -> NDArray[np.float64]:
    """Return numbers of atoms, all of which must be there.

    Raises
    ------
    CrystalError
        One is missing or infinite.
    """
    values: NDArray[np.float64] = model[name].transpose("atom", ...).values.astype(np.float64)
    lost = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if lost.size:
        raise CrystalError(
            f"{name} of {lost.size} of {len(values)} atoms is not a number, the first of them "
            f"atom {lost[0]}: give one, or leave the atoms out, model.isel(atom=...)"
        )
    return values
