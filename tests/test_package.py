"""The package as such: names, lazy loading, threads."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading

import numpy as np
import pytest

import xrefl
from xrefl import _parallel


def run(code: str) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_every_public_name_is_there():
    for name in xrefl.__all__:
        assert getattr(xrefl, name) is not None
        assert name in dir(xrefl)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = xrefl.nothing


def test_import_is_light_and_registers_the_accessors():
    run(
        "import sys, xarray, pandas\n"
        "before = set(sys.modules)  # older versions of xarray load scipy themselves\n"
        "import xrefl\n"
        "added = set(sys.modules) - before\n"
        "heavy = {'numba', 'dask.array', 'scipy', 'matplotlib', 'rich'} & added\n"
        "assert not heavy, heavy\n"
        "assert 'accessors' not in sys.modules\n"
        "for kind in (xarray.Dataset, xarray.DataArray, pandas.DataFrame):\n"
        "    assert kind.xtal.__module__.startswith('xrefl.accessors')\n"
    )


def test_opening_a_file_registers_the_accessors(example):
    run(f"import xarray as xr; assert xr.open_dataset({str(example)!r}).xtal.is_merged")


def test_methods_have_the_docstrings_of_their_functions():
    from xrefl.hkl import reflections

    assert xrefl.accessors.DatasetAccessor.d.__doc__ == reflections.d.__doc__


def test_methods_are_their_functions_from_the_first_look_on():
    from xrefl.accessors import _functions
    from xrefl.merging.merge import merge

    for name in _functions.HOME:
        assert callable(getattr(_functions, name).imported()), name
    for accessor in (xrefl.accessors.DatasetAccessor, xrefl.accessors.DataFrameAccessor):
        assert accessor.merge.__doc__ == merge.__doc__
        assert accessor.merge is accessor.merge
        assert inspect.signature(accessor.merge).parameters.keys() == (
            inspect.signature(merge).parameters.keys()
        )
    with pytest.raises(AttributeError, match="no attribute 'unheard_of'"):
        _functions.unheard_of  # noqa: B018


def test_functions_are_imported_when_their_methods_are_looked_at():
    run(
        "import sys, xarray, xrefl\n"
        "assert 'xrefl.merging.merge' not in sys.modules\n"
        "xarray.Dataset.xtal.merge\n"
        "assert 'xrefl.merging.merge' in sys.modules\n"
    )


def test_rows_are_covered_once(monkeypatch):
    monkeypatch.setenv("XREFL_NUM_THREADS", "3")
    assert _parallel.thread_count() == 3
    for nrow in (0, 1, 99, 100, 12345):
        seen = np.zeros(nrow, int)

        def count(start, stop, seen=seen):
            seen[start:stop] += 1

        _parallel.over_rows(count, nrow, min_rows=100)
        assert (seen == 1).all()


def test_errors_reach_the_caller(monkeypatch):
    monkeypatch.setenv("XREFL_NUM_THREADS", "2")

    def fail(start, stop):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _parallel.over_rows(fail, 1000, min_rows=10)


def test_workers_start_no_threads(monkeypatch):
    monkeypatch.setenv("XREFL_NUM_THREADS", "4")
    counts = []
    thread = threading.Thread(target=lambda: counts.append(_parallel.thread_count()))
    thread.start()
    thread.join()
    assert counts == [1]
