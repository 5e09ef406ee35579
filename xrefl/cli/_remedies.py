"""Errors of the package in the words of the command line."""

from __future__ import annotations

import re

from xrefl.cli._merging_remedies import OF_MERGING
from xrefl.cli._reflection_remedies import OF_REFLECTIONS

__all__ = ["on_command_line"]

# What helps in Python, and the option that does the same; or what to do where there is none.
_REMEDIES = (
    (r"use wavelength=\.\.\., in Å", "add --wavelength, in Å"),
    (r"leave wavelength out", "leave --wavelength out"),
    (r"source='(\w+)'", r"--source \1"),
    (r"choose one, addends=\{.*\}", "use --source cromer_liberman"),
    (r"blur='auto'", "--blur auto"),
    (
        r"sum over atoms with \.xtal\.structure_factors\(method='direct'\)",
        "sum over atoms with --method direct",
    ),
    (r": lower dmin", ": lower --dmin"),
    (r"leave use_charge out", "leave --use-charge out"),
    (r"use_charge was asked for, and", "--use-charge was given, but"),
    (
        r" If they do belong together, give one that of the other, \.xtal\.assign_crystal\(.*?\)",
        " Give files of the same crystal",
    ),
    (
        r": open the CIF with xrefl\.open_refln_cif, add them with "
        r"\.xtal\.assign_crystal\(.*?\), and give the Dataset to xrefl\.cif_to_mtz",
        ": add them to the CIF, as _cell.length_a and _symmetry.space_group_name_H-M are",
    ),
    (
        r"build it with xrefl\.restore\(ds\), or with \.xtal\.assign_crystal\(.*?\)",
        "add unit cell and space group to the file",
    ),
    (
        r": a Dataset has it in attrs\['\w+'\], merged data in their index as well; "
        r"set it with \.xtal\.assign_crystal\(.*?\)",
        ": add it to the file",
    ),
    (r", model\.isel\(atom=\.\.\.\)", " of the file"),
    (r"Check the space group, or assign the cell .*? spacegroup=\.\.\.\)", "Check --spacegroup"),
    (r"which xrefl\.open_model reads", "which xrefl sfcalc reads"),
    (r"an MTZ file, which xrefl\.open_mtz opens", "an MTZ file, no model"),
    (r"; open_model reads PDB and CIF", "; give a model as PDB or CIF"),
    (
        r"; reflections are opened by xrefl\.open_reflections",
        "; give a model, if this is a file of reflections",
    ),
    (
        r"^\[Errno \d+\] (No space left on device)$",
        r"the output could not be written: \1; make room, or send it elsewhere",
    ),
    *OF_MERGING,
    *OF_REFLECTIONS,
)


def on_command_line(message: str) -> str:
    """Return a message whose remedies are options rather than Python.

    Examples
    --------
    >>> on_command_line("use at most 12.5, or blur='auto'")
    'use at most 12.5, or --blur auto'
    """
    for pattern, option in _REMEDIES:
        message = re.sub(pattern, option, message)
    return message
