"""JSON is written as JavaScript writes it, and read without guessing."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.strict_json import from_json, json_object, to_json


def test_text_is_written_as_javascript_writes_it():
    """Raw non-ASCII, raw slash and DEL, short escapes, lone surrogates in lower case."""
    text = '"\\/\b\t\n\f\r\x00\x1f\x7f\u00e9\u2028\u2029\U0001fa99\ud83d'
    assert to_json({"b": text, "a": [1, True, None]}) == (
        b'{"b":"\\"\\\\/\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\xc3\xa9\xe2\x80\xa8\xe2\x80\xa9'
        b'\xf0\x9f\xaa\x99\\ud83d","a":[1,true,null]}'
    )


@given(st.recursive(st.text() | st.integers() | st.booleans() | st.none(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_what_is_written_is_read_back(value):
    """Nothing is lost on the way."""
    assert from_json(to_json(value)) == value
    assert json.loads(to_json(value)) == value


def test_a_character_of_two_halves_is_one():
    """Escaped as JavaScript may, or not; a backslash before a u is no escape."""
    assert from_json('["\\ud83e\\ude99", "\\\\ud83d"]') == ["\U0001fa99", "\\ud83d"]


def test_numbers_are_never_floats():
    """A fraction or an exponent is kept as it was written."""
    assert from_json("[0.1, 1e400, 7]") == [Decimal("0.1"), Decimal("1e400"), 7]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a":1,"a":1}', "'a' occurs twice"),
        ('[{"a":{"b":1,"b":2}}]', "'b' occurs twice"),
        ("NaN", "NaN is not JSON"),
        ("-Infinity", "-Infinity is not JSON"),
        ("1 2", "Extra data"),
        (b"\xff", "utf-8"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"a":["\\ud83d"]}', "half a character"),
        ('{"\\uDE00":1}', "half a character"),
    ],
)
def test_doubtful_json_is_refused(text, why):
    """The error says why."""
    with pytest.raises(ValueError, match=why):
        from_json(text)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_what_others_say_is_one_object_or_nothing(content: bytes) -> None:
    """Whatever they send, nobody has to catch anything."""
    assert json_object(content) is None
    assert json_object(b'{"a": 1.5, "b": "\\ud83d"}') == {"a": 1.5, "b": "\ud83d"}
