"""Tables as CSV: amounts in base units, moments ISO 8601. No cell can be taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from settlement.amounts import displayed, to_base_units_text
from settlement.pages.date_page import DatePage
from settlement.pages.request_page import RequestPage
from settlement.pages.settlements import PartnerSummary

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would work out; amounts in base units are numbers anyway."""


def csv_of_settlements(summaries: Iterable[PartnerSummary]) -> str:
    """A row for each date of each partner."""
    rows = [
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
    ]
    return _csv(["partner", "business_date", "state", "overdue", "due", "requests", "left"], rows)


def csv_of_date(page: DatePage) -> str:
    """A row for each currency, gross base units."""
    rows = [
        [row.currency, *map(to_base_units_text, (row.net, row.booked, row.in_flight, row.left))]
        for row in page.currencies
    ]
    return _csv(["currency", "net_positions", "booked", "in_flight", "difference"], rows)


def csv_of_request(page: RequestPage, decimals: Mapping[str, int]) -> str:
    """A row for each line of the current body."""
    lines = page.view.current.lines if page.view.current else ()
    rows = [
        [
            each.connection_id,
            each.currency,
            to_base_units_text(each.amount),
            displayed(each.amount, each.currency, decimals),
        ]
        for each in lines
    ]
    return _csv(["connection_id", "currency", "base_units", "full_units"], rows)


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
