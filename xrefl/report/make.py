"""Make a report of data."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType

import xarray as xr

from xrefl.errors import (
    CrystalMismatchError,
    CrystalWarning,
    DroppedWarning,
    FormatWarning,
    XreflError,
)
from xrefl.report import (
    absences,
    anisotropy,
    batches,
    completeness,
    crystal,
    density,
    distribution,
    merging,
    model,
    strength,
    tncs,
    twinning,
    wilson,
)
from xrefl.report.findings import Finding
from xrefl.report.result import Report
from xrefl.report.section import Section
from xrefl.report.subject import Subject, subject_of

__all__ = ["report"]

_OURS = (CrystalWarning, DroppedWarning, FormatWarning)
_SECTIONS: tuple[ModuleType, ...] = (
    crystal,
    completeness,
    strength,
    merging,
    batches,
    wilson,
    distribution,
    twinning,
    anisotropy,
    absences,
    tncs,
    model,
    density,
)


def report(
    ds: xr.Dataset,
    model: xr.Dataset | None = None,
    *,
    columns: Sequence[str] | None = None,
    free: str | None = None,
    dataset: int | str | None = None,
    name: str | None = None,
    model_name: str | None = None,
) -> Report:
    """Tell of data what a crystallographer looks at first.

    Unmerged observations are merged, with statistics by shell and by batch. With a model, data
    and model are brought to one scale, with bulk solvent. A section that these data do not allow
    says why. Numbers are needed: dask-backed data are computed.

    Parameters
    ----------
    ds : Dataset
        Merged reflections or unmerged observations.
    model : Dataset, optional
        An atomic model of the crystal, as `xrefl.open_model` returns it.
    columns : sequence of str, optional
        The column that is reported on, of intensities or amplitudes, and that of its standard
        deviations. By default intensities if there are any, else amplitudes, else the means of
        Friedel pairs.
    free : str, optional
        The column of free flags; by default that which ``ds.xtal.free_flag()`` finds.
    dataset : int or str, optional
        Of unmerged observations of several data sets, id or name of the one to merge.
    name, model_name : str, optional
        What to call data and model; by default the name of the file, and the entry of the model.

    Returns
    -------
    Report
        ``report.findings``, ``report.to_html(path)``, ``report.to_json(path)``; in a notebook it
        shows the page.

    Raises
    ------
    MissingColumnError
        There is no such column.
    FormatError
        A column is of something else than its place says.
    XreflError
        Observations cannot be merged.

    Examples
    --------
    >>> import xrefl
    >>> found = xrefl.tutorial.open("5e5z").xtal.report()
    >>> found.findings[0].severity, found.sections[0].title
    ('note', 'Crystal and data')
    >>> print(found.sections[1].findings[0].text)
    The data are 91.4 % complete.
    """
    with _noted() as notes:
        subject = subject_of(
            ds, model, columns=columns, free=free, dataset=dataset, names=(name, model_name)
        )
    sections = []
    for place, module in enumerate(_SECTIONS):
        section = _made(module, subject)
        if section is None:
            continue
        if place == 0:
            section = replace(section, findings=[*section.findings, *notes])
        sections.append(section)
    return Report(_title(subject), _subtitle(subject), sections)


@contextmanager
def _noted() -> Iterator[list[Finding]]:
    """Turn warnings of ours into findings, each once; others are warned of as ever."""
    notes: dict[str, Finding] = {}
    found: list[Finding] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    for one in caught:
        text = str(one.message)
        if issubclass(one.category, _OURS):
            notes[text] = Finding("note", _sentence(text))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    found += notes.values()


def _made(module: ModuleType, subject: Subject) -> Section | None:
    """Return a section; why it cannot be made, if it cannot; None if there is no such thing."""
    make: Callable[[Subject], Section | None] = module.section
    try:
        with _noted() as notes:
            section = make(subject)
    except XreflError as error:
        text = _sentence(_what(str(error)))
        apart = module is model and isinstance(error, CrystalMismatchError)
        findings = [Finding("warning", f"Data and model do not belong together. {text}")]
        return Section(module.KEY, module.TITLE, problem=text, findings=findings if apart else ())
    if section is None or section.problem:
        return section and replace(section, problem=_sentence(section.problem))
    return replace(section, findings=[*section.findings, *notes])


def _what(message: str) -> str:
    """Return what is wrong, without the remedy, which is for those who call functions."""
    return re.split(r"[;.] |: (?=give |name |check )", message, maxsplit=1)[0]


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _title(subject: Subject) -> str:
    return f"Report on {subject.name or 'reflections'}"


def _subtitle(subject: Subject) -> str:
    rows = "reflections" if subject.is_merged else "observations"
    dim = "hkl" if subject.is_merged else "obs"
    parts = [f"{subject.given.sizes[dim]:,} {'merged ' if subject.is_merged else ''}{rows}"]
    parts.append(f"intensities from {subject.intensity_name}")
    if "spacegroup" in subject.given.attrs:
        parts.append(str(subject.given.attrs["spacegroup"]))
    if subject.data is not None:
        try:
            parts.append("{:.2f} to {:.2f} Å".format(*subject.limits))
        except XreflError:  # no reflection has a value: sections say so
            parts.append("no values")
    if subject.model is not None:
        parts.append(f"model {subject.model_name}" if subject.model_name else "with a model")
    return " · ".join(parts)
