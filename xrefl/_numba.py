"""How xrefl compiles its kernels: one policy for all of them.

A kernel is a plain loop over the rows ``start`` to ``stop`` of its arrays. It releases the
GIL, so that threads and dask workers run it side by side, and is cached on disk, so that only
the first call on a machine pays for compilation. ``parallel=True`` is not used: it compiles
slowly and competes with dask for cores; `xrefl._parallel.over_rows` does the threading.

Importing numba takes as long as importing pandas, so modules of kernels are imported inside
the functions that call them.
"""

from __future__ import annotations

from typing import Any

import numba

kernel: Any = numba.njit(nogil=True, cache=True, error_model="numpy")
"""Decorator of a kernel: called as ``kernel(start, stop, *arrays)``."""

helper: Any = numba.njit(nogil=True, cache=True, error_model="numpy", inline="never")
"""Decorator of a small function that kernels call."""
