"""Numbers in CIF files: every one is what Python's float() makes of its digits."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

import xrefl
from tests.cif_paths import use
from xrefl.errors import FormatError
from xrefl.io.cif.numbers import as_float, is_integer


@st.composite
def numbers(draw):
    """Return a number as CIF allows it to be written, and what it is."""
    digits = draw(st.text("0123456789", min_size=1, max_size=25))
    point = draw(st.none() | st.integers(0, len(digits)))
    mantissa = digits if point is None else f"{digits[:point]}.{digits[point:]}"
    exponent = draw(st.none() | st.integers(-345, 320))
    power = "" if exponent is None else draw(st.sampled_from(["e{}", "E{}", "e{:+}", "E{:+04}"]))
    text = draw(st.sampled_from(["", "", "-", "+"])) + mantissa + power.format(exponent)
    return text + draw(st.sampled_from(["", "", "(5)", "(120)"])), float(text)


EDGES = [
    *["0", "-0", "-0.0", "+5", ".5", "5.", "-.5", "1e5", "1.5E-3(4)", "1e400", "-1e400", "1e-400"],
    *["9007199254740992", "9007199254740993", "9007199254740995", "90071992547409930e-1"],
    *["1e22", "1e23", "123456789012345678", "1234567890123456789", "12345678901234567890123"],
    *["4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308"],
    *["1.7976931348623157e308", "1.7976931348623159e308", "0e999999999999", "1e-999999999999"],
    *["0.1", "0.3", "2.675", "1234567.8", "-123456.7", "12345678", "-12345678", "123456789"],
    *["2147483647", "-2147483648", "2147483648", "00000000000000000000000000000001.5", "-1234567"],
    *["0.000000000000000000000000000000000000001", "9.5e-5", "7.2057594037927933e16", "1.e1"],
    *["100000000000000000000000", "1000000000000000000000", "8.98846567431158e307", "3.0(2)"],
]


def table_of(values):
    return xrefl.read_cif(b"data_a\nloop_\n_x\n" + b"\n".join(values) + b"\n")[0].table("_x")


@pytest.fixture(params=["list", "slices"], autouse=True)
def path(request):
    with pytest.MonkeyPatch.context() as patch:
        use(patch, request.param)
        yield request.param


@given(st.lists(numbers(), min_size=1, max_size=60))
@example([(text, float(text.partition("(")[0])) for text in EDGES])
@settings(max_examples=300)
def test_numbers_equal_those_of_python(pairs):
    table = table_of([text.encode() for text, _ in pairs])
    found = table.numbers("_X")
    expected = np.array([value for _, value in pairs])
    np.testing.assert_array_equal(found.view(np.int64), expected.view(np.int64))  # -0.0 as well
    assert table.kinds[0] in ("integer", "number")
    assert not table.has_missing[0]


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_shortest_digits_of_any_float(values):
    found = table_of([repr(value).encode() for value in values]).numbers("_x")
    np.testing.assert_array_equal(found.view(np.int64), np.array(values).view(np.int64))


@given(st.text("0123456789.-+eE()nafi_x", min_size=1, max_size=12).filter(lambda s: s[0] != "_"))
@settings(max_examples=500)
def test_what_is_a_number(text):
    """The number is that of float(), unless float() knows more spellings than CIF."""
    digits, bracket, uncertainty = text.partition("(")
    expected = None
    if not bracket or (uncertainty[-1:] == ")" and uncertainty[:-1].isdecimal()):
        try:
            expected = float(digits)
        except ValueError:
            expected = None
    if "_" in text or (bracket and "n" in digits.lower()) or digits != digits.strip():
        expected = None
    if text == ".":
        expected = math.nan  # not given
    table = table_of([b"1", text.encode()])
    if expected is None:
        assert table.kinds == ("text",)
        with pytest.raises(FormatError, match=r"line 5, column 1: _x is .* not a number"):
            table.numbers("_x")
    else:
        np.testing.assert_array_equal(table.numbers("_x"), [1, expected])
        whole = text == "." or is_integer(text.encode())
        assert table.kinds == ("integer" if whole else "number",)


@pytest.mark.parametrize(
    "text",
    [
        *[
            "1_000",
            "0x10",
            "1e",
            "1e+",
            "1.2.3",
            "--",
            "-",
            "+",
            "1(",
            "1()",
            "1(a)",
            "1(2",
            "1(2)3",
        ],
        *["(2)", "1d5", "infinity", "nan(1)", "e5", ".e5", "1,5", "'1'", '"1"', "1.5-", "--1"],
        *["+-1", "12345678a", "1234567890a", "٣", "1٣", "1.2e5.0"],
    ],
)
def test_what_is_not(text):
    assert as_float(text.encode()) is None
    table = table_of([text.encode()])
    assert table.kinds == ("text",)
    with pytest.raises(FormatError, match=r"<bytes>, line 4, column 1: _x is .* not a number"):
        table.numbers("_x")


def test_missing_and_not_finite():
    table = table_of([b"?", b".", b"nan", b"-NaN", b"inf", b"+INF", b"-inf", b"1"])
    np.testing.assert_array_equal(
        table.numbers("_x"), [np.nan] * 4 + [np.inf, np.inf, -np.inf, 1.0]
    )
    assert (table.kinds, table.has_missing, table.widths) == (("number",), (True,), (4,))
    only = table_of([b"?", b"."])
    assert (only.kinds, only.has_missing, only.widths) == (("number",), (True,), (1,))


def test_integers():
    texts = ["2147483647", "-2147483648", "-0", "007", "3.0", "4.", "5e1", "+6", "70e-1", "8(2)"]
    texts += ["0000000000000000000000000000000000000000000000005", "1234567890", "-99999999"]
    table = table_of([text.encode() for text in texts])
    found = table.integers("_x")
    assert found.dtype == np.int32
    expected = [2147483647, -2147483648, 0, 7, 3, 4, 50, 6, 7, 8, 5, 1234567890, -99999999]
    assert found.tolist() == expected
    assert table.kinds == ("number",)
    assert table_of([b"2147483647", b"-2147483648", b"-0", b"0007"]).kinds == ("integer",)
    assert table_of([b"2147483648"]).kinds == table_of([b"+1"]).kinds == ("number",)
    gaps = table_of([b"1", b"?", b"."])
    assert gaps.kinds == ("integer",)
    assert gaps.integers("_x", missing=-9).tolist() == [1, -9, -9]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("?", "line 5, column 1: _x is '[?]', but a whole number is needed"),
        (".", "integers cannot be missing"),
        ("1.5", "_x is '1.5', which is not a whole number"),
        ("2147483648", "_x is '2147483648', which is too large for a 32-bit integer"),
        ("-2147483649", "too large"),
        ("1e400", "too large"),
        ("nan", "_x is 'nan', which is not a whole number"),
        ("'1'", "not a number"),
        ("o", "not a number"),
    ],
)
def test_what_is_no_integer(text, message):
    with pytest.raises(FormatError, match=message):
        table_of([b"1", text.encode(), b"x"]).integers("_x")


def test_the_first_wrong_value_is_named(path):
    values = [b"1.25"] * 5000 + [b"first"] + [b"2.5"] * 5000 + [b"second"]
    with pytest.raises(FormatError, match="line 5004, column 1: _x is 'first'"):
        table_of(values).numbers("_x")
