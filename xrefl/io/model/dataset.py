"""The Dataset of an atomic model, the same for all formats."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.atoms import names_of
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.sites import NEAR, site_symmetry_order
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.crystal.tensor import COMPONENTS, components, tensor
from xrefl.errors import FormatWarning
from xrefl.io.model.frame import to_standard_frame

__all__ = ["LARGEST", "Model", "model_dataset"]

_ATTRS: dict[str, dict[str, Any]] = {
    "xyz": {"long_name": "Cartesian coordinates", "units": "Å"},
    "b_iso": {"long_name": "isotropic or equivalent displacement B = 8π²U", "units": "Å^2"},
    "u_aniso": {"long_name": "anisotropic displacement tensor U, Cartesian", "units": "Å^2"},
    "occupancy": {"long_name": "occupancy as in the file"},
    "occupancy_divisor": {
        "long_name": "what occupancy is divided by before a sum over all symmetry operations"
    },
    "site_symmetry_order": {"long_name": "number of operations that leave the atom in place"},
}
LARGEST = 1e9  # no coordinate, displacement or occupancy comes near
_ROUNDING = 0.0051  # of an occupancy in two decimals


@dataclass
class Model:
    """What a reader of a format has found.

    Attributes
    ----------
    source : str
        What messages call the file.
    source_format : str
        "PDB", "mmCIF" or "CIF".
    columns : dict of str to ndarray
        The variables along ``atom``; ``xyz`` and ``u_aniso`` have a second dimension.
    cell, spacegroup
        The crystal, None where unknown.
    fractionalization : tuple, optional
        Matrix, shift and place in the file, if the file gives the axes of its coordinates.
    stated_order : ndarray of int, optional
        Orders of site symmetry that the file gives, 0 where it does not.
    chemical_occupancy : bool
        Whether a fully occupied special position has the occupancy 1 (small molecules), or one
        divided by the order of its site symmetry (macromolecules).
    attrs, variables
        Further attributes, and variables along other dimensions.
    """

    source: str
    source_format: str
    columns: dict[str, NDArray[Any]]
    cell: UnitCell | None = None
    spacegroup: SpaceGroup | None = None
    fractionalization: tuple[NDArray[np.float64], NDArray[np.float64], str] | None = None
    stated_order: NDArray[np.integer[Any]] | None = None
    chemical_occupancy: bool = False
    attrs: dict[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)


def model_dataset(model: Model) -> xr.Dataset:
    """Return the Dataset that `open_model` describes."""
    attrs: dict[str, Any] = {}
    columns = dict(model.columns)
    if model.cell is not None:
        attrs["cell"] = list(model.cell.parameters)
        if model.spacegroup is not None:
            attrs["spacegroup"] = model.spacegroup.name
        if model.fractionalization is not None:
            turned = to_standard_frame(model.cell, *model.fractionalization)
            if turned is not None:
                attrs["frame"] = np.column_stack(turned).ravel().tolist()
                _turn(columns, *turned)
    attrs |= {key: value for key, value in model.attrs.items() if value not in (None, "")}
    attrs["source_format"] = model.source_format
    order = _site_symmetry_order(model, columns)
    columns["site_symmetry_order"] = order
    columns["occupancy_divisor"] = order if model.chemical_occupancy else np.ones_like(order)
    second = {"xyz": "axis", "u_aniso": "component"}
    data: dict[str, Any] = {
        name: (
            ("atom", second[name]) if name in second else "atom",
            values,
            _ATTRS.get(name, {}),
        )
        for name, values in columns.items()
    }
    coords = {"axis": ["x", "y", "z"], "component": list(COMPONENTS)}
    return xr.Dataset(data | dict(model.variables), coords=coords, attrs=attrs)


def _turn(
    columns: dict[str, NDArray[Any]], turn: NDArray[np.float64], move: NDArray[np.float64]
) -> None:
    columns["xyz"] = columns["xyz"] @ turn.T + move
    columns["u_aniso"] = components(turn @ tensor(columns["u_aniso"]) @ turn.T)


def _site_symmetry_order(model: Model, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.int16]:
    xyz, cell, group = columns["xyz"], model.cell, model.spacegroup
    if cell is None or group is None:
        return np.ones(len(xyz), np.int16)
    order = site_symmetry_order(xyz, cell, group)
    near = site_symmetry_order(xyz, cell, group, NEAR)
    if model.stated_order is not None:
        stated = model.stated_order
        # A program that refined a site on an element, or off it, knows better than distances.
        known = (stated > 0) & (stated <= near) & (near % np.maximum(stated, 1) == 0)
        known &= (stated >= order) | (stated == 1)
        wrong = np.flatnonzero((stated > 0) & ~known)
        if wrong.size:
            _warn(
                f"{model.source}: the site symmetry of {names_of(columns, wrong)} is given as "
                f"{stated[wrong[0]]}, but {order[wrong[0]]} operations leave the position in "
                "place; the latter is used"
            )
        order = np.where(known, stated, order).astype(np.int16)
        near = np.where(known & (stated > 1), order, near)
    _warn_of_overlaps(model, columns, order, near)
    return order


def _warn_of_overlaps(
    model: Model,
    columns: Mapping[str, NDArray[Any]],
    order: NDArray[np.int16],
    near: NDArray[np.int16],
) -> None:
    divisor = order if model.chemical_occupancy else np.ones_like(order)
    _warn_of_impossible(model, columns)
    over = np.flatnonzero(((columns["occupancy"] - _ROUNDING) * near > divisor) & (near > 1))
    if not over.size:
        return
    row = over[0]
    message = (
        f"{model.source}: {names_of(columns, over)} lie within {NEAR} Å of their own images, and "
        f"with them would be occupied {columns['occupancy'][row] * near[row] / divisor[row]:.3g} "
        "times; "
    )
    if model.chemical_occupancy:
        message += "taken for general positions"
    else:
        message += (
            "occupancies are taken to be divided by the order of the site symmetry, as the PDB "
            "has them. If these are not, use model.assign(occupancy_divisor=model."
            "site_symmetry_order)"
        )
    _warn(message)


def _warn_of_impossible(model: Model, columns: Mapping[str, NDArray[Any]]) -> None:
    occupancy = columns["occupancy"]
    wrong = np.flatnonzero((occupancy < 0) | (occupancy > 1 + _ROUNDING))
    if wrong.size:
        _warn(
            f"{model.source}: the occupancy of {names_of(columns, wrong)} is "
            f"{occupancy[wrong[0]]:g}, but should be between 0 and 1; read as it is"
        )


def _warn(message: str) -> None:
    warnings.warn(message, FormatWarning, stacklevel=5)
