"""Whether the arguments of merge make sense together."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from xrefl.cli._files import check_suffix, numbers, require_apart
from xrefl.cli._merged_comparison import file_and_label

if TYPE_CHECKING:
    from xrefl.merging.error_model import ErrorModel

__all__ = ["Wanted", "check_numbers", "error_model_of", "given", "suffix_of"]

# Options that say nothing unless one of others is given.
_ABOUT = {
    "shells": ("stats",),
    "seed": ("stats",),
    "jackknife": ("stats",),
    "r_weights": ("stats", "batches"),
    "weights": ("OUT", "compare"),
    "errors": ("OUT", "compare"),
    "drop_absent": ("OUT", "compare"),
    "nobs": ("OUT",),
}


class Wanted(NamedTuple):
    """What is to come out."""

    target: Path | None
    stats: bool
    batches: int | None
    compare: str | None

    @property
    def merged(self) -> bool:
        """Whether merged intensities are needed."""
        return self.target is not None or self.compare is not None

    @property
    def names(self) -> set[str]:
        """The options, and OUT, that ask for something."""
        there = {
            "OUT": self.target is not None,
            "stats": self.stats,
            "batches": self.batches is not None,
            "compare": self.compare is not None,
        }
        return {name for name, is_there in there.items() if is_there}


def given(context: typer.Context) -> set[str]:
    """Return the names of the options that are on the command line."""
    return {
        name
        for name in context.params
        if (source := context.get_parameter_source(name)) is not None
        and source.name == "COMMANDLINE"
    }


def suffix_of(wanted: Wanted, sources: Sequence[Path], options: set[str]) -> str:
    """Return the suffix of what is written, if all that makes sense.

    Raises
    ------
    BadParameter
        Nothing is asked for, or options do not go together, or what is read would be written over,
        or is the standard input.
    FileNotFoundError, PermissionError
        There is no such file or folder, or it may not be written to.
    """
    if not wanted.names:
        raise typer.BadParameter("give OUT, the file to write, or --stats, --batches or --compare")
    for name in sorted(options & _ABOUT.keys()):
        if not wanted.names & set(_ABOUT[name]):
            needed = " or ".join(map(_called, _ABOUT[name]))
            raise typer.BadParameter(
                f"{_called(name)} changes nothing without {needed}; add that, or leave it out"
            )
    _require_different(sources)
    compared = None if wanted.compare is None else file_and_label(wanted.compare)[0]
    for path in (*sources, *([] if compared is None else [compared])):
        if str(path) == "-":
            raise typer.BadParameter(
                "merge reads a file more than once, so it takes none from the standard input; give "
                "the names of files"
            )
        path.stat()  # raises before the work is done
    if wanted.target is None:
        return ""
    return _suffix(wanted.target, sources, compared, "nobs" in options)


def _called(name: str) -> str:
    return "OUT, the file to write," if name == "OUT" else "--" + name.replace("_", "-")


def _require_different(sources: Sequence[Path]) -> None:
    seen: dict[Path, Path] = {}
    for source in sources:
        same = seen.setdefault(source.resolve(), source)
        if same is not source:
            twice = f"{source} is given twice"
            if str(same) != str(source):
                twice = f"{same} and {source} are the same file"
            raise typer.BadParameter(
                f"{twice}, and its observations would be merged twice; give each file once"
            )


def _suffix(target: Path, sources: Sequence[Path], compared: Path | None, nobs: bool) -> str:
    if str(target) == "-":
        raise typer.BadParameter("give OUT a name; merge prints to the standard output")
    if target.is_dir():
        raise typer.BadParameter(
            f"{target} is a folder or a store; of several names the last is OUT, the file to write"
        )
    suffix = check_suffix(target, (".mtz", ".cif"), "what is to be written")
    if nobs and suffix == ".cif":
        raise typer.BadParameter("--nobs is for MTZ files: mmCIF has no tag for these numbers")
    require_apart(target, *sources, compared)
    for source in sources:
        if source.is_dir() and target.resolve().is_relative_to(source.resolve()):
            raise typer.BadParameter(
                f"{target} would be written into the store {source}, which is read; give OUT "
                "another folder"
            )
    folder = target.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to write {target.name} into")
    if not os.access(folder, os.W_OK):
        raise PermissionError(
            f"{target} could not be written: {folder} may not be written to; give OUT another "
            "folder"
        )
    return suffix


def check_numbers(
    reject: float | None, seed: int | None, scheduler: str | None, memory: str | None
) -> None:
    """Refuse numbers that are out of range, and limits that do not go together.

    Raises
    ------
    BadParameter
        There are such.
    """
    if scheduler is not None and memory is not None:
        raise typer.BadParameter(
            "--memory is for work on this computer; workers of a cluster have limits of their own"
        )
    if reject is not None and not 0 < reject < math.inf:
        raise typer.BadParameter(f"--reject takes standard deviations above 0, not {reject:g}")
    if seed is not None and not seed < 2**64:
        raise typer.BadParameter(f"--seed takes whole numbers below 2⁶⁴, not {seed}")


def error_model_of(text: str | None) -> ErrorModel | str | None:
    """Return the error model of ``SDFAC,SDB,SDADD``, or ``"fit"``.

    Raises
    ------
    BadParameter
        It is neither, or numbers are out of range.
    """
    if text is None or text.lower() == "fit":
        return text and "fit"
    from xrefl.merging.error_model import ErrorModel

    try:
        return ErrorModel(*numbers(text, 3, "--error-model"))
    except typer.BadParameter:
        raise typer.BadParameter(
            f"--error-model takes fit, or SDFAC,SDB,SDADD as 1.2,0.5,0.03, not {text!r}"
        ) from None
    except ValueError as error:
        raise typer.BadParameter(f"--error-model {text}: {error}") from None
