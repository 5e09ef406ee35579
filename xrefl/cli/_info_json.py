"""What is in a file, for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xrefl.cli._progress import progress

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["show_json", "show_map_json"]


def show_json(path: Path, ds: xr.Dataset, *, quiet: bool) -> None:
    """Print crystal, data sets, batches and columns of reflections; null is what is not known."""
    from xrefl.hkl.crystal import is_merged, reflection_dim
    from xrefl.hkl.datasets import datasets_of
    from xrefl.hkl.reflections import resolution
    from xrefl.hkl.summary import column_summary

    count = ds.sizes[reflection_dim(ds)]
    with progress("reading", quiet=quiet):
        limits = resolution(ds) if count and "cell" in ds.attrs else None
        summary = column_summary(ds)
    batches = {} if "batch" not in ds.coords else _batches(ds)
    _print(
        {
            "file": str(path),
            **_crystal(ds),
            "title": ds.attrs.get("title"),
            "wavelength": ds.attrs.get("wavelength"),
            "merged": is_merged(ds),
            "rows": count,
            "resolution": None if limits is None else list(limits),
            "history": list(ds.attrs.get("history", ())),
            "datasets": [
                {
                    "id": one.id,
                    "project": one.project,
                    "crystal": one.crystal,
                    "name": one.name,
                    "cell": one.cell,
                    "wavelength": one.wavelength,
                }
                for one in datasets_of(ds)
            ],
            **batches,
            "columns": [
                {"label": label, **row}
                for label, row in zip(
                    map(str, summary.index), summary.to_dict("records"), strict=True
                )
            ],
        }
    )


def show_map_json(path: Path, rho: xr.DataArray) -> None:
    """Print crystal, points and statistics of a map."""
    from xrefl.fourier.coverage import placement
    from xrefl.fourier.statistics import statistics

    place = placement(rho)
    _print(
        {
            "file": str(path),
            **_crystal(rho),
            "points": list(place.size),
            "start": list(place.start),
            "grid": list(place.grid),
            "statistics": {name: value.item() for name, value in statistics(rho).compute().items()},
            "labels": list(rho.attrs.get("labels", ())),
        }
    )


def _crystal(obj: xr.Dataset | xr.DataArray) -> dict[str, Any]:
    from xrefl.crystal.spacegroup import SpaceGroup

    name = obj.attrs.get("spacegroup")
    return {
        "cell": obj.attrs.get("cell"),
        "spacegroup": name,
        "spacegroup_number": None if name is None else SpaceGroup(name).number,
    }


def _batches(ds: xr.Dataset) -> dict[str, Any]:
    names = ("batch", "batch_phi_start", "batch_phi_end")
    return {"batches": {name: ds[name].values.tolist() for name in names if name in ds.coords}}


def _print(content: Any) -> None:
    print(json.dumps(_plain(content), indent=1, ensure_ascii=False))


def _plain(value: Any) -> Any:
    """Return what JSON holds: NaN, which it does not, is null."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and value != value else value
