"""Questions as people read them: amounts in full units, and what each answer does to the money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from settlement.amounts import displayed
from settlement.ledger.people.question import (
    SHOWN_LINES,
    Question,
    Subject,
    lines_of_facts,
    may_not_answer,
)
from settlement.steps.both_sides import compared
from settlement.wording import and_more, first_few

Currencies = Mapping[str, int]
IN_TITLE = 2
"""Currencies whose amounts a title names."""


def title_of(question: Question, currencies: Currencies) -> str:
    """One line for a list: partner, date, amounts (gross), and what is asked."""
    match question.subject:
        case Subject.DIVERGED:
            asked = f"is what the partner shows under {question.external_id} booked?"
        case Subject.HISTORY:
            asked = "trades that were read have changed. Settle the change?"
        case Subject.OTHER_DATE:
            asked = "trades of another date. Settle them here as well?"
        case Subject.APPROVAL:
            asked = "may these requests be sent?"
    amounts = _amounts_of(question, currencies)
    return f"{question.partner} {question.business_date}, {amounts}: {asked}"


def _amounts_of(question: Question, currencies: Currencies) -> str:
    """Gross, the first currencies of many."""
    if question.subject is Subject.DIVERGED:
        gross = {each.currency: each.gross for each in compared(question.facts).totals}
    else:
        gross = {each["currency"]: int(each["gross"]) for each in question.facts["totals"]}
    listed = [
        f"{displayed(gross[currency], currency, currencies)} {currency}"
        for currency in sorted(gross)
        if gross[currency]
    ]
    return first_few(listed, IN_TITLE) or "no difference"


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
    excluded = may_not_answer(question)
    barred = [f"**{excluded} started the run that asks: somebody else answers.**"]
    parts = [*(barred if excluded else ()), *described(question.facts, currencies), footer]
    return "\n\n".join(parts)


def _diverged(facts: Mapping[str, Any], currencies: Currencies) -> Iterator[str]:
    done = "" if facts["transfers_completed"] else ", with transfers that are not completed"
    yield f"{facts['why']}."
    yield f"Settlement {facts['settlement_id']} is {facts['status']} at the partner{done}."
    if facts["known_settlement_id"] not in {None, facts["settlement_id"]}:
        yield f"The ledger knew settlement {facts['known_settlement_id']} under this externalId."
    both = compared(facts)
    names = ("ours", "theirs", "difference")
    rows = [
        (
            *each.key,
            *(
                displayed(amount, each.key.currency, currencies)
                for amount in (each.ours, each.theirs, each.difference)
            ),
        )
        for each in both.differing
    ]
    equal = f"{both.equal:,} amount(s) are equal on both sides"
    if rows:
        yield f"{len(rows):,} amount(s) differ, {equal}. The largest of each currency come first:"
        yield _table(("connection", "currency", *names), rows)
        yield _table(
            ("all that differ: currency", "amounts", "net difference", "gross difference"),
            [
                (
                    each.currency,
                    f"{each.count:,}",
                    displayed(each.net, each.currency, currencies),
                    displayed(each.gross, each.currency, currencies),
                )
                for each in both.totals
            ],
        )
    else:
        yield f"No amount differs: {equal}."
    if len(facts["ours"]) > 1:
        yield f"Ours is the newest of {len(facts['ours'])} bodies that this request has had."
    yield (
        "- **adopt**: what the partner shows is taken as booked; the date runs again and settles "
        "the rest.\n"
        "- **leave**: nothing is taken as booked, nothing more is sent for the date, and it stays "
        "red."
    )


def _history(facts: Mapping[str, Any], currencies: Currencies) -> Iterator[str]:
    yield (
        f"An earlier run read {facts['trades_were']:,} trades. {facts['trades_are']:,} of them are "
        f"still there, and {facts['late_trades']:,} were recorded since. Positions that changed: "
        f"{facts['changed_positions']:,}."
    )
    returning = facts["returning_trades"] > 0
    names = ("was", "is", "late") if returning else ("was", "is")
    rows = [
        (
            each["connection"],
            each["currency"],
            *(displayed(int(each[name]), each["currency"], currencies) for name in names),
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
        "- **leave**: what was settled stays. The change moves no money, in this run or a later "
        "one; late trades still settle. Do not answer this if a load is half done: have the load "
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
            f"{holds} **may** have come from {dates}. Trades are gone from there, the ledger does "
            "not remember which, and these touch the positions that changed. A trade that did come "
            "from there would be settled twice here. The others belong here, and *leave* would "
            "leave them out."
        )
    yield _totals("these trades", facts["totals"], currencies)
    rows = [
        (*line.key, displayed(line.amount, line.currency, currencies))
        for line in lines_of_facts(facts["positions"])
    ]
    yield _table(("connection", "currency", "moved here"), rows, of=facts["changed_positions"])
    yield (
        "- **leave**: they stay with the other date; this one is settled without them.\n"
        "- **settle**: they are settled in this date **as well**. This is right only if they are "
        "other trades under the same ids, or if the other date's money was never moved.\n"
        "\nIf a trade has moved to this date for good, run the other date first. That run asks "
        "about the trade that is gone and takes its money back. Once the other date is settled, "
        "run this date: nothing is asked then. If trades have swapped between two dates, answer "
        "*leave* here: once the other date has given its trades back, this one settles them."
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
        displayed(int(above[name]), above["what"], currencies) for name in ("total", "limit")
    )
    return f"{total} {above['what']} gross, {limit} go without approval"


def _totals(what: str, totals: Iterable[Mapping[str, str]], currencies: Currencies) -> str:
    """Net: what the clients together receive; gross: what moves at all."""
    rows = [
        (
            each["currency"],
            *(
                displayed(int(each[name]), each["currency"], currencies)
                for name in ("net", "gross")
            ),
        )
        for each in totals
    ]
    return _table((f"{what}: currency", "net", "gross"), rows)


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], of: int = 0) -> str:
    """A Markdown table of the first rows, and how many more there are.

    :param of: how many there are in all, where `rows` holds only the first
    """
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(row)} |" for row in rows[:SHOWN_LINES]]
    rest = max(of, len(rows)) - SHOWN_LINES
    if rest > 0:
        lines.append(f"\n{and_more(rest)}")
    return "\n".join(lines)
