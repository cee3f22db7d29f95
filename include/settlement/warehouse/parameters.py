"""Named parameters in SQL files: `:name` becomes what the driver binds.

Colons that mean something else are left alone: casts (`x::date`), texts, quoted names, comments
and PostgreSQL's dollar quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

from settlement.errors import ConfigurationError

Placeholder: TypeAlias = Literal["?", "%s"]

_TOKEN = re.compile(
    r"""
      (?P<opaque> --[^\n]*                                # comment to the end of the line
                | /\*.*?\*/                               # comment
                | \b[eE]'(?:[^'\\]|\\.|'')*'              # PostgreSQL's text with escapes
                | '(?:[^']|'')*'                          # text
                | "(?:[^"]|"")*"                          # quoted name
                | (?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)  # PostgreSQL's dollar quotes
                | :: )                                    # cast
    | :(?P<name>[A-Za-z_]\w*)
    | (?P<question>\?)
    """,
    re.VERBOSE | re.DOTALL,
)


def names_in(sql: str) -> set[str]:
    """Names of the parameters that a statement uses."""
    return {match["name"] for match in _TOKEN.finditer(sql) if match["name"]}


def without_end(sql: str) -> str:
    """A statement without the semicolons that end it, whatever comments stand around them."""
    code = _TOKEN.sub(_blank_for_comment, sql).rstrip()
    while code.endswith(";"):
        sql = sql[: len(code) - 1] + sql[len(code) :]
        code = code[:-1].rstrip()
    return sql.rstrip()


def _blank_for_comment(match: re.Match[str]) -> str:
    is_comment = match[0].startswith(("--", "/*"))
    return " " * len(match[0]) if is_comment else match[0]


def bind(
    sql: str, values: Mapping[str, object], placeholder: Placeholder
) -> tuple[str, list[object]]:
    """Put the driver's placeholders into a statement, and the values in their order.

    A tuple stands for a list of values, as in `currency IN (:currencies)`.

    :raises ConfigurationError: for a name without a value, or a literal question mark where that
        is the placeholder
    """
    bound: list[object] = []

    def replaced(match: re.Match[str]) -> str:
        if match["name"]:
            return _placeholders(match["name"], values, placeholder, bound)
        if match["question"] and placeholder == "?":
            raise ConfigurationError(
                "a question mark in the SQL would be taken for a parameter.",
                to_do="write the expression without the ? operator",
            )
        return _escaped(match[0], placeholder)

    pieces: list[str] = []
    end = 0
    for match in _TOKEN.finditer(sql):
        pieces += [_escaped(sql[end : match.start()], placeholder), replaced(match)]
        end = match.end()
    return "".join([*pieces, _escaped(sql[end:], placeholder)]), bound


def _placeholders(
    name: str, values: Mapping[str, object], placeholder: Placeholder, bound: list[object]
) -> str:
    if name not in values:
        raise ConfigurationError(
            f"the SQL uses the parameter :{name}, which has no value here.",
            to_do=f"use one of {', '.join(f':{known}' for known in sorted(values))}",
        )
    value = values[name]
    items = value if isinstance(value, tuple) else (value,)
    bound.extend(items)
    return ", ".join([placeholder] * len(items))


def _escaped(sql: str, placeholder: Placeholder) -> str:
    """Percent signs are doubled where the driver formats with them, in texts and comments too."""
    return sql.replace("%", "%%") if placeholder == "%s" else sql
