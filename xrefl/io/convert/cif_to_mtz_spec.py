"""What to make of the columns of a CIF reflection table in an MTZ file: a list of lines.

A line is ``tag label type dataset [code=number,...]``: the tag without its category, the label
and the one-letter type of the MTZ column, its data set (0 for the base, 1 for the data), and, for
text, the number that each code becomes. Several lines may make the same label: the first one
counts whose tag is there with values. A word that starts with ``#`` begins a
comment.

The labels are those of CCP4's program cif2mtz, and of Phenix for amplitudes with solvent; tags
are those of the PDBx/mmCIF dictionary and, without ``_au``, of the core CIF dictionary.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NoReturn

from xrefl.errors import FormatError
from xrefl.hkl.datasets import DATASET_COORDS
from xrefl.io.convert.spec_lines import spec_lines
from xrefl.io.mtz.column_types import COLUMN_TYPES
from xrefl.io.mtz.header import BATCH_COORDS

__all__ = [
    "DEFAULT_MERGED",
    "DEFAULT_UNMERGED",
    "SpecLine",
    "default_spec",
    "parse_spec",
    "quantity",
]

DEFAULT_MERGED = """\
# tag                           label       type  data set  codes

pdbx_r_free_flag                FreeR_flag  I     0
status                          FreeR_flag  I     0         o=1,f=0

intensity_meas                  I           J     1
F_squared_meas                  I           J     1
intensity_sigma                 SIGI        Q     1
F_squared_sigma                 SIGI        Q     1
intensity_u                     SIGI        Q     1
pdbx_I_plus                     I(+)        K     1
pdbx_I_plus_sigma               SIGI(+)     M     1
pdbx_I_minus                    I(-)        K     1
pdbx_I_minus_sigma              SIGI(-)     M     1

F_meas_au                       FP          F     1
F_meas                          FP          F     1
F_meas_sigma_au                 SIGFP       Q     1
F_meas_sigma                    SIGFP       Q     1
F_sigma                         SIGFP       Q     1
pdbx_F_plus                     F(+)        G     1
pdbx_F_plus_sigma               SIGF(+)     L     1
pdbx_F_minus                    F(-)        G     1
pdbx_F_minus_sigma              SIGF(-)     L     1
pdbx_anom_difference            DP          D     1
pdbx_anom_difference_sigma      SIGDP       Q     1

F_calc_au                       FC          F     1
F_calc                          FC          F     1
phase_calc                      PHIC        P     1
F_squared_calc                  IC          J     1
intensity_calc                  IC          J     1
pdbx_F_calc_with_solvent        F-model     F     1
pdbx_phase_calc_with_solvent    PHIF-model  P     1
pdbx_F_calc_part_solvent        FPART       F     1
pdbx_phase_calc_part_solvent    PHIPART     P     1

phase_meas                      PHIB        P     1
fom                             FOM         W     1
weight                          FOM         W     1
pdbx_HL_A_iso                   HLA         A     1
pdbx_HL_B_iso                   HLB         A     1
pdbx_HL_C_iso                   HLC         A     1
pdbx_HL_D_iso                   HLD         A     1
pdbx_FWT                        FWT         F     1
pdbx_PHWT                       PHWT        P     1
pdbx_DELFWT                     DELFWT      F     1
pdbx_DELPHWT                    PHDELWT     P     1
"""

DEFAULT_UNMERGED = """\
# H, K and L of the asymmetric unit, M/ISYM and BATCH are made of index_h, index_k, index_l,
# pdbx_image_id and diffrn_id.

# tag             label  type  data set  codes

intensity_meas    I      J     0
intensity_net     I      J     0
F_squared_meas    I      J     0
intensity_sigma   SIGI   Q     0
intensity_u       SIGI   Q     0
F_squared_sigma   SIGI   Q     0
pdbx_detector_x   XDET   R     0
pdbx_detector_y   YDET   R     0
pdbx_scan_angle   ROT    R     0
"""

_LABEL = re.compile(r"[!-~]{1,30}")
_MADE = ("H", "K", "L", "M/ISYM", "BATCH")
# Names of coordinates in a Dataset, which its columns cannot have.
_TAKEN = frozenset({"h", "k", "l", "hkl", "obs", *DATASET_COORDS, *BATCH_COORDS})


@dataclass(frozen=True, slots=True)
class SpecLine:
    """One line.

    Attributes
    ----------
    tag : str
        Without its category.
    label, type : str
        Of the MTZ column.
    dataset : int
        0, the base, or 1.
    codes : dict of str to float
        What texts become; empty for columns of numbers.
    where : str
        Name and number of the line, for messages.
    """

    tag: str
    label: str
    type: str
    dataset: int
    codes: dict[str, float] = field(default_factory=dict)
    where: str = ""


def quantity(tag: str) -> str:
    """Return what a value and its standard deviation have in common, as "F_squared" or "F_au".

    Examples
    --------
    >>> quantity("F_squared_sigma") == quantity("F_squared_meas")
    True
    >>> quantity("F_meas_au") == quantity("F_sigma")  # another scale
    False
    """
    bare = tag.lower().removesuffix("_au")
    scale = "_au" if tag.lower() != bare else ""
    bare = bare.removesuffix("_sigma").removesuffix("_u")
    return bare.removesuffix("_meas").removesuffix("_net") + scale


def default_spec(*, merged: bool) -> list[SpecLine]:
    """Return the lines that are used where none are given."""
    return parse_spec(DEFAULT_MERGED if merged else DEFAULT_UNMERGED, name="default spec")


def parse_spec(
    spec: str | os.PathLike[str] | Sequence[str], *, name: str | None = None
) -> list[SpecLine]:
    """Return the lines of a spec.

    Parameters
    ----------
    spec : path, str or sequence of str
        Path of a file, its text (which contains a line break), or its lines.
    name : str, optional
        What error messages call it; by default the path, or "spec".

    Raises
    ------
    FormatError
        A line is not understood; the message has its number.

    Examples
    --------
    >>> parse_spec(["status FreeR_flag I 0 o=1,f=0"])[0].codes
    {'o': 1.0, 'f': 0.0}
    """
    texts, source = spec_lines(spec, "cif2mtz")
    name = name or source
    lines = [
        _line(words, f"{name}, line {number}")
        for number, text in enumerate(texts, 1)
        if (words := list(takewhile(lambda word: not word.startswith("#"), text.split())))
    ]
    if not lines:
        raise FormatError(f"{name}: no lines; give at least one, such as 'F_meas_au FP F 1'")
    return lines


def _line(words: list[str], where: str) -> SpecLine:
    if len(words) not in (4, 5):
        _refuse(where, f"{' '.join(words)!r} has {len(words)} words")
    tag, label, kind, dataset = words[:4]
    if tag.startswith("_"):
        _refuse(where, f"the tag {tag!r} has its category, which is left out")
    if kind not in COLUMN_TYPES or kind in "HYB":
        allowed = " ".join(letter for letter in COLUMN_TYPES if letter not in "HYB")
        _refuse(where, f"the type is {kind!r}, but must be one of {allowed}")
    if not _LABEL.fullmatch(label):
        _refuse(where, f"the label {label!r} is not of at most 30 printable ASCII characters")
    if label in _MADE:
        _refuse(where, f"the column {label} is made by the conversion itself")
    if label in _TAKEN:
        _refuse(where, f"the label {label!r} has another meaning in xrefl; choose another")
    if dataset not in ("0", "1"):
        _refuse(where, f"the data set is {dataset!r}, but must be 0 (base) or 1")
    codes = _codes(words[4], where) if len(words) == 5 else {}
    return SpecLine(tag, label, kind, int(dataset), codes, where)


def _codes(text: str, where: str) -> dict[str, float]:
    codes: dict[str, float] = {}
    for item in text.split(","):
        code, equals, number = item.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.inf
        if not (code and equals) or math.isinf(value):
            _refuse(where, f"the code {item!r} is not of the form code=number")
        if code in codes:
            _refuse(where, f"the code {code!r} is there twice")
        codes[code] = value
    return codes


def _refuse(where: str, what: str) -> NoReturn:
    raise FormatError(
        f"{where}: {what}; a line is 'tag label type dataset [code=number,...]', such as "
        "'status FreeR_flag I 0 o=1,f=0'"
    )
