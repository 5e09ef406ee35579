"""Write the page of the command line from the commands themselves."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import typer
from sphinx.application import Sphinx

from xrefl.cli import app as xrefl_app


def _plain(text: str | None) -> str:
    """Return help without the marks of rich, as paragraphs."""
    text = re.sub(r"\[/?(?:bold|dim|cyan|green|yellow|italic|code)[^\]]*\]", "", text or "")
    return inspect.cleandoc(text.replace("\b", ""))


def _escaped(text: str) -> str:
    return " ".join(re.sub(r"([*`|_\\])", r"\\\1", text).split())


def _rows(parameters: list[Any]) -> str:
    text = ""
    for one in parameters:
        if getattr(one, "hidden", False):
            continue
        if one.param_type_name == "argument":
            name = one.metavar or one.name.upper()
        else:
            name = ", ".join([*one.opts, *one.secondary_opts])
        help_text = _escaped(_plain(getattr(one, "help", "")))
        text += f"   * - ``{name}``\n     - {help_text or '..'}\n"
    return f".. list-table::\n   :widths: 1 3\n   :class: api-names\n\n{text}\n" if text else ""


def command_page() -> str:
    """Return the page: for each command its help, its arguments and its options."""
    group = typer.main.get_command(xrefl_app)
    context = typer.Context(group, info_name="xrefl")
    title = "Command line"
    text = f"{title}\n{'=' * len(title)}\n\n"
    text += "``xrefl --help`` lists the commands; ``xrefl COMMAND --help`` tells of one.\n"
    for name in group.list_commands(context):  # type: ignore[attr-defined]
        command = group.get_command(context, name)  # type: ignore[attr-defined]
        title = f"xrefl {name}"
        text += f"\n{title}\n{'-' * len(title)}\n\n"
        for paragraph in _plain(command.help).split("\n\n"):
            if found := re.match(r"(?:Examples?:)?\s*(xrefl .*)", paragraph, re.DOTALL):
                lines = "\n".join(f"   {line.strip()}" for line in found[1].splitlines())
                text += f".. code-block:: sh\n\n{lines}\n\n"
            else:
                text += f"{_escaped(paragraph)}\n\n"
        own = typer.Context(command, info_name=name, parent=context)
        text += _rows(command.get_params(own))
    return text


def write_page(app: Sphinx) -> None:
    """Write the page if it has changed."""
    path = Path(app.srcdir) / "command_line.rst"
    text = command_page()
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
