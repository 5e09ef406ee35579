"""Crystallographic reflection data as labeled xarray Datasets.

Importing the package registers the ``.xtal`` accessor on Datasets, DataArrays and DataFrames.
Names below load their module on first use.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xrefl import errors as errors
    from xrefl import plot as plot
    from xrefl import tutorial as tutorial
    from xrefl.crystal.cell import UnitCell as UnitCell
    from xrefl.crystal.generate import count_reflections as count_reflections
    from xrefl.crystal.generate import miller_indices as miller_indices
    from xrefl.crystal.op import Op as Op
    from xrefl.crystal.spacegroup import SpaceGroup as SpaceGroup
    from xrefl.hkl.concat import concat_observations as concat_observations
    from xrefl.hkl.index import HKLIndex as HKLIndex
    from xrefl.hkl.restore import restore as restore
    from xrefl.io.ccp4.open import open_ccp4 as open_ccp4
    from xrefl.io.cif.document import read_cif as read_cif
    from xrefl.io.convert.cif_to_mtz import cif_to_mtz as cif_to_mtz
    from xrefl.io.convert.mtz_to_cif import mtz_to_cif as mtz_to_cif
    from xrefl.io.model.open import open_model as open_model
    from xrefl.io.mtz.open import open_mtz as open_mtz
    from xrefl.io.reflections import open_reflections as open_reflections
    from xrefl.io.refln_cif.open import open_refln_cif as open_refln_cif
    from xrefl.io.refln_cif.write import to_refln_cif as to_refln_cif
    from xrefl.io.shelx.open import open_shelx_hkl as open_shelx_hkl
    from xrefl.io.store.open import open_zarr as open_zarr
    from xrefl.io.store.parquet_open import open_parquet as open_parquet
    from xrefl.merging.error_model import ErrorModel as ErrorModel
    from xrefl.merging.resolution_estimate import resolution_estimate as resolution_estimate
    from xrefl.merging.statistics_table import statistics_table as statistics_table
    from xrefl.scaling.result import ScalingResult as ScalingResult
    from xrefl.scaling.scale import scale as scale
    from xrefl.scattering.anomalous import HC as HC
    from xrefl.scattering.anomalous import cromer_liberman as cromer_liberman
    from xrefl.scattering.form_factor import FormFactor as FormFactor
    from xrefl.scattering.form_factor import form_factor as form_factor
    from xrefl.sets.ambiguity import resolve_ambiguity as resolve_ambiguity
    from xrefl.sets.concat import concat as concat
    from xrefl.sets.operators import reindexing_operators as reindexing_operators
    from xrefl.sets.reindex import reindex_sets as reindex_sets
    from xrefl.simulation.noise import Noise as Noise
    from xrefl.simulation.unmerged import simulate_unmerged as simulate_unmerged
    from xrefl.statistics.shells import Shells as Shells

__version__ = "0.1.0"

_HOME = {
    "ErrorModel": "xrefl.merging.error_model",
    "FormFactor": "xrefl.scattering.form_factor",
    "HC": "xrefl.scattering.anomalous",
    "HKLIndex": "xrefl.hkl.index",
    "Noise": "xrefl.simulation.noise",
    "Op": "xrefl.crystal.op",
    "ScalingResult": "xrefl.scaling.result",
    "Shells": "xrefl.statistics.shells",
    "SpaceGroup": "xrefl.crystal.spacegroup",
    "UnitCell": "xrefl.crystal.cell",
    "cif_to_mtz": "xrefl.io.convert.cif_to_mtz",
    "concat": "xrefl.sets.concat",
    "concat_observations": "xrefl.hkl.concat",
    "count_reflections": "xrefl.crystal.generate",
    "cromer_liberman": "xrefl.scattering.anomalous",
    "form_factor": "xrefl.scattering.form_factor",
    "miller_indices": "xrefl.crystal.generate",
    "mtz_to_cif": "xrefl.io.convert.mtz_to_cif",
    "open_ccp4": "xrefl.io.ccp4.open",
    "open_model": "xrefl.io.model.open",
    "open_mtz": "xrefl.io.mtz.open",
    "open_parquet": "xrefl.io.store.parquet_open",
    "open_reflections": "xrefl.io.reflections",
    "open_refln_cif": "xrefl.io.refln_cif.open",
    "open_shelx_hkl": "xrefl.io.shelx.open",
    "open_zarr": "xrefl.io.store.open",
    "read_cif": "xrefl.io.cif.document",
    "reindex_sets": "xrefl.sets.reindex",
    "reindexing_operators": "xrefl.sets.operators",
    "resolve_ambiguity": "xrefl.sets.ambiguity",
    "resolution_estimate": "xrefl.merging.resolution_estimate",
    "restore": "xrefl.hkl.restore",
    "scale": "xrefl.scaling.scale",
    "simulate_unmerged": "xrefl.simulation.unmerged",
    "statistics_table": "xrefl.merging.statistics_table",
    "to_refln_cif": "xrefl.io.refln_cif.write",
}
_MODULES = ("errors", "plot", "tutorial")

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"xrefl.{name}")
    raise AttributeError(f"module 'xrefl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# The `xrefl` command must answer --help before xarray has loaded; its subcommands call
# functions, not accessors. Everywhere else the accessors are there once xrefl is imported.
if PurePath(sys.argv[0] if getattr(sys, "argv", None) else "").stem != "xrefl":
    importlib.import_module("xrefl.accessors")
