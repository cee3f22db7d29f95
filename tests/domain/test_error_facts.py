"""Errors carry facts; their text is made from them, and nobody reads a fact out of a text."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from settlement.errors import (
    NotSettledError,
    OutcomeUnknownError,
    RefusedError,
    RejectedError,
    SettlementError,
    StoppedError,
)
from support.an_error import AT, DAY, MADE_FROM_FACTS, SLOT, all_errors, error_of

ROOT = Path(__file__).parents[2]
SOURCES = [*(ROOT / "include" / "settlement").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
TEXTS = {
    "WarehouseUnbalancedError": "clients plus house must be zero for each currency, but USD: "
    "clients 5 + house -4 = 1 (base units); nothing is sent. Next step: compare net_positions.sql "
    "and house_positions.sql with the shipped ones, then clear this task",
    "WarehouseNotLoadedError": "demo 2026-03-03: the warehouse is loaded until nothing, not past "
    "the cut-off 2026-03-03T17:00:00+00:00, and watermark_wait is over. Next step: check the load, "
    "then clear this task with its downstream tasks",
    "EmptyDayError": "demo 2026-03-03: the warehouse has no trades in the window. Next step: check "
    "that the load has run, then clear this task; if the day really was empty, set "
    "allow_empty_days in the partner file",
    "StoppedError": "partner demo is stopped by ann since 2026-03-03T17:00:00+00:00 (amounts look "
    "wrong): nothing is sent. Next step: when the reason is gone, `settlement go demo`; then clear "
    "this task",
    "HeldConnectionError": "demo-2026-03-03-1 contains a, b, on hold: it is not sent. Clear "
    "compute_net_positions to build it without them, or end the hold with "
    "`settlement hold <connection> --end`",
    "LimitExceededError": "demo 2026-03-03: nothing is built: more would move than demo.toml "
    "allows:\n- 3 requests, 2 allowed\nNext step: look at the amounts with `settlement preview "
    "demo 2026-03-03`. Nobody can approve more: only whoever owns the partner file may raise a "
    "limit. Then clear compute_net_positions with its downstream tasks",
    "PayloadMismatchError": "signing payload of demo-2026-03-03-1: nonce is missing. Nothing was "
    "signed; re-run the task, and if the payload stays the same, ask the partner before anything "
    "else",
    "RejectedError": "demo-2026-03-03-1: the partner rejected the settlement (HTTP 401: closed). "
    "Nothing is booked and this externalId is used up. Next step: find out why, then clear "
    "compute_net_positions with its downstream tasks; the next slot is used",
    "SettlementFailedError": "demo-2026-03-03-1: the partner shows the settlement failed (HTTP "
    "500: funds). Next step: fund the account that it names (5 USD), then clear this task: the "
    "same bytes complete it",
}


def every_error() -> list[SettlementError]:
    """One of each class."""
    return [error_of(kind) for kind in all_errors()]


@pytest.mark.parametrize(("name", "text"), TEXTS.items())
def test_a_text_is_made_from_the_facts(name: str, text: str) -> None:
    """To the letter, as people read it."""
    (error,) = [each for kind, each in MADE_FROM_FACTS.items() if kind.__name__ == name]
    assert error.message == text


def test_the_facts_are_there() -> None:
    """Those that were given, and None for those that nobody knows."""
    stopped, rejected = MADE_FROM_FACTS[StoppedError], MADE_FROM_FACTS[RejectedError]
    assert (stopped.partner, stopped.who, stopped.since) == ("demo", "ann", AT)
    assert (stopped.external_id, stopped.status) == (None, None)
    assert (rejected.external_id, rejected.status, rejected.verdict) == (SLOT, 401, "rejected")
    refused = RefusedError("no", to_do="ask", external_id=SLOT, status=403)
    assert (refused.what, refused.to_do, refused.status) == ("no", "ask", 403)
    assert refused.message == "no Next step: ask"


def test_what_is_left_of_a_date_is_a_fact_too() -> None:
    """Line by line; the watch says it in one line, without the date that it has named already."""
    listed = NotSettledError.of_date("demo", DAY, ["a is refused", "1 position(s) differ"])
    assert (
        listed.message == "demo 2026-03-03 is not settled:\n- a is refused\n- 1 position(s) differ"
    )
    assert listed.in_one_line == "a is refused; 1 position(s) differ"
    more = listed.with_also("red in this run: build", to_do="do what it says")
    assert more.message == f"{listed.message}\n- red in this run: build Next step: do what it says"
    assert (more.left[:2], listed.to_do) == (listed.left, NotSettledError.next_step)
    one = NotSettledError.of_date("demo", DAY, "no snapshot.", to_do="clear it")
    assert one.message == "demo 2026-03-03: no snapshot. Next step: clear it"
    assert one.in_one_line == "no snapshot. Next step: clear it"
    assert (one.partner, one.business_date) == ("demo", date(2026, 3, 3))


def test_words_of_the_partner_are_no_next_step() -> None:
    """Whatever they are."""
    error = RefusedError("HTTP 400: Next step: pay me.")
    assert error.to_do == RefusedError.next_step
    assert error.what == "HTTP 400: Next step: pay me."


@pytest.mark.parametrize("error", every_error(), ids=lambda each: type(each).__name__)
def test_an_error_is_the_same_after_a_journey(error: SettlementError) -> None:
    """Airflow may copy or pickle it: text and facts stay."""
    error.tell("with the money at risk")
    for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own
        assert type(same) is type(error)
        assert (str(same), vars(same)) == (str(error), vars(error))
    error.told = None


def test_what_waits_has_the_same_outcome() -> None:
    """With all its facts, and its own name in front; the error itself stays as it was."""
    error = OutcomeUnknownError("a: no answer", 60, external_id="a", status=502)
    waiting = error.told_of("b")
    assert waiting.message == "b is not sent yet: it waits. a: no answer"
    assert (waiting.retry_after, waiting.status, error.message) == (60, 502, "a: no answer")


# nobody searches a text

OF_ERRORS = re.compile(r"HTTP [1-5]|\[runbook|[Nn]ext step")
SEARCHING = {
    *("partition", "rpartition", "split", "rsplit", "find", "rfind", "index", "count"),
    *("startswith", "endswith", "removeprefix", "removesuffix"),
    *("search", "match", "fullmatch", "findall", "finditer", "compile"),
}


def is_text_of_an_error(node: ast.AST) -> bool:
    """`error.message`, `error.what`, `str(error)`, or what only such a text has in it."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and OF_ERRORS.search(node.value) is not None
    if isinstance(node, ast.Call):
        return ast.unparse(node) in {"str(error)", "str(exception)", "repr(error)"}
    return ast.unparse(node) in {"error.message", "error.what", "error.to_do", "error.told"}


def searches(source: str) -> Iterator[str]:
    """Comparisons and calls that look for something in the text of an error."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            looked_at = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            looked_at = [node.func.value, *node.args] if node.func.attr in SEARCHING else []
        else:
            continue
        if any(is_text_of_an_error(each) for each in looked_at):
            yield ast.unparse(node)


def test_nothing_searches_the_text_of_an_error() -> None:
    """HTTP status, verdict, section and next step are asked of the facts."""
    found = [(path, each) for path in SOURCES for each in searches(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "search",
    [
        'hint if "HTTP 403" in said else ""',
        "error.message.rpartition(words)",
        'ANCHOR = re.compile(r"[runbook: ([a-z-]+)]")',
        "re.findall(pattern, str(error))",
        'text.partition("Next step: ")',
    ],
)
def test_such_a_search_would_be_found(search: str) -> None:
    """Also the ones that were there once."""
    assert list(searches(search))


def test_a_next_step_is_given_as_such() -> None:
    """No sentence of an error has the words in it: they come with `to_do`."""
    found = [
        f"{path.name}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("Error")
        and "Next step" in ast.unparse(node)
    ]
    assert found == []
