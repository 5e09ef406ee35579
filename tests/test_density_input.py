"""Models and arguments that no density can be made of."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models import random_model
from tests.test_density import CUBE, SMALL, one_atom
from xrefl.errors import CrystalError, MissingColumnError

WRONG = [
    ({"dmin": 0.0}, "resolution limit must be a positive number, not 0.0"),
    ({"dmin": float("nan")}, "resolution limit must be a positive number, not nan"),
    ({}, "give dmin"),
    ({"dmin": 2.0, "size": (20, 20, 20)}, "give either dmin"),
    ({"size": (20, 20)}, "three whole numbers"),
    ({"dmin": 2.0, "rate": 0.9}, "rate must be a number from 1 up, not 0.9"),
    ({"dmin": 2.0, "rate": 1.0, "blur": "auto"}, "rate above 1"),
    ({"dmin": 2.0, "cutoff": 0.0}, "cutoff must be a positive density, not 0.0"),
    ({"dmin": 2.0, "blur": "refmac5"}, "'auto', 'refmac', 'servalcat', not 'refmac5'"),
    ({"dmin": 2.0, "blur": float("inf")}, "blur must be a finite B"),
    ({"dmin": 2.0, "blur": -40.0}, "A4.*B = -25 .*a blur above -15 Å²"),
    ({"dmin": 0.002}, "points needs .* GiB of memory: raise dmin"),
    ({"dmin": 2.0, "addends": {"Fe": 1j}}, "imaginary part"),
    ({"dmin": 2.0, "kind": "gamma"}, "kind must be one of"),
]


@pytest.mark.parametrize("arguments, message", WRONG)
def test_arguments_that_make_no_sense(arguments: dict[str, object], message: str):
    with pytest.raises(CrystalError, match=message):
        one_atom(CUBE).xtal.density(**arguments)


def test_size_must_suit_symmetry():
    model = random_model("P 21 21 21", SMALL["P 21 21 21"], 1)
    with pytest.raises(CrystalError, match="multiples of"):
        model.xtal.density(size=(21, 40, 40))


def test_models_that_make_no_density():
    with pytest.raises(CrystalError, match=r"A4.*B = -1 Å² .*width -1 Å².* a blur above 1 Å²"):
        one_atom(CUBE, b_iso=-1.0).xtal.density(2.0)
    with pytest.raises(CrystalError, match="no atoms"):
        one_atom(CUBE).isel(atom=[]).xtal.density(2.0)
    with pytest.raises(CrystalError, match="Xx"):
        one_atom(CUBE, element="Xx").xtal.density(2.0)
    with pytest.raises(MissingColumnError, match="b_iso"):
        one_atom(CUBE).drop_vars("b_iso").xtal.density(2.0)
    tensor = np.array([[0.3, 0.3, -0.1, 0, 0, 0]])
    flat = one_atom(CUBE).assign(u_aniso=(("atom", "component"), tensor))
    with pytest.raises(CrystalError, match=r"least eigenvalue of 8π²U = -7\.896 Å²"):
        flat.xtal.density(2.0)
