"""What helps with reflections: in Python, and on the command line."""

from __future__ import annotations

__all__ = ["OF_REFLECTIONS"]

OF_REFLECTIONS = (
    (
        r"drop or rename such variables, say with spec= what to write, or give them .*",
        "write an MTZ file, and convert it with xrefl mtz2cif and a --spec of what to write",
    ),
    (
        r"Bring both to one setting first, or, if .*: ds\.xtal\.assign_crystal\(\.\.\.\)",
        "Give files of the same crystal, or bring one to the axes of the other with xrefl reindex",
    ),
    (r"begins with b(['\"])", r"begins with \1"),
    (r": neither an MTZ file nor .*; it begins with ''$", ": the file is empty"),
    (
        r"(is no Zarr store); xrefl\.open_reflections opens files of reflections",
        r"\1, which is the one kind of folder that is read; give a file or a Zarr store",
    ),
    (
        r"; merge first, drop_duplicates\('hkl'\), or open the file as observations: merged=False",
        "; a file of merged reflections has each once. Take out all but one, or merge them",
    ),
    (r"xrefl\.open_ccp4 opens it, and the command xrefl map2sf", "xrefl map2sf"),
    (r"; read every row as an observation with kind='unmerged'", "; take out all but one row"),
    (
        r"; xrefl\.open_shelx_hkl reads it",
        "; xrefl merge merges it, and xrefl reindex IN OUT.mtz h,k,l writes it as it is",
    ),
    (r"which free_value= says marks", "which --free-value says marks"),
    (r"Say which with free_value=", "Say which with --free-value"),
    (r"\bfree_value=(?=-?\d)", "--free-value "),
    (r"give another one with block=", "give another one with --block"),
    (r"give n_sets=2 for flags of free and work", "--sets 2 makes flags of free and work"),
    (r"n_sets=2, for instance", "--sets 2, for instance"),
    (r"\bn_sets is\b", "--sets is"),
    (r"or give n_sets\b", "or give --sets"),
    (r"make (new ones|new flags) with \.xtal\.make_free_flags\(\)", r"make \1 with --replace"),
    (r" ?\(set attrs\['free_value'\] of the column\)", ""),
    (r"name one of them, column=\.\.\.", "name one of them with --column"),
    (
        r" has the dimensions .*?: it must be along 'hkl' and of .*; set attrs\['mtz_type'\].*",
        " is neither of intensities nor of amplitudes; name one that is with --column",
    ),
)
