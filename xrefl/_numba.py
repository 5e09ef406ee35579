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
from numba import extending

_njit: Any = numba.njit

kernel: Any = _njit(nogil=True, cache=True, error_model="numpy")
"""Decorator of a kernel: called as ``kernel(start, stop, *arrays)``."""

helper: Any = _njit(nogil=True, cache=True, error_model="numpy", inline="never")
"""Decorator of a small function that kernels call."""

# Kernels that hand arrays to helpers many times for each row: numba counts references to an array
# at every such call, which took fifteen times as long as the work on a value of a CIF. Without its
# runtime (_nrt) nothing is counted, and nothing can be allocated.
lean_kernel: Any = _njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
"""Decorator of a kernel that makes no arrays, and whose helpers are lean as well."""

lean_helper: Any = _njit(error_model="numpy", _nrt=False)
"""Decorator of a function that lean kernels call."""

lean_inline: Any = _njit(error_model="numpy", _nrt=False, forceinline=True)
"""Decorator of a function that becomes part of the lean kernels that call it."""

# Sums are taken in any order, so that they are done in vectors, and products and sums in one step.
# NaN and infinity stay what they are.
_IN_ANY_ORDER = {"reassoc", "contract", "nsz"}

summing_kernel: Any = _njit(
    nogil=True, cache=True, error_model="numpy", fastmath=_IN_ANY_ORDER, _nrt=False
)
"""Decorator of a lean kernel that spends its time in sums."""

summing_helper: Any = _njit(error_model="numpy", fastmath=_IN_ANY_ORDER, _nrt=False, inline="never")
"""Decorator of a function that summing kernels call."""

exact_helper: Any = _njit(error_model="numpy", fastmath={"contract"}, _nrt=False, inline="never")
"""Decorator of one that goes by what rounding leaves of a sum."""

intrinsic: Any = extending.intrinsic
"""Decorator of what says itself which instructions it becomes."""
