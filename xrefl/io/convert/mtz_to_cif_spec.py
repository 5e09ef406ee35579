r"""What to make of the columns of an MTZ file in a CIF file: a list of lines.

A line is ``[FLAG] COLUMN TYPE TAG [FORMAT]``. COLUMN is the label, or several with ``|`` between
them, of which the first counts that the file has with this type; ``SIG{prev}`` is SIG and the
label that the line before has found. TYPE is the letter of the MTZ type, or ``*`` for any; TAG is
without its category. FORMAT is one of C's printf for numbers (``%.3f``, ``%8.2f``, ``.5g``, with
``_`` for the flag space); without it numbers lose nothing. FORMAT ``S`` makes the codes o, f and x
of ``status`` from free flags.

FLAG ``?``: the line is ignored if the file has no such column. FLAG ``&``: the same, and also
ignored if the line before was. Without a flag the column must be there.

Instead of a column and its type a line may have ``$counter`` (1, 2, ... for the rows),
``$dataset`` (id of the data set of an observation), ``$image`` (its image number), ``$.`` and
``$?`` (no value), or ``$=`` and any text without spaces. ``#`` begins a comment.

The default tags are those that the PDB and programs such as those of CCP4 and Phenix use for the
columns; their meaning is that in the PDBx/mmCIF dictionary.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from xrefl.errors import FormatError
from xrefl.io.cif.format import Printf
from xrefl.io.convert.spec_lines import spec_lines
from xrefl.io.mtz.column_types import COLUMN_TYPES

__all__ = ["DEFAULT_MERGED", "DEFAULT_UNMERGED", "Spec", "SpecLine", "default_spec", "parse_spec"]

Spec: TypeAlias = str | os.PathLike[str] | Sequence[str]

DEFAULT_MERGED = """\
# flag and column                                  type  tag

  H                                                H     index_h
  K                                                H     index_k
  L                                                H     index_l
? FREE|RFREE|FREER|FreeR_flag|R-free-flags|FreeRflag|RfreeFlag  I  status  S
& FREE|RFREE|FREER|FreeR_flag|R-free-flags|FreeRflag|RfreeFlag  I  pdbx_r_free_flag
? IMEAN|I|IOBS|I-obs                               J     intensity_meas
& SIG{prev}                                        Q     intensity_sigma
? I(+)|IOBS(+)|I-obs(+)|Iplus|IPLUS                K     pdbx_I_plus
& SIG{prev}                                        M     pdbx_I_plus_sigma
? I(-)|IOBS(-)|I-obs(-)|Iminus|IMINUS              K     pdbx_I_minus
& SIG{prev}                                        M     pdbx_I_minus_sigma
? F|FP|FOBS|F-obs                                  F     F_meas_au
& SIG{prev}                                        Q     F_meas_sigma_au
? F(+)|FOBS(+)|F-obs(+)|Fplus|FPLUS                G     pdbx_F_plus
& SIG{prev}                                        L     pdbx_F_plus_sigma
? F(-)|FOBS(-)|F-obs(-)|Fminus|FMINUS              G     pdbx_F_minus
& SIG{prev}                                        L     pdbx_F_minus_sigma
? DP|D|DANO                                        D     pdbx_anom_difference
& SIG{prev}                                        Q     pdbx_anom_difference_sigma
? FC|FCALC                                         F     F_calc_au
& PHIC|PHICALC                                     P     phase_calc
? FC_ALL|F-model                                   F     pdbx_F_calc_with_solvent
& PHIC_ALL|PHIF-model                              P     pdbx_phase_calc_with_solvent
? FPART                                            F     pdbx_F_calc_part_solvent
& PHIPART|PHPART                                   P     pdbx_phase_calc_part_solvent
? PHIB                                             P     phase_meas
? FOM                                              W     fom
? HLA                                              A     pdbx_HL_A_iso
? HLB                                              A     pdbx_HL_B_iso
? HLC                                              A     pdbx_HL_C_iso
? HLD                                              A     pdbx_HL_D_iso
? FWT|2FOFCWT                                      F     pdbx_FWT
& PHWT|PH2FOFCWT                                   P     pdbx_PHWT
? DELFWT|FOFCWT                                    F     pdbx_DELFWT
& PHDELWT|DELPHWT|PHFOFCWT                         P     pdbx_DELPHWT
"""

DEFAULT_UNMERGED = """\
# Indices are the original ones if the file has a column M/ISYM.

# flag and column  type  tag

  $dataset               diffrn_id
  $counter               id
  H                H     index_h
  K                H     index_k
  L                H     index_l
? I|IOBS|I-obs     J     intensity_net
& SIG{prev}        Q     intensity_sigma
? ROT              R     pdbx_scan_angle
? XDET             R     pdbx_detector_x
? YDET             R     pdbx_detector_y
? $image                 pdbx_image_id
"""

_COMMENT = re.compile(r"(?:^|\s)#")  # elsewhere # may be part of a label or a flag of a format
_SPECIAL = ("$counter", "$dataset", "$image", "$.", "$?")


@dataclass(frozen=True, slots=True)
class SpecLine:
    """One line.

    Attributes
    ----------
    flag : str
        ``?``, ``&`` or nothing.
    labels : tuple of str
        Of MTZ columns; one beginning with ``$`` stands for itself.
    type : str
        One letter, or ``*``.
    tag : str
        Without its category.
    form : Printf, optional
        How to write numbers.
    status : bool
        Whether free flags become the codes of ``status``.
    where : str
        Name and number of the line, for messages.
    """

    flag: str
    labels: tuple[str, ...]
    type: str
    tag: str
    form: Printf | None = None
    status: bool = False
    where: str = ""

    @property
    def special(self) -> str:
        """What stands in the place of a column: ``$counter`` or the like, or nothing."""
        return self.labels[0] if self.labels[0].startswith("$") else ""


def default_spec(*, merged: bool) -> list[SpecLine]:
    """Return the lines that are used where none are given."""
    return parse_spec(DEFAULT_MERGED if merged else DEFAULT_UNMERGED, name="default spec")


def parse_spec(spec: Spec, *, name: str | None = None) -> list[SpecLine]:
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
    >>> line = parse_spec(["? F|FP F F_meas_au %.2f"])[0]
    >>> line.labels, line.tag, line.form.python
    (('F', 'FP'), 'F_meas_au', '%.2f')
    """
    texts, source = spec_lines(spec, "mtz2cif")
    name = name or source
    lines = [
        _line(words, f"{name}, line {number}")
        for number, text in enumerate(texts, 1)
        if (words := _COMMENT.split(text)[0].split())
    ]
    if not lines:
        raise FormatError(f"{name}: no lines; give at least one, such as 'FP F F_meas_au'")
    return lines


def _line(words: list[str], where: str) -> SpecLine:
    flag = words[0][0] if words[0][0] in "?&" else ""
    rest = [words[0][1:], *words[1:]] if flag else words
    rest = [word for word in rest if word]
    if not rest:
        _refuse(where, f"{words[0]!r} stands alone")
    if rest[0].startswith("$"):
        return _special(flag, rest, where)
    if len(rest) not in (3, 4):
        _refuse(where, f"{' '.join(words)!r} has {len(rest)} words beside the flag")
    labels, kind, tag = tuple(rest[0].split("|")), rest[1], rest[2]
    if not all(labels):
        _refuse(where, f"a label in {rest[0]!r} is empty")
    if kind not in (*COLUMN_TYPES, "*"):
        _refuse(where, f"the type is {kind!r}, but must be one of {' '.join(COLUMN_TYPES)} or *")
    _check_tag(tag, where)
    form = rest[3] if len(rest) == 4 else None
    status = form == "S"
    return SpecLine(flag, labels, kind, tag, None if status else _form(form, where), status, where)


def _special(flag: str, words: list[str], where: str) -> SpecLine:
    if words[0] not in _SPECIAL and not (words[0].startswith("$=") and words[0][2:]):
        _refuse(where, f"{words[0]!r} is none of {', '.join(_SPECIAL)} and $=TEXT")
    if len(words) not in (2, 3):
        _refuse(where, f"{words[0]} is followed by a tag and, perhaps, a format")
    _check_tag(words[1], where)
    form = _form(words[2] if len(words) == 3 else None, where)
    if form is not None and words[0] not in _SPECIAL[:3]:
        _refuse(where, f"{words[0]} is text, which takes no format")
    return SpecLine(flag, (words[0],), "*", words[1], form, where=where)


def _check_tag(tag: str, where: str) -> None:
    if tag.startswith("_"):
        _refuse(where, f"the tag {tag!r} has its category, which is left out")
    if not (tag.isascii() and tag.isprintable()):
        _refuse(where, f"the tag {tag!r} is not of printable ASCII characters")


def _form(text: str | None, where: str) -> Printf | None:
    if text is None:
        return None
    try:
        return Printf.parse(text)
    except ValueError as error:
        _refuse(where, f"the format {error}")


def _refuse(where: str, what: str) -> NoReturn:
    raise FormatError(
        f"{where}: {what}; a line is '[? or &] COLUMN TYPE TAG [FORMAT]', such as "
        "'? F|FP F F_meas_au %.2f'"
    )
