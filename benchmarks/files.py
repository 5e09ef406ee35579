"""Generated files of the sizes at which times are compared.

P 21 21 21, cell 150 170 190 Å, to 1.5 Å: 766,631 merged reflections with 11 columns (34 MB);
4,000,000 observations with 13 columns in 1800 batches (208 MB). As SF-mmCIF the same merged
reflections (48 MB) and 2,000,000 observations with 10 columns (93 MB). A SHELX file of 1,000,000
lines (33 MB), and a PDB file of 100,000 atoms (8 MB). They are made once, in the folder
``xrefl-benchmarks`` of the system's folder for temporary files.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import xrefl

CELL = (150.0, 170.0, 190.0, 90.0, 90.0, 90.0)
GROUP = "P 21 21 21"
FOLDER = Path(tempfile.gettempdir()) / "xrefl-benchmarks"
OBSERVATIONS, BATCHES = 4_000_000, 1800


def merged() -> Path:
    """Return the merged file."""
    path = FOLDER / "merged.mtz"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        rng = np.random.default_rng(1)
        h, k, l = xrefl.miller_indices(CELL, GROUP, 1.5).T
        index = xrefl.HKLIndex.from_miller(h, k, l, cell=CELL, spacegroup=GROUP)
        types = {"FP": "F", "SIGFP": "Q", "I": "J", "SIGI": "Q", "FC": "F", "PHIC": "P", "FOM": "W"}
        variables = {"FREE": ("hkl", rng.integers(0, 20, len(h)), {"mtz_type": "I"})}
        missing = rng.random(len(h)) < 0.02
        for name, kind in types.items():
            values = rng.gamma(2, 50, len(h)).astype(np.float32)
            values[missing] = np.nan
            variables[name] = ("hkl", values, {"mtz_type": kind})
        xr.Dataset(variables, coords=index.coordinates()).xtal.to_mtz(path)
    return path


def unmerged() -> Path:
    """Return the unmerged file."""
    path = FOLDER / "unmerged.mtz"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        rng = np.random.default_rng(2)
        hkl = xrefl.miller_indices(CELL, GROUP, 1.5)
        hkl = hkl[np.sort(rng.integers(0, len(hkl), OBSERVATIONS))]
        columns = {
            "M/ISYM": ("Y", rng.integers(1, 9, OBSERVATIONS)),
            "BATCH": ("B", rng.integers(1, BATCHES + 1, OBSERVATIONS)),
        }
        for name, kind in {"I": "J", "SIGI": "Q"}.items():
            columns[name] = (kind, rng.gamma(2, 50, OBSERVATIONS))
        for name in ("FRACTIONCALC", "XDET", "YDET", "ROT", "LP"):
            columns[name] = ("R", rng.gamma(2, 50, OBSERVATIONS))
        columns["FLAG"] = ("I", np.zeros(OBSERVATIONS))
        start = np.arange(BATCHES) * 0.1
        ds = xr.Dataset(
            {name: ("obs", values, {"mtz_type": kind}) for name, (kind, values) in columns.items()},
            coords={
                "h": ("obs", hkl[:, 0]),
                "k": ("obs", hkl[:, 1]),
                "l": ("obs", hkl[:, 2]),
                "batch": np.arange(1, BATCHES + 1),
                "batch_title": ("batch", [f"Batch {i + 1}" for i in range(BATCHES)]),
                "batch_axes": ("batch", ["PHI"] * BATCHES),
                "batch_dataset_id": ("batch", np.ones(BATCHES, np.int32)),
                "batch_phi_start": ("batch", start),
                "batch_phi_end": ("batch", start + 0.1),
            },
            attrs={"cell": list(CELL), "spacegroup": GROUP},
        )
        ds.xtal.to_mtz(path)
    return path


def merged_cif() -> Path:
    """Return the merged file as SF-mmCIF, 11 columns with ? where values are missing."""
    path = FOLDER / "merged-sf.cif"
    if not path.exists():
        names = {
            "FREE": "pdbx_r_free_flag", "FP": "F_meas_au", "SIGFP": "F_meas_sigma_au",
            "I": "intensity_meas", "SIGI": "intensity_sigma", "FC": "F_calc_au",
            "PHIC": "phase_calc", "FOM": "fom",
        }  # fmt: skip
        ds = xrefl.open_mtz(merged()).load()
        columns = {f"index_{name}": ds[name].values for name in "hkl"}
        columns |= {names[name]: column.values for name, column in ds.data_vars.items()}
        _write_cif(path, "_refln.", columns, "%.3f")
    return path


def unmerged_cif() -> Path:
    """Return observations as SF-mmCIF."""
    path = FOLDER / "unmerged-sf.cif"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        rng = np.random.default_rng(3)
        hkl = xrefl.miller_indices(CELL, GROUP, 1.5)
        count = 2_000_000
        hkl = hkl[np.sort(rng.integers(0, len(hkl), count))]
        columns = {"diffrn_id": np.ones(count, int), "wavelength_id": np.ones(count, int)}
        columns["id"] = np.arange(1, count + 1)
        columns |= {f"index_{name}": hkl[:, i] for i, name in enumerate("hkl")}
        columns["intensity_net"] = rng.normal(100, 200, count)
        columns["intensity_sigma"] = rng.gamma(2, 10, count)
        columns["pdbx_image_id"] = rng.integers(1, BATCHES + 1, count)
        columns["pdbx_scan_angle"] = columns["pdbx_image_id"] * 0.1
        _write_cif(path, "_diffrn_refln.", columns, "%.3f")
    return path


def _write_cif(path: Path, category: str, columns: dict[str, np.ndarray], form: str) -> None:
    cell = zip(("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"),
               CELL, strict=True)  # fmt: skip
    head = ["data_xrefl", "_entry.id xrefl", *(f"_cell.{name} {value}" for name, value in cell)]
    head += [f"_symmetry.space_group_name_H-M '{GROUP}'"]
    head += ["_diffrn_radiation_wavelength.id 1", "_diffrn_radiation_wavelength.wavelength 0.97918"]
    head += ["loop_", *(category + name for name in columns)]
    with path.with_suffix(".part").open("w") as stream:
        stream.write("\n".join(head) + "\n")
        pd.DataFrame(columns).to_csv(
            stream, sep=" ", header=False, index=False, na_rep="?", float_format=form
        )
        stream.write("#\n")
    path.with_suffix(".part").rename(path)


def shelx() -> Path:
    """Return a SHELX file, HKLF 4 in fixed columns."""
    path = FOLDER / "shelx.hkl"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        rng = np.random.default_rng(4)
        count = 1_000_000
        hkl = rng.integers(-99, 100, (count, 3))
        hkl[~hkl.any(axis=1)] = 1
        rows = zip(
            *hkl.T.tolist(),
            rng.gamma(2, 500, count).tolist(),
            rng.gamma(2, 5, count).tolist(),
            strict=True,
        )
        text = "".join(f"{h:4}{k:4}{l:4}{i:8.2f}{s:8.2f}   1\n" for h, k, l, i, s in rows)
        path.write_text(text + "   0   0   0    0.00    0.00   0\n")
    return path


def model() -> Path:
    """Return a PDB file of residues with 8 atoms each in five chains."""
    path = FOLDER / "model.pdb"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        rng = np.random.default_rng(5)
        names = ("N", "CA", "C", "O", "CB", "CG", "CD1", "CD2")
        a, b, c, *angles = CELL
        lines = [f"CRYST1{a:9.3f}{b:9.3f}{c:9.3f}" + "{:7.2f}{:7.2f}{:7.2f}".format(*angles)
                 + f" {GROUP:11s}{4:4d}"]  # fmt: skip
        xyz = rng.uniform(0, 150, (100_000, 3)).tolist()
        for number, (x, y, z) in enumerate(xyz):
            residue, atom = divmod(number, len(names))
            chain, place = divmod(residue, 2500)
            serial = str(number + 1) if number < 99_999 else "A0000"  # hybrid-36
            lines.append(
                f"ATOM  {serial:>5s}  {names[atom]:<3s} LEU {'ABCDE'[chain]}{place + 1:4d}    "
                f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00{20 + atom:6.2f}          {names[atom][0]:>2s}"
            )
        path.write_text("\n".join([*lines, "END", ""]))
    return path
