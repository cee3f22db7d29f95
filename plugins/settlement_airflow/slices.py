"""Spreading a day's requests over mapped tasks.

They are sent one after the other, whichever task sends them, and to start a task takes as long as
to send some ten. So a task for each request is for days of few, where the grid then shows each.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_SINGLE = 32
SLICE = 500
"""At the partner's limit about a minute and a half of sending."""


def slices_of(external_ids: Sequence[str]) -> list[list[str]]:
    """Slices in order: one request each up to 32 requests, else 500 each."""
    size = 1 if len(external_ids) <= MOST_SINGLE else SLICE
    return [list(external_ids[at : at + size]) for at in range(0, len(external_ids), size)]
