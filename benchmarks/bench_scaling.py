"""Scale and bulk solvent of 100,000 reflections: python benchmarks/bench_scaling.py."""

from __future__ import annotations

import gemmi
import numpy as np
import timing
import xarray as xr

import xrefl

CELL, GROUP, DMIN = (70, 80, 100, 90, 90, 90), "P 21 21 21", 1.45


def _data():
    rng = np.random.default_rng(1)
    cell = xrefl.UnitCell(*CELL)
    hkl = xrefl.miller_indices(cell, GROUP, DMIN)
    s2 = cell.inv_d2(hkl)

    def random(size, b):
        parts = rng.normal(size=(2, len(hkl)))
        return size * np.exp(-b * s2 / 4) * (parts[0] + 1j * parts[1])

    f_calc = random(300, 20)
    f_mask = random(800, 60) - 0.3 * f_calc
    f_obs = abs(f_calc + 0.38 * np.exp(-50 * s2 / 4) * f_mask) * 0.7 * np.exp(-s2)
    f_obs = abs(f_obs * (1 + 0.05 * rng.normal(size=len(hkl))))
    return hkl, f_obs.astype(np.float32), f_calc.astype(np.complex64), f_mask.astype(np.complex64)


def _columns():
    hkl, *values = _data()
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=CELL, spacegroup=GROUP)
    return [xr.DataArray(one, index.coordinates(), ("hkl",)) for one in values]


def fit():
    f_obs, f_calc, f_mask = _columns()
    return lambda: xrefl.scale(f_obs, None, f_calc, f_mask)


def _gemmi(with_f_total):
    hkl, f_obs, f_calc, f_mask = _data()
    cell, group = gemmi.UnitCell(*CELL), gemmi.SpaceGroup(GROUP)
    calc, mask = (gemmi.ComplexAsuData(cell, group, hkl, one) for one in (f_calc, f_mask))
    values = np.stack([f_obs, np.ones_like(f_obs)], axis=1)
    obs = gemmi.ValueSigmaAsuData(cell, group, hkl, values)

    def run():
        scaling = gemmi.Scaling(cell, group)
        scaling.use_solvent = True
        scaling.prepare_points(calc, obs, mask)
        scaling.fit_isotropic_b_approximately()
        scaling.fit_parameters()
        scaling.calculate_r_factor()
        if with_f_total:
            total = calc.copy()
            scaling.scale_data(total, mask)
            return total
        return scaling

    return run


def gemmi_fit():
    return _gemmi(False)


def total():
    f_obs, f_calc, f_mask = _columns()
    return lambda: xrefl.scale(f_obs, None, f_calc, f_mask).f_total


def gemmi_total():
    return _gemmi(True)


def robust():
    f_obs, f_calc, f_mask = _columns()
    return lambda: xrefl.scale(f_obs, None, f_calc, f_mask, loss="soft_l1")


def shells():
    f_obs, f_calc, f_mask = _columns()
    return lambda: xrefl.scale(f_obs, None, f_calc, f_mask, solvent="shells")


def main():
    timing.table(
        "gemmi",
        [
            ("full fit", fit, gemmi_fit, "1"),
            ("full fit and F_total", total, gemmi_total, ""),
            ("soft_l1 (gemmi: least squares)", robust, gemmi_fit, ""),
            ("k_mask at nodes (gemmi: exponential)", shells, gemmi_fit, ""),
        ],
    )


if __name__ == "__main__":
    main()
