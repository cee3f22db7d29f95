"""Named parameters find their places, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from settlement.errors import ConfigurationError
from settlement.warehouse.parameters import Placeholder, bind, names_in, without_end

VALUES = {"partner": "demo", "window_start": 1, "currencies": ("BTC", "USD")}


@pytest.mark.parametrize(
    ("sql", "bound_sql", "bound"),
    [
        ("x = :partner", "x = ?", ["demo"]),
        (":partner,:window_start,:partner", "?,?,?", ["demo", 1, "demo"]),
        ("x IN (:currencies)", "x IN (?, ?)", ["BTC", "USD"]),
        ("x::date = :window_start::date", "x::date = ?::date", [1]),
        ("'a :partner' || :partner", "'a :partner' || ?", ["demo"]),
        ("'it''s :partner'", "'it''s :partner'", []),
        ("E'it\\'s :partner' || :partner", "E'it\\'s :partner' || ?", ["demo"]),
        ('":partner" = :partner', '":partner" = ?', ["demo"]),
        ("-- :partner's\n:partner", "-- :partner's\n?", ["demo"]),
        ("/* :partner\n' */ :partner", "/* :partner\n' */ ?", ["demo"]),
        ("$$ :partner ' $$ || :partner", "$$ :partner ' $$ || ?", ["demo"]),
        ("$a$ :partner $$ $a$ || :partner", "$a$ :partner $$ $a$ || ?", ["demo"]),
        ("'10:30' < '2026-01-01 10:30:00'", "'10:30' < '2026-01-01 10:30:00'", []),
        ("f(a => :partner, b := 1)", "f(a => ?, b := 1)", ["demo"]),
        ("'100 %?'", "'100 %?'", []),
    ],
)
def test_names_become_placeholders_in_order(sql: str, bound_sql: str, bound: list[object]) -> None:
    """Casts, texts, quoted names and comments are left as they are."""
    assert bind(sql, VALUES, "?") == (bound_sql, bound)


def test_percent_signs_survive_a_driver_that_formats() -> None:
    """Psycopg reads % everywhere, in texts and comments too, so each one is doubled."""
    sql = "x LIKE 'a%' -- 5 %\nAND y % 2 = :window_start"
    text, bound = bind(sql, VALUES, "%s")
    assert text % tuple(bound) == "x LIKE 'a%' -- 5 %\nAND y % 2 = 1"


@pytest.mark.parametrize("placeholder", ["?", "%s"])
def test_an_unknown_name_is_refused(placeholder: Placeholder) -> None:
    """A misspelt parameter is named, with those there are."""
    with pytest.raises(ConfigurationError, match=r":window_begin.*:partner, :window_start"):
        bind("x > :window_begin", VALUES, placeholder)


def test_a_question_mark_operator_is_refused_where_it_would_be_a_parameter() -> None:
    """It would shift all values by one place."""
    with pytest.raises(ConfigurationError, match="question mark"):
        bind("a ? 'b' AND x = :partner", VALUES, "?")
    assert bind("a ? 'b' AND x = :partner", VALUES, "%s") == ("a ? 'b' AND x = %s", ["demo"])


def test_names_in_comments_do_not_count() -> None:
    """A condition that was commented out is not a condition."""
    assert names_in("x = :partner -- AND y > :window_start") == {"partner"}


@pytest.mark.parametrize(
    ("sql", "without"),
    [
        ("SELECT 1;", "SELECT 1"),
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1 ; ;\n", "SELECT 1"),
        ("SELECT 1; -- the end", "SELECT 1 -- the end"),
        ("SELECT 1; -- it's; the end\n/* ; */ ;", "SELECT 1 -- it's; the end\n/* ; */"),
        ("SELECT 1 -- no end;", "SELECT 1 -- no end;"),
        ("SELECT ';'", "SELECT ';'"),
        ("SELECT '--;'; -- x", "SELECT '--;' -- x"),
        ("SELECT $$;$$;", "SELECT $$;$$"),
        ("SELECT 1; SELECT 2;", "SELECT 1; SELECT 2"),
    ],
)
def test_the_semicolon_at_the_end_is_taken_off(sql: str, without: str) -> None:
    """A statement becomes a part of another one, comments behind its end and all."""
    assert without_end(sql) == without
