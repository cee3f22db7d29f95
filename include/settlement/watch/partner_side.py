"""What the partner shows against what the ledger holds; what it sends against what is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ARRAY, Text, any_, literal, or_, select

from settlement.ledger.partner_changes import RecordedChange, recorded_changes
from settlement.ledger.partner_reader import unrecorded_reader
from settlement.ledger.people.ignored import ignored_among
from settlement.ledger.schema import slot
from settlement.partner.answers import Settlement
from settlement.partner.contract.comparing import What, is_published
from settlement.request.external_id import parse_external_id
from settlement.slot.state import FREE, State
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind, in_words

READ_AGAIN_FOR = timedelta(days=30)
LISTED_WITHIN = timedelta(hours=1)
"""How long the partner's list may lag behind its answers, and its clock beside ours."""
RED_FOR = timedelta(days=1)
SAID_FOR = timedelta(days=30)
_MEANING = {
    What.NEW_FIELD: "the code does not read it, and the partner calls such a change harmless",
    What.NEW_VALUE: "the code does not guess: whatever depends on it waits",
    What.FIELD_GONE: "whatever needs it fails, and says so",
    What.OTHER_TYPE: "whatever cannot read it fails, and says so",
}


@dataclass(frozen=True, slots=True)
class KnownSlot:
    """A slot as the ledger holds it."""

    external_id: str
    business_date: date
    state: State
    settlement_id: str | None
    first_sent_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """Settlements created since `since`; the slots that they are, and those first sent since."""

    since: datetime
    started: datetime
    shown: Mapping[str, Settlement]
    slots: Mapping[str, KnownSlot]
    ignored: set[str]


def read_partner_list(context: WatchContext) -> Comparison:
    """One listing, all its pages; then the ledger, which has every slot before it is sent."""
    started = context.ledger.now()
    since = started - READ_AGAIN_FOR
    reader = unrecorded_reader(context.ledger, context.open_api(), context.partner)
    shown = reader.settlements_created_since(since)
    named = literal([each.external_id for each in shown], ARRAY(Text))
    query = select(slot).where(
        slot.c.partner == context.partner.name,
        or_(slot.c.external_id == any_(named), slot.c.first_sent_at >= since),
    )
    with context.ledger.transaction() as tx:
        slots = [
            KnownSlot(
                row.external_id,
                row.business_date,
                State(row.state),
                row.settlement_id,
                row.first_sent_at,
                row.updated_at,
            )
            for row in tx.execute(query)
        ]
        ignored = ignored_among(tx, context.partner.name, [each.id for each in shown])
    return Comparison(
        since,
        started,
        {each.external_id: each for each in shown},
        {each.external_id: each for each in slots},
        ignored,
    )


def shown_otherwise(context: WatchContext, compared: Comparison) -> Sequence[Finding]:
    """What is not the same on both sides."""
    return [*_changed_at_partner(context, compared), *_unknown_at_partner(context, compared)]


def _changed_at_partner(context: WatchContext, compared: Comparison) -> Iterator[Finding]:
    """Slots that are concluded or free in the ledger, and not what the partner shows now.

    An open slot is the business of its run, a diverged one that of a question.
    """
    for external_id, known in compared.slots.items():
        if known.updated_at >= compared.started:
            continue  # changed while we were reading: both sides are compared an hour later
        text = _change(context, compared, known)
        if text is not None:
            yield Finding(
                Kind.STATE_CHANGED,
                context.partner.name,
                text,
                business_date=known.business_date,
                external_id=external_id,
            )


def _change(context: WatchContext, compared: Comparison, known: KnownSlot) -> str | None:
    shown = compared.shown.get(known.external_id)
    held = f"is {known.state.value} in the ledger"
    if shown is None:
        gone = (
            known.state is State.COMPLETED
            and known.first_sent_at is not None
            and compared.since + LISTED_WITHIN < known.first_sent_at < context.now - LISTED_WITHIN
        )
        said = f"{held}, and the partner does not list it any more: stop the partner and ask it"
        return said if gone else None
    if known.state in {State.COMPLETED, State.REJECTED}:
        if (shown.id, shown.status) == (known.settlement_id, known.state.value):
            return None
        return (
            f"{held} as {known.settlement_id}, and the partner shows {shown.stated} {shown.id}: "
            "stop the partner and ask it. No run changes what was proved once; if what is shown "
            "is right, `settlement record` takes it"
        )
    if known.state in FREE:
        return (
            f"{held}, and the partner shows it {shown.stated} as {shown.id}: stop the partner and "
            "ask it; then run the date, which takes in what is shown"
        )
    return None


def _unknown_at_partner(context: WatchContext, compared: Comparison) -> Iterator[Finding]:
    """Settlements that the ledger does not know: under our prefix, or somebody else's."""
    for each in compared.shown.values():
        if each.external_id in compared.slots or each.id in compared.ignored:
            continue
        identity = parse_external_id(each.external_id)
        said = f"the partner shows it {each.stated}, created {each.created_at.isoformat()}, and "
        if identity is not None and identity.partner == context.partner.name:
            yield Finding(
                Kind.UNKNOWN_SETTLEMENT,
                context.partner.name,
                f"{said}the ledger does not know it: find out whether the ledger was restored or "
                "somebody else settles under our name. Then run the date, which adopts it; if no "
                "run does, take it with `settlement record`",
                business_date=identity.business_date,
                external_id=each.external_id,
            )
        elif context.partner.foreign_settlements == "stop":
            yield Finding(
                Kind.FOREIGN_SETTLEMENT,
                context.partner.name,
                f"{said}this project did not make it: `settlement record` it for a date, or "
                "`settlement ignore` it. Until then, no run sends anything",
                external_id=each.external_id,
            )


def read_partner_changes(context: WatchContext) -> Sequence[RecordedChange]:
    """All that is recorded of what the partner sends otherwise than it is published."""
    with context.ledger.transaction() as tx:
        return recorded_changes(tx, context.partner.name)


def partner_changes(context: WatchContext, recorded: Sequence[RecordedChange]) -> Iterator[Finding]:
    """Each kind for a month after it was first seen; red for a day, unless it is a new field.

    One that this version of the project knows meanwhile is none any more.
    """
    for each in recorded:
        age = context.now - each.at
        if age > SAID_FOR or is_published(each.change):
            continue
        yield Finding(
            Kind.PARTNER_CHANGED,
            context.partner.name,
            f"the partner sends {each.change} (first {in_words(age)} ago): "
            f"{_MEANING[each.change.what]}. See whether the API has changed, and bring "
            "contract/published.toml and what reads the field up to date",
            needs_a_person=age <= RED_FOR and each.change.what is not What.NEW_FIELD,
        )
