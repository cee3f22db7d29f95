"""What stands on a date's page beside the ledger's facts: findings, and what a person may do."""

from __future__ import annotations

from settlement.pages.date_page import DatePage
from settlement_airflow.pages.newest_run import NewestRun
from settlement_airflow.pages.watch_findings import Found, findings_of

MOST_HELD = 5
"""Forms on a page. Where there are more such clients, something is wrong with all of them."""


def found_about(page: DatePage) -> list[Found]:
    """What the watch has found about a date, unless it was proved settled since."""
    name, day = page.partner.name, page.row.business_date
    watched = findings_of([name]).get(name)
    proved_at = {day: page.proved_at} if page.proved_at else {}
    found = watched.for_a_person(proved_at) if watched else ()
    return [each for each in found if each.business_date == str(day)]


def may_be_held(page: DatePage, run: NewestRun | None) -> list[str]:
    """Clients without whom the others would settle, as far as they are not on hold already."""
    if page.row.left is None:
        return []
    named = [*page.refused_clients, *(run.may_be_held if run else ())]
    held = {each.connection_id for each in page.holds}
    return [each for each in dict.fromkeys(named) if each not in held][:MOST_HELD]
