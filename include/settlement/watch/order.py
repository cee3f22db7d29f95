"""In which order findings are read: what needs a person first, the worst of it, the newest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from settlement.watch.finding import Finding, Kind

WORST_FIRST = (
    Kind.CHAIN_BROKEN,
    Kind.STATE_CHANGED,
    Kind.UNKNOWN_SETTLEMENT,
    Kind.FOREIGN_SETTLEMENT,
    Kind.BINDING_CONFLICT,
    Kind.BROKEN_PARTNER_FILE,
    Kind.NO_PARTNER_FILE,
    Kind.STOPPED,
    Kind.NO_POOL,
    Kind.OPEN_TOO_LONG,
    Kind.UNANSWERED,
    Kind.SHORT_OF_FUNDS,
    Kind.MARKED_BY_HAND,
    Kind.OVERDUE,
    Kind.NEVER_TOUCHED,
)
"""Money that nobody can account for, then what keeps all dates from settling, then single dates."""


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Those that need a person first, by their kind; of one kind the newest date first."""
    return sorted(findings, key=_rank)


def _rank(finding: Finding) -> tuple[bool, int, int]:
    kind = finding.kind
    severity = WORST_FIRST.index(kind) if kind in WORST_FIRST else len(WORST_FIRST)
    newest = finding.span.last if finding.span else finding.business_date
    return not finding.needs_a_person, severity, -(newest or date.min).toordinal()
