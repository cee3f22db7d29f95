"""What the ledger says by itself: people's decisions, bound decimals, its own chain of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from settlement.errors import ChainBrokenError
from settlement.ledger.bound_currencies import bound_decimals, decimals_conflict
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.people.holds import Hold, holds_in_force
from settlement.ledger.people.question import SHORT, Question
from settlement.ledger.people.questions import open_questions
from settlement.ledger.people.stop import Stop, stop_of
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind, in_words

ANSWERED_WITHIN = timedelta(hours=1)
OLD_HOLD = timedelta(days=7)


def read_questions(context: WatchContext) -> Sequence[Question]:
    """Questions that wait for a person."""
    with context.ledger.transaction() as tx:
        return open_questions(tx, context.partner.name)


def unanswered(context: WatchContext, questions: Sequence[Question]) -> Iterator[Finding]:
    """Each is put before a person if no run has; one that waits for long is also red."""
    partner = context.partner.name
    for each in questions:
        waited = context.now - each.asked_at
        text = (
            f"a question ({each.subject.value}, {each.digest[:SHORT]}) has waited for an answer "
            f"for {in_words(waited)}: answer it in settlement_decision, or with `settlement decide "
            f"{partner}`"
        )
        yield Finding(
            Kind.UNANSWERED,
            partner,
            text,
            business_date=each.business_date,
            external_id=each.external_id,
            needs_a_person=waited > ANSWERED_WITHIN,
            start=each,
        )


def read_holds(context: WatchContext) -> Sequence[Hold]:
    """Holds in force."""
    with context.ledger.transaction() as tx:
        return holds_in_force(tx, context.partner.name)


def old_holds(context: WatchContext, holds: Sequence[Hold]) -> Iterator[Finding]:
    """Holds without an end that nobody has looked at for a week."""
    for each in holds:
        age = context.now - each.at
        if each.until is None and age > OLD_HOLD:
            text = (
                f"connection {each.connection_id} has been on hold for {in_words(age)} without an "
                f"end, by {each.who} ({each.reason}): lift the hold, or renew it with --until"
            )
            yield Finding(Kind.OLD_HOLD, context.partner.name, text)


def read_stop(context: WatchContext) -> Stop | None:
    """The stop flag, if it is up."""
    with context.ledger.transaction() as tx:
        return stop_of(tx, context.partner.name)


def stopped(context: WatchContext, stop: Stop | None) -> Iterator[Finding]:
    """While it is up nothing is sent."""
    if stop is not None:
        text = (
            f"stopped {in_words(context.now - stop.at)} ago by {stop.who} ({stop.reason}), nothing "
            f"is sent: once the reason is gone, `settlement go {context.partner.name}` and run the "
            "dates that failed meanwhile"
        )
        yield Finding(Kind.STOPPED, context.partner.name, text)


def read_binding_conflict(context: WatchContext) -> str | None:
    """What decimals the partner file says otherwise than are bound."""
    with context.ledger.transaction() as tx:
        return decimals_conflict(context.partner, bound_decimals(tx, context.partner.name))


def binding_conflict(context: WatchContext, what: str | None) -> Iterator[Finding]:
    """Somebody edited the decimals of a currency that was used: every run is refused."""
    if what is not None:
        yield Finding(Kind.BINDING_CONFLICT, context.partner.name, what)


def read_broken_invariant(context: WatchContext) -> str | None:
    """The first thing that does not hold, as `settlement verify` finds it.

    It costs as much as the ledger is large.
    """
    try:
        verify_ledger(context.ledger, context.partner.name, context.partner.currencies)
    except ChainBrokenError as error:
        return error.message
    return None


def broken_chain(context: WatchContext, what: str | None) -> Iterator[Finding]:
    """Somebody changed the tables by hand, or a restore mixed two states."""
    if what is not None:
        yield Finding(Kind.CHAIN_BROKEN, context.partner.name, what)
