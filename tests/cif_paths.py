"""The ways through which the values of a loop can be read, made to apply to small files."""

from __future__ import annotations

from xrefl.io.cif import large, parse, survey, text, tokens

PATHS = ("list", "slices", "narrow", "window")


def use(monkeypatch, name):
    """Have all loops read in one way.

    "list": values listed by a regular expression. The others use the kernels: "slices" on
    threads, "narrow" with hardly more than a value in a slice, "window" with files that are not
    held in memory.
    """
    everything = 2**60
    monkeypatch.setattr(parse, "SMALL_BYTES", everything if name == "list" else 0)
    monkeypatch.setattr(parse, "SMALL_VALUES", everything if name == "list" else 0)
    if name != "list":
        monkeypatch.setenv("XREFL_NUM_THREADS", "2")
        monkeypatch.setattr(survey, "SLICE_BYTES", 4 if name == "narrow" else 40)
        monkeypatch.setattr(large, "ODD_AT_ONCE", 3)
    if name == "window":
        monkeypatch.setattr(text, "HELD_BYTES", 0)
        monkeypatch.setattr(survey, "WINDOW_BYTES", 50)
        monkeypatch.setattr(tokens, "WINDOW", 16)
