"""Quantities of 766,631 reflections, beside gemmi: python benchmarks/bench_crystal.py."""

from __future__ import annotations

import files
import gemmi
import numpy as np
import timing

import xrefl

CELL = xrefl.UnitCell(*files.CELL)
GROUP = xrefl.SpaceGroup(files.GROUP)
GEMMI_CELL = gemmi.UnitCell(*files.CELL)
GEMMI_GROUP = gemmi.SpaceGroup(files.GROUP)
GEMMI_OPERATIONS = GEMMI_GROUP.operations()
HIGH = 1.5


def _columns():
    hkl = xrefl.miller_indices(CELL, GROUP, HIGH)
    return tuple(np.ascontiguousarray(hkl[:, i]) for i in range(3))


def _rows():
    return np.ascontiguousarray(xrefl.miller_indices(CELL, GROUP, HIGH))


def inv_d2():
    hkl = _columns()
    return lambda: CELL.inv_d2(hkl)


def gemmi_inv_d2():
    hkl = _rows()
    return lambda: GEMMI_CELL.calculate_1_d2_array(hkl)


def d():
    hkl = _columns()
    return lambda: CELL.d(hkl)


def gemmi_d():
    hkl = _rows()
    return lambda: GEMMI_CELL.calculate_d_array(hkl)


def centric():
    hkl = _columns()
    return lambda: GROUP.centric(hkl)


def gemmi_centric():
    hkl = _rows()
    return lambda: GEMMI_OPERATIONS.centric_flag_array(hkl)


def epsilon():
    hkl = _columns()
    return lambda: GROUP.epsilon(hkl)


def gemmi_epsilon():
    hkl = _rows()
    return lambda: GEMMI_OPERATIONS.epsilon_factor_array(hkl)


def absent():
    hkl = _columns()
    return lambda: GROUP.absent(hkl)


def gemmi_absent():
    hkl = _rows()
    return lambda: GEMMI_OPERATIONS.systematic_absences(hkl)


def generate():
    return lambda: xrefl.miller_indices(CELL, GROUP, HIGH)


def gemmi_generate():
    return lambda: gemmi.make_miller_array(GEMMI_CELL, GEMMI_GROUP, HIGH)


def count():
    return lambda: xrefl.count_reflections(CELL, GROUP, HIGH)


def gemmi_count():
    return lambda: gemmi.count_reflections(GEMMI_CELL, GEMMI_GROUP, HIGH)


def accessor_d():
    import xarray as xr

    ds = xr.open_dataset(files.merged(), engine="mtz")
    return lambda: ds.xtal.d()


COMPARISONS = (
    ("1/d²", inv_d2, gemmi_inv_d2, ""),
    ("d", d, gemmi_d, "2"),
    ("`ds.xtal.d()`, labels and all", accessor_d, gemmi_d, ""),
    ("centric", centric, gemmi_centric, "2"),
    ("epsilon", epsilon, gemmi_epsilon, "2"),
    ("absent", absent, gemmi_absent, "2"),
    ("miller_indices", generate, gemmi_generate, "2"),
    ("count_reflections", count, gemmi_count, ""),
)


if __name__ == "__main__":
    timing.table("gemmi", COMPARISONS)
