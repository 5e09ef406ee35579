"""Time two programs in turn, each in processes of its own.

A program that runs after another in one process gets memory that the other has freed, which is
several times quicker to fill than new memory; whole processes in turn are fair to both, and a
machine that becomes busy slows both. A case is a module-level function without arguments that
returns the function to be timed. Where that changes its argument, it has an attribute ``prepare``
that is called before each call, outside of the time.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

Case = Callable[[], Callable[[], object]]

HERE = Path(__file__).parent
ROUNDS = 5
REPEATS = 7


def times(case: Case) -> list[float]:
    """Return seconds of several calls in this process, after a first one that warms up."""
    function = case()
    prepare = getattr(function, "prepare", lambda: None)
    seconds = []
    prepare()
    function()
    for _ in range(REPEATS):
        prepare()
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
        del result
    return seconds


def compare(*cases: Case) -> list[float]:
    """Return the median milliseconds of each case over processes that take turns."""
    seconds: list[list[float]] = [[] for _ in cases]
    for _ in range(ROUNDS):
        for case, list_ in zip(cases, seconds, strict=True):
            module = Path(sys.modules[case.__module__].__file__ or "").stem
            command = [sys.executable, str(HERE / "timing.py"), module, case.__name__]
            # what goes wrong there is shown
            output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            list_.append(statistics.median(json.loads(output)))
    return [1000 * statistics.median(list_) for list_ in seconds]


def table(peer: str, comparisons: Sequence[tuple[str, Case, Case, str]]) -> None:
    """Print versions, and a Markdown table with a row for each name, our case, theirs, the goal."""
    names = ("xrefl", peer, "numpy", "numba", "xarray")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {versions}\n")
    print(f"| | xrefl | {peer} | {peer} / xrefl | goal |\n|---|---|---|---|---|", flush=True)
    for name, our_case, their_case, goal in comparisons:
        ours, theirs = compare(our_case, their_case)
        times = f"{ours:.3g} ms | {theirs:.3g} ms | {theirs / ours:.1f}"
        print(f"| {name} | {times} | {goal} |", flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    print(json.dumps(times(getattr(importlib.import_module(sys.argv[1]), sys.argv[2]))))
