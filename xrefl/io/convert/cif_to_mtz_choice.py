"""Which lines of a spec count for the columns of a CIF table, and what numbers they make."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError, FormatWarning
from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.crystal import is_merged
from xrefl.io.convert.cif_to_mtz_spec import SpecLine, default_spec, quantity

__all__ = ["choose_lines", "numbers"]

# Columns that no one misses in an MTZ file: they label rows and groups, or follow from the
# indices and the crystal.
_NOT_MISSED = frozenset(
    {
        "id",
        "crystal_id",
        "wavelength_id",
        "scale_group_code",
        "diffrn_id",
        "pdbx_image_id",
        "class_code",
        "standard_code",
        "status",
        "observed_status",
        "include_status",
        "refinement_status",
        "d_spacing",
        "sint_over_lambda",
        "sint/lambda",
        "symmetry_epsilon",
        "symmetry_multiplicity",
    }
)


def choose_lines(
    ds: xr.Dataset, names: Mapping[str, Hashable], spec: Sequence[SpecLine] | None
) -> list[SpecLine]:
    """Return the line that counts for each label, in the order of the labels.

    Parameters
    ----------
    ds : Dataset
        Reflections as `xrefl.open_refln_cif` gives them.
    names : mapping
        Names of variables by their lower case.
    spec : sequence of SpecLine or None
        None for the default spec.

    Raises
    ------
    FormatError
        No tag of the spec is in the table.

    Warns
    -----
    FormatWarning
        A column or a line is left out, has no values, or does not go with the others.
    """
    lines = default_spec(merged=is_merged(ds)) if spec is None else spec
    by_label: dict[str, list[SpecLine]] = {}
    for line in lines:
        if line.tag.lower() in names:
            by_label.setdefault(line.label, []).append(line)
    chosen: dict[str, SpecLine] = {}
    # Standard deviations come last, since they depend on which values are chosen.
    for label in sorted(by_label, key=lambda one: one.startswith("SIG")):
        candidates = by_label[label]
        value = chosen.get(label.removeprefix("SIG")) if label.startswith("SIG") else None
        if value is not None:
            candidates = sorted(candidates, key=lambda one: not _belongs(one, value))
        line = candidates[0]
        # Values are read only where something depends on whether there are any.
        if len(candidates) > 1 or line.codes:
            full = next((one for one in candidates if _has_values(ds, names, one)), None)
            if full is None and line.codes:
                _warn_of_codes(ds, line)
            line = full or line
        chosen[label] = line
        if value is not None and not _belongs(line, value):
            _warn_of_sigma(line, value, lines)
    if not chosen:
        found = ", ".join(map(str, names.values())) or "only indices"
        raise FormatError(
            f"none of the tags of the spec is in the table, which has {found}; give a spec that "
            "names some of these"
        )
    if spec is None:
        _warn_of_left_out(ds, names, list(chosen.values()))
    else:
        _warn_of_absent(names, spec, default_spec(merged=is_merged(ds)))
    return [chosen[label] for label in by_label]


def _belongs(sigma: SpecLine, value: SpecLine) -> bool:
    return quantity(sigma.tag) == quantity(value.tag)


def _warn_of_sigma(sigma: SpecLine, value: SpecLine, lines: Sequence[SpecLine]) -> None:
    if sum(one.label in (sigma.label, value.label) for one in lines) <= 2:
        return  # who names one line for each wants just these
    warnings.warn(
        f"{value.label} is {value.tag}, but {sigma.label} is {sigma.tag}, the standard deviation "
        "of another quantity: there is none of the same; leave it out with a spec of your own",
        FormatWarning,
        stacklevel=5,
    )


def _has_values(ds: xr.Dataset, names: Mapping[str, Hashable], line: SpecLine) -> bool:
    column = ds[names[line.tag.lower()]].variable
    return any(
        not np.isnan(numbers(values, line)).all()
        for (values,) in row_blocks([column], column.shape[0])
    )


def _warn_of_codes(ds: xr.Dataset, line: SpecLine) -> None:
    warnings.warn(
        f"{line.where}: no row has one of the codes {', '.join(line.codes)} in {line.tag}, so that "
        f"the column {line.label} has no values; give a spec with the codes that are in the file",
        FormatWarning,
        stacklevel=5,
    )


def _warn_of_left_out(
    ds: xr.Dataset, names: Mapping[str, Hashable], chosen: Sequence[SpecLine]
) -> None:
    settled = _NOT_MISSED.union(line.tag.lower() for line in chosen)
    left = [str(name) for key, name in names.items() if key not in settled and _is_given(ds, name)]
    if left:
        warnings.warn(
            f"the default spec has no MTZ column for {', '.join(left)}, which the MTZ file will "
            "not have; a spec of your own can name them (xrefl cif2mtz --print-spec shows the "
            "default one)",
            FormatWarning,
            stacklevel=4,
        )


def _is_given(ds: xr.Dataset, name: Hashable) -> bool:
    """Tell whether a column has values; one that would have to be computed is taken to have."""
    column = ds[name].variable
    if column.dtype.kind != "f" or column.chunks is not None:
        return True
    return any(not np.isnan(values).all() for (values,) in row_blocks([column], column.shape[0]))


def _warn_of_absent(
    names: Mapping[str, Hashable], lines: Sequence[SpecLine], default: Sequence[SpecLine]
) -> None:
    usual = {(line.tag, line.label) for line in default}
    # A spec that was made from the default one has lines for files of all kinds.
    of_default = usual.intersection((line.tag, line.label) for line in lines)
    ignored = of_default if len(of_default) > len(usual) / 2 else set()
    served = {line.label for line in lines if line.tag.lower() in names}
    absent: dict[str, list[str]] = {}
    for line in lines:
        if line.label not in served and (line.tag, line.label) not in ignored:
            absent.setdefault(line.label, []).append(line.tag)
    if absent:
        listed = ", ".join(f"{label} ({' or '.join(tags)})" for label, tags in absent.items())
        warnings.warn(
            f"the MTZ file will not have {listed}, since the table has no such tag; it has "
            f"{', '.join(map(str, names.values()))}",
            FormatWarning,
            stacklevel=4,
        )


def numbers(values: NDArray[Any], line: SpecLine) -> NDArray[Any]:
    """Return the numbers of a column: those of its codes, or what its texts say."""
    if line.codes:
        found = np.full(len(values), np.nan)
        for code, number in line.codes.items():
            found[values == _like(values, code)] = number
        return found
    if values.dtype.kind in "iufb":
        return values
    texts = np.where(np.isin(values, ("?", ".")), "nan", values).astype(np.str_)
    try:
        if not np.any(np.strings.find(texts, "_") >= 0):  # Python reads 1_0 as 10
            return texts.astype(np.float64)
    except ValueError:
        pass
    text = next(text for text in texts.tolist() if not _is_number(text))
    raise FormatError(
        f"{line.where}: {line.tag} is to become {line.label}, but it has the text {text!r}; give "
        f"the line codes, such as '{line.tag} {line.label} {line.type} {line.dataset} {text}=1', "
        "or leave it out"
    )


def _like(values: NDArray[Any], code: str) -> str | float:
    """Return a code as the column would have it: a number where that has numbers."""
    if values.dtype.kind not in "iufb":
        return code
    return float(code) if _is_number(code) else np.nan


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
