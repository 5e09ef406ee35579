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
    (r"; xrefl\.open_reflections opens files of reflections", ""),
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
