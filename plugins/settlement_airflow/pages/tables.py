"""Tables as CSV: amounts in base units, moments ISO 8601. No cell can be taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from settlement.amounts import displayed, to_base_units_text
from settlement.ledger.people.question import Question
from settlement.pages.date_page import DatePage
from settlement.pages.request_page import RequestPage
from settlement.pages.settlements import PartnerSummary
from settlement_airflow.pages.watch_findings import Watched

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would work out; amounts in base units are numbers anyway."""


def csv_of_settlements(summaries: Iterable[PartnerSummary]) -> str:
    """A row for each date of each partner."""
    return _csv(
        ["partner", "business_date", "state", "overdue", "due", "requests", "left"],
        (
            [
                summary.partner.name,
                str(row.business_date),
                row.state.value,
                "yes" if row.overdue else "no",
                row.deadline.isoformat(),
                "; ".join(f"{count} {state.value}" for state, count in row.requests.items()),
                row.left or "",
            ]
            for summary in summaries
            for row in summary.rows
        ),
    )


def csv_of_amounts(page: DatePage) -> str:
    """A row for each currency of a date, gross base units."""
    return _csv(
        ["currency", "net_positions", "booked", "in_flight", "difference"],
        (
            [row.currency, *map(to_base_units_text, (row.net, row.booked, row.in_flight, row.left))]
            for row in page.currencies
        ),
    )


def csv_of_requests(page: DatePage) -> str:
    """A row for each request of a date."""
    return _csv(
        ["external_id", "state", "lines", "since", "reason", "if_submit_requests_is_cleared"],
        (
            [
                row.slot.external_id,
                row.slot.state.value,
                str(row.lines),
                row.since.isoformat() if row.since else "",
                row.slot.reason or "",
                row.if_cleared.in_words,
            ]
            for row in page.requests
        ),
    )


def csv_of_events(page: DatePage) -> str:
    """A row for each event of a date, oldest first."""
    return _csv(
        ["at", "kind", "external_id", "who", "run_id", "task_id", "said"],
        (
            [
                each.at.isoformat(),
                each.kind,
                each.external_id or "",
                *(str(each.details.get(name, "")) for name in ("who", "run_id", "task_id")),
                str(each.details.get("reason") or each.details.get("choice") or ""),
            ]
            for each in page.events
        ),
    )


def csv_of_lines(page: RequestPage, decimals: Mapping[str, int]) -> str:
    """A row for each line of the current body."""
    return _csv(
        ["connection_id", "currency", "base_units", "full_units"],
        (
            [
                each.connection_id,
                each.currency,
                to_base_units_text(each.amount),
                displayed(each.amount, each.currency, decimals),
            ]
            for each in (page.view.current.lines if page.view.current else ())
        ),
    )


def csv_of_attempts(page: RequestPage) -> str:
    """A row for each exchange with the partner, oldest first."""
    return _csv(
        ["started_at", "finished_at", "kind", "body", "status", "who", "run_id", "try", "error"],
        (
            [
                each.started_at.isoformat(),
                each.finished_at.isoformat() if each.finished_at else "",
                each.kind,
                str(each.body_number or ""),
                str(each.status or ""),
                each.who,
                each.run_id or "",
                str(each.try_number or ""),
                each.error or "",
            ]
            for each in page.view.attempts
        ),
    )


def csv_of_questions(questions: Iterable[tuple[Question, str]]) -> str:
    """A row for each open question, with its title."""
    return _csv(
        ["partner", "business_date", "external_id", "subject", "title", "asked_at", "asked_by"],
        (
            [
                each.partner,
                str(each.business_date),
                each.external_id or "",
                each.subject.value,
                title,
                each.asked_at.isoformat(),
                each.asked_by,
            ]
            for each, title in questions
        ),
    )


def csv_of_findings(checks: Mapping[str, Watched]) -> str:
    """A row for each finding of the watch."""
    return _csv(
        ["partner", "kind", "about", "since", "text"],
        (
            [partner, each.kind, each.about, each.since.isoformat(), each.text]
            for partner, watched in sorted(checks.items())
            for each in watched.found
        ),
    )


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: str) -> str:
    """A number as it is; a text that would be a formula behind an apostrophe."""
    is_number = cell.removeprefix("-").replace(".", "", 1).replace(",", "").isdigit()
    return f"'{cell}" if cell.startswith(FORMULA) and not is_number else cell
