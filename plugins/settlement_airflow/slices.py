"""Spreading a day's requests over mapped tasks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

MOST_TASKS = 32


def slices_of(external_ids: Sequence[str]) -> list[list[str]]:
    """Slices in order, one request each up to 32 requests, then 32 slices of almost equal size."""
    count = min(len(external_ids), MOST_TASKS)
    edges = [len(external_ids) * index // count for index in range(count + 1)] if count else []
    return [list(external_ids[a:b]) for a, b in pairwise(edges)]
