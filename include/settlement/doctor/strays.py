"""A look at the trades that no business date will settle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from settlement.config.partner_file import PartnerFile
from settlement.doctor.diagnosis import Diagnosis, note, ok, wrong
from settlement.ledger.database import Ledger
from settlement.ledger.install.version import current_version, newest_version
from settlement.warehouse import Warehouse
from settlement.watch.uncovered import find_uncovered

SUBJECT = "trades without a date"


def look_at_strays(
    ledger: Ledger, warehouse: Warehouse, partner: PartnerFile, now: datetime
) -> Iterator[Diagnosis]:
    """As the watch finds them: before, between and after all windows, or at no time."""
    with ledger.transaction() as tx:
        upgraded = current_version(tx) == newest_version()
    if not upgraded:
        yield note(SUBJECT, "not known before the ledger is upgraded: it holds the windows")
        return
    found = find_uncovered(ledger, warehouse, partner, now)
    for each in found:
        yield wrong(SUBJECT, str(each))
    if not found:
        yield ok(SUBJECT, "every trade lies in a date that is settled or will be")
