"""SHELX files that a CIF carries within it, with the instruction that says how to read them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from xrefl.errors import FormatError, FormatWarning
from xrefl.io.cif.document import CifBlock, CifDocument
from xrefl.io.shelx.reflections import Reflections

__all__ = [
    "Embedded",
    "Instruction",
    "find_embedded",
    "has_embedded",
    "instruction",
    "transformed",
]

# SHELXL since 2013; its first versions that embedded files, and other programs, used the tags of
# IUCr journals.
_HKL = ("_shelx_hkl_file", "_iucr_refine_reflections_details")
_RES = ("_shelx_res_file", "_iucr_refine_instructions_details")
_CHECKSUM = "_shelx_hkl_checksum"

_WHOLE = 0.1


class Embedded(NamedTuple):
    """A SHELX file in a data block, what messages call it, and the block's name."""

    data: bytes
    name: str
    block: CifBlock


@dataclass(frozen=True, slots=True)
class Instruction:
    """``HKLF n s r11 ... r33`` of a SHELX instruction file.

    Attributes
    ----------
    code : int
        n, the kind of data.
    scale : float
        s, by which measurements and standard deviations are multiplied.
    matrix : tuple of 9 float
        r11 to r33: the indices of the crystal are h' = r11 h + r12 k + r13 l, and so on.
    """

    code: int = 4
    scale: float = 1.0
    matrix: tuple[float, ...] = field(default=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))

    @property
    def changes_indices(self) -> bool:
        return self.matrix != Instruction().matrix


def has_embedded(block: CifBlock) -> bool:
    """Tell whether a data block has the text of a SHELX file."""
    return block.text(*_HKL) is not None


def find_embedded(document: CifDocument, block: str | int | None) -> Embedded:
    """Return the SHELX file of a data block; by default of the only block that has one.

    Raises
    ------
    FormatError
        There is none, or there are several and no block was named.
    """
    if block is None:
        found = [one for one in document if has_embedded(one)]
        if len(found) > 1:
            raise FormatError(
                f"{document.name}: there are SHELX files in the blocks "
                f"{', '.join(one.name for one in found)}; choose one with block="
            )
    else:
        try:
            one = document[block]
        except (KeyError, IndexError):
            names = ", ".join(each.name for each in document)
            raise FormatError(
                f"{document.name}: there is no data block {block!r}; the file has {names}"
            ) from None
        found = [one] if has_embedded(one) else []
    if not found:
        where = document.name if block is None else f"{document.name}, block {block}"
        raise FormatError(
            f"{where}: there is no SHELX file in it (tag _shelx_hkl_file); "
            "xrefl.open_refln_cif reads tables of reflections"
        )
    chosen = found[0]
    tag = next(tag for tag in _HKL if chosen.text(tag) is not None)
    text = chosen.text(tag) or ""
    name = f"{chosen.where(tag)}, {tag}"
    if tag == _HKL[0]:
        _check(chosen, text, name)
    return Embedded(text.encode(), name, chosen)


def _check(block: CifBlock, text: str, name: str) -> None:
    """Warn if the checksum that SHELXL has left beside the text is of another one."""
    stated = block.number(_CHECKSUM)
    if stated is not None and stated != (found := _checksum(text)):
        warnings.warn(
            f"{name}: {_CHECKSUM} is {stated:.0f}, but that of the text is {found}; it was "
            "changed after SHELXL had written it",
            FormatWarning,
            stacklevel=4,
        )


def _checksum(text: str) -> int:
    """Return SHELXL's checksum, which leaves out blanks and line ends."""
    characters = np.frombuffer(text.encode(), np.uint8)
    total = int(characters[characters > ord(" ")].sum(dtype=np.int64))
    return (total % 714_025 * 1366 + 150_889) % 714_025 % 100_000


def instruction(block: CifBlock) -> Instruction:
    """Return the instruction HKLF of the block's refinement, ``HKLF 4`` where it has none.

    After the SHELXL manual: ``HKLF n[0] s[1] r11...r33[1 0 0 0 1 0 0 0 1]``, which ends the
    instructions; a line that ends with ``=`` goes on in the next.
    """
    tag = next((tag for tag in _RES if block.text(tag) is not None), None)
    if tag is None:
        return Instruction()
    lines = iter((block.text(tag) or "").splitlines())
    for line in lines:
        words = line.partition("!")[0].split()
        while words and words[-1].endswith("=") and words[0][:4].upper() == "HKLF":
            words[-1:] = [words[-1][:-1], *next(lines, "").partition("!")[0].split()]
        if words and words[0][:4].upper() == "HKLF":
            words[:1] = ["HKLF", words[0][4:]] if words[0][4:] else ["HKLF"]
            return _parsed([word for word in words[1:] if word], f"{block.where(tag)}, {tag}")
    return Instruction()


def _parsed(words: list[str], where: str) -> Instruction:
    try:
        numbers = [float(word) for word in words]
        code, scale = abs(int(words[0])), numbers[1] if len(numbers) > 1 else 1.0
        matrix = tuple(numbers[2:11]) or Instruction().matrix
        determinant = float(np.linalg.det(np.array(matrix).reshape(3, 3)))
    except (ValueError, IndexError, OverflowError):
        determinant = code = 0
        scale, matrix = 1.0, ()
    if not (np.isfinite(determinant) and determinant > 0 and np.isfinite(scale) and scale > 0):
        raise FormatError(
            f"{where}: 'HKLF {' '.join(words)}' should have a code, a positive scale, and no or "
            "nine numbers of a matrix with a positive determinant"
        )
    return Instruction(code, scale, matrix)


def transformed(reflections: Reflections, how: Instruction, name: str) -> Reflections:
    """Return reflections on the scale and with the indices that an instruction gives them.

    Reflections whose indices do not become whole numbers, as the ones that are absent when a
    centred lattice is described by a smaller cell, are left out with a `FormatWarning`.
    """
    hkl, batch = reflections.hkl, reflections.batch
    value, sigma = reflections.value, reflections.sigma
    if how.scale != 1.0:
        value, sigma = value * how.scale, sigma * how.scale
    if how.changes_indices:
        exact = np.array(how.matrix).reshape(3, 3) @ np.array(hkl, np.float64)
        whole = np.rint(exact)
        kept = (np.abs(exact - whole) < _WHOLE).all(axis=0)
        if np.abs(whole).max(initial=0) >= 2**31:
            raise FormatError(f"{name}: the matrix of HKLF makes indices that are out of range")
        hkl = [index.astype(np.int32) for index in whole]
        if not kept.all():
            first = int(np.argmin(kept))
            h, k, l = (int(index[first]) for index in reflections.hkl)
            warnings.warn(
                f"{name}: the matrix of HKLF makes {', '.join(f'{x:.3g}' for x in exact[:, first])}"
                f" of the reflection {h} {k} {l}; it and {int((~kept).sum()) - 1} more, whose "
                "indices are not whole, were left out",
                FormatWarning,
                stacklevel=3,
            )
            hkl = [index[kept] for index in hkl]
            value, sigma = value[kept], sigma[kept]
            batch = None if batch is None else batch[kept]
    return Reflections(hkl, value, sigma, batch)
