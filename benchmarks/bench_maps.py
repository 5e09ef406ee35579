"""Reciprocal grids and maps beside gemmi: python benchmarks/bench_maps.py."""

from __future__ import annotations

from functools import cache

import files
import gemmi
import timing

import xrefl

SIZE = (300, 360, 384)
DMIN = 1.5


@cache
def merged():
    return xrefl.open_mtz(files.merged()).load()


@cache
def gemmi_merged():
    return gemmi.read_mtz_file(str(files.merged()))


def half_grid():
    ds = merged()
    return lambda: ds.xtal.to_grid("FC", "PHIC", size=SIZE, half_l=True)


def gemmi_half_grid():
    mtz = gemmi_merged()
    return lambda: mtz.get_f_phi_on_grid("FC", "PHIC", SIZE, half_l=True)


def to_map():
    ds = merged()
    return lambda: ds.xtal.to_map("FC", "PHIC", exact_size=SIZE)


def gemmi_to_map():
    mtz = gemmi_merged()
    return lambda: mtz.transform_f_phi_to_map("FC", "PHIC", exact_size=SIZE)


def grid_to_map():
    grid = merged().xtal.to_grid("FC", "PHIC", size=SIZE, half_l=True)
    return lambda: grid.xtal.to_map()


def gemmi_grid_to_map():
    grid = gemmi_merged().get_f_phi_on_grid("FC", "PHIC", SIZE, half_l=True)
    return lambda: gemmi.transform_f_phi_grid_to_map(grid)


def map_to_reflections():
    rho = merged().xtal.to_map("FC", "PHIC", exact_size=SIZE)
    return lambda: rho.xtal.to_structure_factors(dmin=DMIN)


def gemmi_map_to_reflections():
    rho = gemmi_merged().transform_f_phi_to_map("FC", "PHIC", exact_size=SIZE)
    return lambda: gemmi.transform_map_to_f_phi(rho, half_l=True).prepare_asu_data(dmin=DMIN)


def symmetrize():
    rho = merged().xtal.to_map("FC", "PHIC", exact_size=SIZE)
    return lambda: rho.xtal.symmetrize(how="max")


def gemmi_symmetrize():
    rho = gemmi_merged().transform_f_phi_to_map("FC", "PHIC", exact_size=SIZE)
    return lambda: rho.symmetrize_max()


if __name__ == "__main__":
    size = " x ".join(map(str, SIZE))
    timing.table(
        "gemmi",
        [
            (f"766,631 reflections to half a grid {size}", half_grid, gemmi_half_grid, "2"),
            ("the same to a map", to_map, gemmi_to_map, "2"),
            ("half a grid to a map", grid_to_map, gemmi_grid_to_map, ""),
            ("map to reflections, 1.5 Å", map_to_reflections, gemmi_map_to_reflections, "1.7"),
            ("largest of symmetry mates in a map", symmetrize, gemmi_symmetrize, ""),
        ],
    )
