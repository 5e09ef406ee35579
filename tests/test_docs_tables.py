"""The tables of "coming from" other programs: both columns run, and give the same numbers."""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrefl

PAGES = Path(__file__).parent.parent / "docs" / "coming_from"


def rows(page: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield the section and the code in both columns of each line of the tables."""
    section = ""
    for line in (PAGES / page).read_text(encoding="utf-8").splitlines():
        section = line[3:] if line.startswith("## ") else section
        cells = line.strip("|").split(" | ")
        if line.startswith("| ") and len(cells) == 2 and "`" in line:
            theirs, ours = (re.findall(r"`([^`]+)`", cell) for cell in cells)
            yield section, theirs, ours


def setups(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL)


def start(setup: str) -> dict[str, Any]:
    kinds = {"path": "reflections", "cif": "sf-mmcif", "pdb": "model"}
    names: dict[str, Any] = {
        name: str(xrefl.tutorial.path("5wkd", kind=kind)) for name, kind in kinds.items()
    }
    exec(setup, names)
    return names


def run(codes: list[str], names: dict[str, Any]) -> Any:
    """Run pieces of code, and return the value of the last if it is an expression."""
    value = None
    for code in codes:
        try:
            compiled = compile(code, code, "eval")
        except SyntaxError:
            exec(code, names)
        else:
            value = eval(compiled, names)
    return value


def numbers(value: Any) -> np.ndarray | None:
    if hasattr(value, "dims") or (isinstance(value, list) and not value):
        return None
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return None
    return array if array.dtype.kind in "biufc" else None


def agree(theirs: Any, ours: Any) -> bool:
    """Compare what both sides give, if these are numbers; tell whether they were."""
    pair = numbers(theirs), numbers(ours)
    if pair[0] is None or pair[1] is None or pair[0].shape != pair[1].shape:
        return False
    np.testing.assert_allclose(pair[1], pair[0], rtol=2e-3, atol=2e-4)
    return True


def unmerged() -> Any:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    return xrefl.simulate_unmerged(model, dmin=3.0, multiplicity=4, seed=1)


def their_names(page: str, setup: str, observed: Any) -> dict[str, Any] | None:
    """Return what the left column starts from, or None if it cannot run beside ours."""
    if page == "gemmi.md":
        return start(setup)
    if page == "cctbx.md" or importlib.util.find_spec("reciprocalspaceship") is None:
        return None  # cctbx crashes where numba is loaded
    with warnings.catch_warnings(action="ignore"):
        names = start(setup)
        observed.xtal.to_mtz("unmerged.mtz")
        unmerged = names["rs"].read_mtz("unmerged.mtz")
    return names | {"unmerged": unmerged}


@pytest.mark.filterwarnings("ignore:not written, as no line of the spec")
@pytest.mark.parametrize(
    ("page", "lines", "compared"),
    [("gemmi.md", 70, 30), ("reciprocalspaceship.md", 35, 9), ("cctbx.md", 40, 0)],
)
def test_columns_of_the_tables(page, lines, compared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    their_setup, our_setup = setups(page)
    ours = start(our_setup) | {"unmerged": unmerged()}
    theirs = their_names(page, their_setup, ours["unmerged"])
    count, ran, last = 0, 0, ""
    for section, left, right in rows(page):
        if section == "On the command line":
            continue
        if theirs is not None and section != last:
            with warnings.catch_warnings(action="ignore"):
                exec(their_setup, theirs)  # their objects change in place
            last = section
        try:
            result = run([one for one in right if not re.fullmatch(r"[a-z_]+", one)], ours)
            if theirs is not None:
                with warnings.catch_warnings(action="ignore"):
                    expected = run(left, theirs)
                count += agree(expected, result)
        except Exception as error:
            error.add_note(f"{page}, {section}: {left} | {right}")
            raise
        ran += 1
    assert ran >= lines
    assert count >= compared or theirs is None


def test_commands_of_the_table_are_there():
    from typer.main import get_command

    from xrefl.cli import app

    commands = set(get_command(app).commands)
    for section, _, ours in rows("gemmi.md"):
        if section == "On the command line":
            assert {one.split()[1] for one in ours} <= commands
