"""What the partner sends otherwise than it is published, as runs have recorded it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from settlement.ledger.partner_changes import RecordedChange, recorded_changes
from settlement.partner.contract.comparing import What, is_published
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind, in_words

RED_FOR = timedelta(days=1)
SAID_FOR = timedelta(days=30)
_MEANING = {
    What.NEW_FIELD: "nothing reads it, and the partner calls that a harmless change",
    What.NEW_VALUE: "nothing is guessed: what would depend on it waits",
    What.FIELD_GONE: "what cannot do without it fails, and says so",
    What.OTHER_TYPE: "what cannot be read with it fails, and says so",
}


def read_partner_changes(context: WatchContext) -> Sequence[RecordedChange]:
    """All that are recorded."""
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
