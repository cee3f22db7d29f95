"""Questions as people read them: amounts in full units, and what each answer does to the money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
        case Subject.OTHER_DATE:
            return f"{about}: trades of another date. Settle them here as well?"
        case Subject.APPROVAL:
            return f"{about}: may these requests be sent?"


def body_of(question: Question, currencies: Mapping[str, int]) -> str:
    """What a person must know to answer, in Markdown: amounts in full units, what each answer does.

    :param currencies: decimals of each currency that the partner file knows
    """
    described = {
        Subject.DIVERGED: _diverged,
        Subject.HISTORY: _history,
        Subject.OTHER_DATE: _other_date,
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
    yield (
        f"An earlier run has read {facts['trades_were']:,} trades; {facts['trades_are']:,} of them "
        f"are there now, and {facts['late_trades']:,} were recorded since. Positions that changed: "
        f"{facts['changed_positions']:,}."
    )
    returning = facts["returning_trades"] > 0
    names = ("was", "is", "late") if returning else ("was", "is")
    rows = [
        (
            each["connection"],
            each["currency"],
            *(_amount(int(each[name]), each["currency"], currencies) for name in names),
        )
        for each in facts["positions"]
    ]
    yield _table(("connection", "currency", *names), rows, of=facts["changed_positions"])
    yield _totals("change", facts["totals"], currencies)
    if returning:
        yield (
            f"**{facts['returning_trades']:,} late trade(s) may be the ones that went**, such as "
            f"{', '.join(facts['returning_examples'])}. If they are, loaded again under a new "
            "`recorded_at`, then *settle* is right and *leave* settles them a second time."
        )
    yield (
        "- **settle**: the warehouse is right as it is now. The next run moves the change: what "
        "was settled and is not there any more is taken back.\n"
        "- **leave**: what was settled stays. The change moves no money, in this run or later "
        "ones; late trades still settle. Not the answer for a load that is half done: have it "
        "completed, and run the date again."
    )


def _other_date(facts: Mapping[str, Any], currencies: Currencies) -> Iterator[str]:
    dates = ", ".join(
        f"{each['business_date']} ({each['trades']:,} trades)" for each in facts["dates"]
    )
    holds = (
        f"The window of this date holds {facts['trades']:,} trade(s), such as "
        f"{', '.join(facts['examples'])}, that"
    )
    if facts["certain"]:
        yield f"{holds} belong to {dates}. Settled here, they would be settled twice."
    else:
        yield (
            f"{holds} **may** have come from {dates}: trades went from there, the ledger does not "
            "remember which, and these touch what changed. Those that did come from there would "
            "be settled twice here; the others belong here, and *leave* would leave them out."
        )
    yield _totals("these trades", facts["totals"], currencies)
    rows = [
        (*line.key, _amount(line.amount, line.currency, currencies))
        for line in lines_of_facts(facts["positions"])
    ]
    yield _table(("connection", "currency", "moved here"), rows, of=facts["changed_positions"])
    yield (
        "- **leave**: they stay with the other date; this one is settled without them.\n"
        "- **settle**: they are settled in this date **as well**. Right only if they are other "
        "trades under the same ids, or if the money of the other date was never moved.\n"
        "\nA trade that has moved to this date for good: run the other date first, where its going "
        "is asked about and taken back. Once that is settled, run this date; nothing is asked "
        "then. If trades have swapped between two dates, leave them here: what the other date "
        "gives back is settled here then."
    )


def _approval(facts: Mapping[str, Any], currencies: Currencies) -> Iterator[str]:
    passed = "; ".join(_passed(each, currencies) for each in facts["above"])
    yield f"The date is above the approval limits of the partner file: {passed}."
    yield f"To be sent, {len(facts['requests']):,} request(s):"
    yield _totals("to be sent", facts["totals"], currencies)
    if facts["in_effect"]:
        yield f"Booked or in flight already, {facts['in_effect']:,} request(s):"
        yield _totals("in effect", facts["totals_in_effect"], currencies)
    rows = [(each["external_id"], f"`{each['body_digest']}`") for each in facts["requests"]]
    yield _table(("request", "digest of its amounts"), rows)
    yield (
        "- **approve**: exactly these requests may be signed and sent.\n"
        "- **reject**: none of them is sent, and the run ends red."
    )


def _passed(above: Mapping[str, str], currencies: Currencies) -> str:
    if above["what"] == "requests":
        return f"{above['total']} requests, {above['limit']} go without approval"
    total, limit = (
        _amount(int(above[name]), above["what"], currencies) for name in ("total", "limit")
    )
    return f"{total} {above['what']} gross, {limit} go without approval"


def _totals(what: str, totals: Iterable[Mapping[str, str]], currencies: Currencies) -> str:
    """Net: what the clients together receive; gross: what moves at all."""
    rows = [
        (
            each["currency"],
            *(_amount(int(each[name]), each["currency"], currencies) for name in ("net", "gross")),
        )
        for each in totals
    ]
    return _table((f"{what}: currency", "net", "gross"), rows)


def _amount(amount: int, currency: str, currencies: Currencies) -> str:
    if currency in currencies:
        return display(amount, currencies[currency])
    return f"{display(amount, 0)} base units"


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], of: int = 0) -> str:
    """A Markdown table of the first rows, and how many more there are.

    :param of: how many there are in all, where `rows` holds only the first
    """
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(row)} |" for row in rows[:SHOWN_LINES]]
    rest = max(of, len(rows)) - SHOWN_LINES
    if rest > 0:
        lines.append(f"\nand {rest:,} more")
    return "\n".join(lines)
