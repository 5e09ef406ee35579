"""The column types of the MTZ format: one letter each, and what it stands for.

Source: the CCP4 description of the MTZ format, section "Column types".
"""

from __future__ import annotations

__all__ = ["COLUMN_TYPES", "INTEGER_TYPES", "UNITS"]

COLUMN_TYPES = {
    "H": "Miller index",
    "J": "intensity",
    "F": "structure factor amplitude",
    "D": "anomalous difference",
    "Q": "standard deviation",
    "G": "structure factor amplitude of one Friedel mate",
    "L": "standard deviation of a Friedel mate's amplitude",
    "K": "intensity of one Friedel mate",
    "M": "standard deviation of a Friedel mate's intensity",
    "E": "normalised structure factor amplitude",
    "P": "phase",
    "W": "weight or figure of merit",
    "A": "Hendrickson-Lattman coefficient",
    "B": "batch number",
    "Y": "M/ISYM: partial flag and symmetry number",
    "I": "integer",
    "R": "real number",
}

INTEGER_TYPES = frozenset("HBYI")
"""Types whose values are whole numbers."""

UNITS = {"P": "degree"}
