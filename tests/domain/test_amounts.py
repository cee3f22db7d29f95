"""Amounts stay exact, whatever their size, and have one spelling each."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.amounts import (
    display,
    parse_base_units,
    parse_full_units,
    require_int,
    to_base_units_text,
    to_full_units_text,
)
from settlement.errors import WarehouseTypeError

amounts = st.integers(min_value=-(10**40), max_value=10**40)
decimals = st.integers(min_value=0, max_value=38)


@given(amounts)
def test_base_units_survive_the_round_trip(amount):
    """An amount far past 64 bits comes back as it was."""
    assert parse_base_units(to_base_units_text(amount)) == amount


@given(amounts, decimals)
def test_full_units_survive_the_round_trip(amount, places):
    """Full units lose nothing, for any number of decimals."""
    text = to_full_units_text(amount, places)
    assert parse_full_units(text, places) == amount
    with localcontext(prec=100):
        assert Decimal(text).scaleb(places) == amount


@pytest.mark.parametrize(
    "text",
    ["", "+1", "01", "-0", "00", "1.0", "1e3", " 1", "1 ", "1\n", "1_000", "1,000", "\u0661", "0x1",
     "--1", "NaN", "-"],
)  # fmt: skip
def test_other_spellings_of_base_units_are_refused(text):
    """Only the canonical integer is an amount; the message shows what was given."""
    with pytest.raises(ValueError, match="not an integer amount") as caught:
        parse_base_units(text)
    assert ascii(text) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "+1", "01.5", "1.", ".5", "1e3", "1,5", " 1", "1.5\n", "\u0661.\u0665"]
)
def test_other_spellings_of_full_units_are_refused(text):
    """Exponents, bare points and leading zeros are no amounts."""
    with pytest.raises(ValueError, match="not a decimal amount"):
        parse_full_units(text, 8)


def test_full_units_are_never_rounded():
    """A place more than the currency has is refused, unless it is a zero."""
    assert parse_full_units("-0.010", 2) == -1
    with pytest.raises(ValueError, match="more than 2 decimals"):
        parse_full_units("0.011", 2)


def test_a_long_text_is_cut_in_the_message():
    """A hostile answer of a million digits does not fill the log."""
    with pytest.raises(ValueError, match="not an integer") as caught:
        parse_base_units("0" * 1_000_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("amount", "places", "shown"),
    [
        (123_456_789_000, 8, "1,234.56789000"),
        (-1, 18, "-0.000000000000000001"),
        (0, 2, "0.00"),
        (10**30, 0, "1,000,000,000,000,000,000,000,000,000,000"),
        (-(10**30) - 1, 18, "-1,000,000,000,000.000000000000000001"),
        (99, 2, "0.99"),
    ],
)
def test_display_is_exact_and_grouped(amount, places, shown):
    """People see every decimal, and commas between thousands."""
    assert display(amount, places) == shown


@given(amounts, decimals)
def test_display_hides_nothing(amount, places):
    """Without commas and point, the shown digits are the amount."""
    assert int(display(amount, places).replace(",", "").replace(".", "")) == amount


@pytest.mark.parametrize(
    "value", [7, -(10**30), Decimal(10**30), Decimal("7.000"), Decimal("1E+3")]
)
def test_whole_numbers_of_a_driver_are_taken(value):
    """Integers and decimals without a fraction become int, exactly."""
    number = require_int(value, "base_quantity")
    assert type(number) is int
    assert number == value


@pytest.mark.parametrize(
    "value",
    [True, 1.0, float("nan"), Decimal("0.1"), Decimal("NaN"), Decimal("Infinity"), "1", None],
)
def test_anything_else_of_a_driver_is_refused(value):
    """A float may already have lost digits; the error names the column and its type."""
    with pytest.raises(
        WarehouseTypeError, match=f"base_quantity of trade 9.*{type(value).__name__}"
    ):
        require_int(value, "base_quantity of trade 9")
