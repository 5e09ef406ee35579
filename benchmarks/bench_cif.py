"""The CIF family and its neighbours, beside gemmi: python benchmarks/bench_cif.py [memory]."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import files
import gemmi
import timing

import xrefl

OUTPUT_CIF = files.FOLDER / "written.cif"
OUTPUT_MTZ = files.FOLDER / "written.mtz"
HKL = {"index_h", "index_k", "index_l"}


def read_merged():
    path = files.merged_cif()
    return lambda: xrefl.open_refln_cif(path).load()


def gemmi_read_merged():
    path = str(files.merged_cif())
    return lambda: gemmi_arrays(path, HKL | {"pdbx_r_free_flag"})


def gemmi_arrays(path, whole):
    (block,) = gemmi.as_refln_blocks(gemmi.cif.read(path))
    return [
        block.make_int_array(label, -1) if label in whole else block.make_float_array(label)
        for label in block.column_labels()
    ]


def open_unmerged():
    path = files.unmerged_cif()
    return lambda: xrefl.open_refln_cif(path, chunks={})


def read_unmerged():
    path = files.unmerged_cif()
    return lambda: xrefl.open_refln_cif(path).load()


def compute_unmerged():
    path = files.unmerged_cif()
    return lambda: xrefl.open_refln_cif(path, chunks={}).compute()


def gemmi_open_unmerged():
    path = str(files.unmerged_cif())
    return lambda: gemmi.as_refln_blocks(gemmi.cif.read(path))


def gemmi_read_unmerged():
    path = str(files.unmerged_cif())
    return lambda: gemmi_arrays(path, HKL | {"id", "pdbx_image_id", "diffrn_id", "wavelength_id"})


def mtz_to_cif():
    path = files.merged()
    return lambda: xrefl.mtz_to_cif(path, OUTPUT_CIF)


def gemmi_mtz_to_cif():
    path = str(files.merged())

    def convert():
        mtz = gemmi.read_mtz_file(path)
        OUTPUT_CIF.write_text(gemmi.MtzToCif().write_cif_to_string(mtz))

    return convert


def cif_to_mtz():
    path = files.merged_cif()
    return lambda: xrefl.cif_to_mtz(path, OUTPUT_MTZ)


def gemmi_cif_to_mtz():
    path = str(files.merged_cif())

    def convert():
        (block,) = gemmi.as_refln_blocks(gemmi.cif.read(path))
        gemmi.CifToMtz().convert_block_to_mtz(block).write_to_file(str(OUTPUT_MTZ))

    return convert


def read_document():
    path = files.merged_cif()
    return lambda: xrefl.read_cif(path)


def gemmi_read_document():
    path = str(files.merged_cif())
    return lambda: gemmi.cif.read(path)


def read_model():
    path = files.model()
    return lambda: xrefl.open_model(path).load()


def gemmi_read_model():
    path = str(files.model())
    return lambda: gemmi.read_pdb(path)


COMPARISONS = (
    ("SF-mmCIF to numbers, 766,631 x 11", read_merged, gemmi_read_merged, "6"),
    ("MTZ to SF-mmCIF, 766,631 x 11", mtz_to_cif, gemmi_mtz_to_cif, "1.5"),
    ("SF-mmCIF to MTZ", cif_to_mtz, gemmi_cif_to_mtz, ""),
    ("SF-mmCIF as a document", read_document, gemmi_read_document, ""),
    ("open unmerged SF-mmCIF, 2,000,000 x 10, lazily", open_unmerged, gemmi_open_unmerged, ""),
    ("unmerged SF-mmCIF to numbers", read_unmerged, gemmi_read_unmerged, ""),
    ("unmerged SF-mmCIF to numbers, dask", compute_unmerged, gemmi_read_unmerged, ""),
    ("PDB model, 100,000 atoms", read_model, gemmi_read_model, ""),
)


def peak(name: str) -> tuple[int, int]:
    """Return the bytes that a case needs at its peak and those of the arrays that it returns.

    What the process had after imports, and after a small file that makes the kernels compile,
    is taken off.
    """
    small = files.FOLDER / "small-sf.cif"
    if not small.exists():
        lines = files.merged_cif().read_text().splitlines(keepends=True)
        small.write_text("".join(lines[:20_000]))
    case = globals()[name]
    large, files.merged_cif = files.merged_cif, lambda: small
    case()()
    files.merged_cif = large
    function = case()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = function()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = sum(array.nbytes for array in result) if isinstance(result, list) else result.nbytes
    return 1024 * (after - before), size


def memory() -> None:
    """Print the peak memory of reading, each time in a process of its own."""
    print("| | peak memory | arrays | peak / arrays | goal |\n|---|---|---|---|---|")
    for name, title, goal in (("read_merged", "xrefl", "3"), ("gemmi_read_merged", "gemmi", "")):
        command = [sys.executable, __file__, name]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        most, arrays = json.loads(output)
        print(
            f"| SF-mmCIF to numbers, {title} | {most / 1e6:.0f} MB | {arrays / 1e6:.0f} MB | "
            f"{most / arrays:.1f} | {goal} |",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] != "memory":
        sys.path.insert(0, str(Path(__file__).parent))
        print(json.dumps(peak(sys.argv[1])))
    else:
        if len(sys.argv) == 1:
            timing.table("gemmi", COMPARISONS)
            print()
        memory()
