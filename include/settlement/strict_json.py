"""JSON as the partner writes it, and reading it without guessing.

Partner API, section 11: `JSON.stringify` leaves no spaces, keeps the order of keys and
writes everything raw but control characters, quotes, backslashes and lone surrogates.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def to_json(value: object) -> bytes:
    """Compact JSON of a value, as UTF-8, byte for byte what `JSON.stringify` would write."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")  # only lone surrogates: \udxxx


def from_json(text: str | bytes) -> Any:
    """Value of one JSON text; numbers with a fraction or an exponent come back as Decimal.

    :raises ValueError: if the text is not exactly one JSON value in UTF-8, names a key twice,
        holds NaN, Infinity or half a character, or is nested too deeply
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(
            decoded,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=Decimal,
        )
        if _ESCAPED_SURROGATE.search(decoded):
            _refuse_half_characters(value)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    return value


def json_object(content: bytes) -> dict[str, Any] | None:
    """What others than the partner say, as Python reads JSON; None unless it is one object."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f"the key {key!a} occurs twice")
        members[key] = value
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refuse_half_characters(value: Any) -> None:
    """A lone surrogate is no character: readers replace it, each in its own way."""
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a text holds half a character (a lone surrogate)")
    elif isinstance(value, dict):
        for key, member in value.items():
            _refuse_half_characters(key)
            _refuse_half_characters(member)
    elif isinstance(value, list):
        for item in value:
            _refuse_half_characters(item)
