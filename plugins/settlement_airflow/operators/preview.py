"""What a run would send now, without sending it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context

from settlement.amounts import displayed
from settlement.config.partner_file import PartnerFile, load_partner
from settlement.errors import ConfigurationError
from settlement.ledger.people.question import SHOWN_LINES, totals_text
from settlement.values import Line
from settlement.wording import and_more
from settlement_airflow.connections import open_warehouse, opened_ledger
from settlement_airflow.operators.base import airflow_errors
from settlement_airflow.run_date import parse_date

if TYPE_CHECKING:
    from settlement.steps.preview import Preview

MOVES_NOTHING = "nothing, by this task: a preview sends nothing"


class PreviewOperator(BaseOperator):
    """Shows the requests that a run would send now, in the log and as XCom. Sends nothing.

    Fails, after it has shown them, where the partner's limits would refuse them all.
    """

    def execute(self, context: Context) -> dict[str, object]:
        """Log and return them; amounts are strings in base units."""
        from settlement.steps.preview import preview_requests  # noqa: PLC0415 - only here: numpy

        with airflow_errors(context, lambda: [MOVES_NOTHING]):
            params = context["params"]
            if not params.get("partner") or not params.get("business_date"):
                raise ConfigurationError("the preview needs a partner and a business_date")
            partner = load_partner(params["partner"])
            day = parse_date(params["business_date"])
            warehouse = open_warehouse(partner.warehouse_conn_id)
            with opened_ledger(partner.ledger_conn_id) as ledger:
                preview = preview_requests(ledger, warehouse, partner, day)
            self.log.info("%s", as_table(partner, preview))
            if preview.refusal is not None:
                raise preview.refusal
            return as_xcom(preview)


def as_table(partner: PartnerFile, preview: Preview) -> str:
    """The requests as text, amounts in full units: totals, the first rows, how many more."""
    decimals = partner.currencies
    lines = [(each, line) for each, part in _by_request(preview) for line in part]
    rows = [
        f"{partner.name} {preview.business_date}: {preview.trade_count:,} trades",
        f"window {preview.window}",
        f"would be sent: {len(preview.requests):,} request(s), {len(lines):,} amounts",
        *totals_text([line for _, line in lines], decimals),
    ]
    rows += [f"in flight, sent again with the same bytes: {each}" for each in preview.in_flight]
    rows += [f"on hold: {each.connection_id} ({each.reason})" for each in preview.held]
    rows += [
        f"waits for an older request: {key.connection_id} "
        f"{displayed(amount, key.currency, decimals)} {key.currency}"
        for key, amount in list(preview.waiting.items())[:SHOWN_LINES]
    ]
    if len(preview.waiting) > SHOWN_LINES:
        rows.append(f"{and_more(len(preview.waiting) - SHOWN_LINES)} that wait")
    rows += [
        f"  {external_id}  {line.connection_id}  "
        f"{displayed(line.amount, line.currency, decimals):>24} {line.currency}"
        for external_id, line in lines[:SHOWN_LINES]
    ]
    if len(lines) > SHOWN_LINES:
        left = and_more(len(lines) - SHOWN_LINES)
        rows.append(f"{left} amounts; XCom `requests` holds them all")
    if not preview.requests:
        rows.append("nothing would be sent")
    return "\n".join(rows)


def _by_request(preview: Preview) -> Iterator[tuple[str, tuple[Line, ...]]]:
    for request, lines in zip(preview.requests, preview.lines, strict=True):
        yield request.external_id, lines


def as_xcom(preview: Preview) -> dict[str, object]:
    """The same for programs; `body` is the exact text that would be sent for signing."""
    requests: list[dict[str, Any]] = [
        {"external_id": each.external_id, "body": each.signing_request_bytes().decode()}
        for each in preview.requests
    ]
    return {
        "business_date": preview.business_date.isoformat(),
        "window": str(preview.window),
        "trade_count": preview.trade_count,
        "requests": requests,
        "in_flight": preview.in_flight,
        "held": [each.connection_id for each in preview.held],
        "waiting": {
            f"{key.connection_id} {key.currency}": str(amount)
            for key, amount in preview.waiting.items()
        },
        "refused": preview.refusal.message if preview.refusal else None,
    }
