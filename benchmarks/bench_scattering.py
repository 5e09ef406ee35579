"""Scattering of atoms and models beside gemmi: python benchmarks/bench_scattering.py."""

from __future__ import annotations

import gemmi
import numpy as np
import timing

import xrefl

ELEMENTS = range(3, 93)
SCAN = np.linspace(12500, 12900, 1000)


def elements_at_one_energy():
    z = np.array(ELEMENTS)
    return lambda: xrefl.cromer_liberman(z, 12000.0)


def gemmi_elements_at_one_energy():
    return lambda: [gemmi.cromer_liberman(z, 12000.0) for z in ELEMENTS]


def scan_of_an_edge():
    return lambda: xrefl.cromer_liberman("Se", SCAN)


def gemmi_scan_of_an_edge():
    return lambda: [gemmi.cromer_liberman(34, energy) for energy in SCAN]


if __name__ == "__main__":
    timing.table(
        "gemmi",
        [
            (
                "f' and f'' of 90 elements at one energy",
                elements_at_one_energy,
                gemmi_elements_at_one_energy,
                "below 1 ms",
            ),
            (
                "f' and f'' of Se at 1000 energies",
                scan_of_an_edge,
                gemmi_scan_of_an_edge,
                "1.0",
            ),
        ],
    )
