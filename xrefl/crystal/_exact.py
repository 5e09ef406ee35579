"""Exact arithmetic on vectors and 3 by 3 matrices of whole numbers of 1/24."""

from __future__ import annotations

from xrefl.errors import CrystalError

DEN = 24
"""The denominator of rotations and translations: enough for halves to eighths, and thirds."""

Vector = tuple[int, int, int]
Matrix = tuple[Vector, Vector, Vector]


def transposed(m: Matrix) -> Matrix:
    """Return the transpose."""
    (a, b, c), (d, e, f), (g, h, i) = m
    return (a, d, g), (b, e, h), (c, f, i)


def determinant(m: Matrix) -> int:
    """Return the determinant, in the cube of the unit of ``m``."""
    (a, b, c), (d, e, f), (g, h, i) = m
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def adjugate(m: Matrix) -> Matrix:
    """Return the adjugate, determinant times inverse, in the square of the unit of ``m``."""
    (a, b, c), (d, e, f), (g, h, i) = m
    return (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )


def applied(m: Matrix, v: Vector) -> Vector:
    """Return ``m v``."""
    x, y, z = v
    a, b, c = (p * x + q * y + r * z for p, q, r in m)
    return a, b, c


def product(m: Matrix, n: Matrix) -> Matrix:
    """Return ``m n``."""
    p, q, r = transposed(n)
    return transposed((applied(m, p), applied(m, q), applied(m, r)))


def divided(v: Vector, divisor: int, *what: object) -> Vector:
    """Return ``v`` divided by ``divisor``; ``what`` names it in the error if that is not whole."""
    x, y, z = v
    if x % divisor or y % divisor or z % divisor:
        raise CrystalError(f"{''.join(map(str, what))} is not made of multiples of 1/{DEN}")
    return x // divisor, y // divisor, z // divisor


def rows_divided(m: Matrix, divisor: int, *what: object) -> Matrix:
    """Return ``m`` divided by ``divisor``; ``what`` names it in the error if that is not whole."""
    return (
        divided(m[0], divisor, *what),
        divided(m[1], divisor, *what),
        divided(m[2], divisor, *what),
    )


def inverse(m: Matrix, *what: object) -> Matrix:
    """Return the inverse; ``what`` names it in the error if it is not made of 1/24."""
    square = DEN * DEN
    a, b, c = ((square * p, square * q, square * r) for p, q, r in adjugate(m))
    return rows_divided((a, b, c), determinant(m), *what)


def plus(v: Vector, w: Vector) -> Vector:
    """Return ``v + w``."""
    return v[0] + w[0], v[1] + w[1], v[2] + w[2]


def minus(v: Vector, w: Vector) -> Vector:
    """Return ``v - w``."""
    return v[0] - w[0], v[1] - w[1], v[2] - w[2]


def wrapped(v: Vector) -> Vector:
    """Return ``v`` with whole cell edges taken off, each value in [0, 1)."""
    return v[0] % DEN, v[1] % DEN, v[2] % DEN
