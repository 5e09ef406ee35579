"""What all commands have in common: how their help looks, ``--quiet``, and errors of usage."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["USAGE_ERROR", "Command", "Group", "Quiet", "usage_text"]

Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print no more than results, warnings and errors."),
]

# The base of the errors of the command line, which typer does not export.
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]

# What typer says of a value, in its versions, and plain words for it.
_PLAIN = (
    (r"^Invalid value: ", ""),
    (r"^Invalid value for '([^']*)'(?: / '[^']*')*: ", r"\1: "),
    (r"Value error, ", ""),
    (r"Input should be a valid number.*", "this takes a number"),
    (r"Input should be a valid integer.*", "this takes a whole number"),
    (r"'(.*)' is not a valid float(?: range)?\.", "this takes a number"),
    (r"'(.*)' is not a valid integer(?: range)?\.", "this takes a whole number"),
    (r"Input should be greater than or equal to (\S+)", r"this takes numbers from \1 on"),
    (r"\S+ is not in the range x>=(\S+)\.", r"this takes numbers from \1 on"),
    (r"Input should be less than or equal to (\S+)", r"this takes numbers up to \1"),
    (r"^Got unexpected extra arguments?(?:\(s\))? \((.*)\)", r"there are too many names: \1"),
)


class _PlainHelp:
    """Help that shows no type for what takes no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, with --help."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for one in parameters:
            if getattr(one, "is_flag", False) and one.metavar is None:
                one.metavar = ""
        return parameters


class Command(_PlainHelp, TyperCommand):
    """A command."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the name of the command in the line of usage: names as they are."""
        arguments = [one for one in self.params if one.param_type_name == "argument"]
        return ["[OPTIONS]", *(one.metavar or str(one.name).upper() for one in arguments)]


class Group(_PlainHelp, TyperGroup):
    """All commands."""


def usage_text(error: Any) -> str:
    """Return what an error of usage says, in plain words."""
    text = str(error.format_message())
    for pattern, plain in _PLAIN:
        text = re.sub(pattern, plain, text)
    return text.rstrip(".")
