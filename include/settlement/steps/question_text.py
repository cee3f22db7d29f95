"""Questions as people read them: amounts in full units, and what each answer does to the money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from settlement.amounts import display
from settlement.question import SHOWN_LINES, Question, Subject, lines_of_facts
from settlement.values import PositionKey, as_positions

Currencies = Mapping[str, int]


def title_of(question: Question) -> str:
    """One line that says what is asked."""
    about = question.external_id or f"{question.partner} {question.business_date}"
    match question.subject:
        case Subject.DIVERGED:
            return f"{about}: is what the partner shows booked?"
        case Subject.HISTORY:
            return f"{about}: trades that were read have changed. Settle the change?"
        case Subject.APPROVAL:
            return f"{about}: may these requests be sent?"


def body_of(question: Question, currencies: Mapping[str, int]) -> str:
    """What a person must know to answer, in Markdown: amounts in full units, what each answer does.

    :param currencies: decimals of each currency that the partner file knows
    """
    described = {
        Subject.DIVERGED: _diverged,
        Subject.HISTORY: _history,
        Subject.APPROVAL: _approval,
    }[question.subject]
    footer = f"Question `{question.digest}`, asked by {question.asked_by}."
    return "\n\n".join([*described(question.facts, currencies), footer])


def _diverged(facts: Mapping[str, Any], currencies: Currencies) -> Iterator[str]:
    done = "" if facts["transfers_completed"] else ", with transfers that are not completed"
    yield f"{facts['why']}."
    yield f"Settlement {facts['settlement_id']} is {facts['status']} at the partner{done}."
    if facts["known_settlement_id"] not in {None, facts["settlement_id"]}:
        yield f"The ledger knew settlement {facts['known_settlement_id']} under this externalId."
    ours = _current_lines(facts)
    theirs = as_positions(lines_of_facts(facts["theirs"]))
    rows = [
        (*key, *(_amount(side.get(key, 0), key.currency, currencies) for side in (ours, theirs)))
        for key in sorted({*ours, *theirs})
    ]
    yield _table(("connection", "currency", "ours", "theirs"), rows)
    if len(facts["ours"]) > 1:
        yield f"Ours is the newest of {len(facts['ours'])} bodies that this request has had."
    yield (
        "- **adopt**: what the partner shows is taken as booked; the date runs again and settles "
        "the rest.\n"
        "- **leave**: nothing is taken as booked, nothing more is sent for the date, and it stays "
        "red."
    )


def _current_lines(facts: Mapping[str, Any]) -> dict[PositionKey, int]:
    """Our side: the current body, or the newest where none is."""
    bodies = facts["ours"]
    current = [each for each in bodies if each["body"] == facts["current_body"]] or bodies[-1:]
    return as_positions(lines_of_facts(current[0]["lines"])) if current else {}


def _history(facts: Mapping[str, Any], currencies: Currencies) -> Iterator[str]:
    yield str(facts)


def _approval(facts: Mapping[str, Any], currencies: Currencies) -> Iterator[str]:
    yield str(facts)


def _amount(amount: int, currency: str, currencies: Currencies) -> str:
    if currency in currencies:
        return display(amount, currencies[currency])
    return f"{display(amount, 0)} base units"


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table of the first rows; how many more there are."""
    rows = list(rows)
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(row)} |" for row in rows[:SHOWN_LINES]]
    if len(rows) > SHOWN_LINES:
        lines.append(f"\nand {len(rows) - SHOWN_LINES:,} more")
    return "\n".join(lines)
