"""The API reference has every public name, once."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import pytest
import xarray as xr

import xrefl
from xrefl.accessors import plots

NAMES = Path(__file__).parent.parent / "docs" / "_ext" / "api_names.py"


@pytest.fixture
def listed() -> Counter[str]:
    spec = importlib.util.spec_from_file_location("api_names", NAMES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Counter(name for topic in module.TOPICS.values() for name in topic.names)


def public(holder: type) -> set[str]:
    return {name for name in dir(holder) if not name.startswith("_")}


def methods(name: str) -> set[str]:
    of_plot = public(getattr(plots, f"{name}Plots"))
    names = public(getattr(xr, name).xtal) - {"plot"} | {f"plot.{one}" for one in of_plot}
    return {f"{name}.xtal.{one}" for one in names}


def functions() -> set[str]:
    modules = {"errors": set(), "plot": xrefl.plot.__all__, "tutorial": xrefl.tutorial.__all__}
    names = {name for name in xrefl.__all__ if name not in (*modules, "__version__")}
    names |= {f"{module}.{one}" for module, inside in modules.items() for one in inside}
    return {f"xrefl.{name}" for name in names}


def test_every_public_name_is_on_one_page(listed):
    there = functions() | methods("Dataset") | methods("DataArray")
    assert sorted(there - set(listed)) == [], f"add them to {NAMES}"
    assert sorted(set(listed) - there) == [], f"take them out of {NAMES}"
    assert max(listed.values()) == 1
