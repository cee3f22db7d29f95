"""Whether the partner file still says what the ledger has bound at first use."""

from __future__ import annotations

from collections.abc import Iterator

from settlement.ledger.bound_currencies import bound_decimals, decimals_conflict
from settlement.watch.eyes import Eyes
from settlement.watch.finding import Finding, Kind


def read_binding_conflict(eyes: Eyes) -> str | None:
    """What the partner file says otherwise than is bound."""
    with eyes.ledger.transaction() as tx:
        return decimals_conflict(eyes.partner, bound_decimals(tx, eyes.partner.name))


def binding_conflict(eyes: Eyes, what: str | None) -> Iterator[Finding]:
    """Somebody edited the decimals of a currency that was used: every run is refused."""
    if what is not None:
        yield Finding(Kind.BINDING_CONFLICT, eyes.partner.name, what)
