"""The notes of our requests: readable, and proof of which body they belong to.

What the partner shows of a settlement says neither which body it was made of nor which trades it
settles. Its notes do (partner API, sections 6 and 8: free text, and shown again): they carry the
window of the trades and the start of the nonce, a hash over everything else and that window. So a
ledger that has forgotten both takes them from the partner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from settlement.request.instruction import nonce_of
from settlement.values import Line, Window

_INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"
_NOTES = re.compile(
    r"Net trading of [0-9]{4}-[0-9]{2}-[0-9]{2}"
    rf"(?: \(({_INSTANT}) to ({_INSTANT})\))?, ([0-9a-f]{{16}})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What notes of ours say: the start of the nonce, and the window of the trades.

    `window` is None in notes that were written for a settlement without one.
    """

    nonce_start: str
    window: Window | None

    def proves(
        self, external_id: str, lines: Iterable[Line], cutoff_at: datetime | None = None
    ) -> bool:
        """Whether they were written for these lines under this externalId."""
        nonce = nonce_of(external_id, lines, cutoff_at, self.window)
        return nonce.startswith(self.nonce_start)


def notes_of(business_date: date, nonce: str, window: Window | None = None) -> str:
    """Write the notes of a body."""
    span = f" ({_written(window.start)} to {_written(window.end)})" if window else ""
    return f"Net trading of {business_date.isoformat()}{span}, {nonce[:16]}"


def proof_in_notes(notes: str | None) -> Proof | None:
    """What notes of ours carry; nothing for other notes."""
    match = _NOTES.fullmatch(notes) if notes is not None else None
    if match is None:
        return None
    start, end, nonce_start = match.groups()
    if start is None:
        return Proof(nonce_start, None)
    try:
        return Proof(
            nonce_start, Window(datetime.fromisoformat(start), datetime.fromisoformat(end))
        )
    except ValueError:
        return None


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
