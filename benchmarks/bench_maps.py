"""Reciprocal grids and maps beside gemmi, and beside scipy.fft: python benchmarks/bench_maps.py.

The last rows tell how near the transforms are to those of scipy.fft, which knows nothing of where
structure factors are zero, or not wanted.
"""

from __future__ import annotations

from functools import cache

import files
import gemmi
import timing
from scipy import fft

import xrefl
from xrefl.fourier.size import largest_indices
from xrefl.fourier.transform import analysis, synthesis

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


def half_sphere():
    return merged().xtal.to_grid("FC", "PHIC", size=SIZE, half_l=True).values


def on_copies(function):
    """Return a call of a function that overwrites its argument, which is copied beforehand."""
    values, copies = half_sphere(), []

    def run():
        return function(copies.pop())

    run.prepare = lambda: copies.append(values.copy())
    return run


def synthesis_alone():
    limits = largest_indices(merged())
    return on_copies(lambda half: synthesis(half, SIZE[2], limits))


def scipy_synthesis():
    return on_copies(lambda half: fft.irfftn(half, SIZE, overwrite_x=True, workers=2))


def analysis_alone():
    rho = merged().xtal.to_map("FC", "PHIC", exact_size=SIZE).values
    limits = largest_indices(merged())
    return lambda: analysis(rho, limits, 1.0)


def scipy_analysis():
    rho = merged().xtal.to_map("FC", "PHIC", exact_size=SIZE).values
    return lambda: fft.rfftn(rho, workers=2)


def in_chunks():
    ds = merged()
    return lambda: ds.xtal.to_map("FC", "PHIC", exact_size=SIZE, chunks={"z": 96}).compute()


def back_in_chunks():
    rho = merged().xtal.to_map("FC", "PHIC", exact_size=SIZE).chunk(z=96)
    return lambda: rho.xtal.to_structure_factors(dmin=DMIN).compute()


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
    timing.table(
        "scipy",
        [
            ("half a grid to a map, transform alone", synthesis_alone, scipy_synthesis, ""),
            ("map to structure factors to 1.5 Å, alone", analysis_alone, scipy_analysis, ""),
        ],
    )
    timing.table(
        "gemmi",
        [
            ("reflections to a map in 4 chunks", in_chunks, gemmi_to_map, ""),
            ("map in 4 chunks to reflections", back_in_chunks, gemmi_map_to_reflections, ""),
        ],
    )
