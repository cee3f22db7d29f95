"""The externalId of a slot: identity only, never amounts, run ids or try numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import date
from itertools import count
from typing import NamedTuple

from settlement.values import PartnerName

EXTERNAL_ID = re.compile(r"(?P<partner>[a-z0-9_]+)-(?P<date>\d{4}-\d{2}-\d{2})-(?P<n>[1-9][0-9]*)")


class SlotIdentity(NamedTuple):
    """Partner, business date and number (1, 2, 3…) of a slot."""

    partner: PartnerName
    business_date: date
    n: int

    @property
    def external_id(self) -> str:
        """`{partner}-{business date}-{n}`."""
        return f"{self.partner}-{self.business_date.isoformat()}-{self.n}"


def parse_external_id(text: str) -> SlotIdentity | None:
    """The slot that an externalId names, or None if it has another form."""
    match = EXTERNAL_ID.fullmatch(text)
    if match is None:
        return None
    try:
        business_date = date.fromisoformat(match["date"])
    except ValueError:
        return None
    return SlotIdentity(PartnerName(match["partner"]), business_date, int(match["n"]))


def unused_identities(
    partner: PartnerName, business_date: date, taken: Collection[str]
) -> Iterator[SlotIdentity]:
    """Slots that a date does not have yet, lowest number first; `taken` are its externalIds.

    A gap in the numbers is what a lost ledger leaves behind: a request under that number may still
    be on its way, and whatever carries its amounts must meet it at the partner's fence.
    """
    for n in count(1):
        identity = SlotIdentity(partner, business_date, n)
        if identity.external_id not in taken:
            yield identity
