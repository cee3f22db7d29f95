"""The trades behind one amount, read by a worker: only workers have a login to the warehouse."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context

from settlement.config.partner_file import load_partner
from settlement.errors import ConfigurationError
from settlement.ledger.bodies import load_current_body
from settlement.ledger.snapshots import load_snapshot
from settlement.values import PositionKey
from settlement_airflow.connections import open_warehouse, opened_ledger
from settlement_airflow.operators.base import airflow_errors
from settlement_airflow.trace import position_in, trace

TRADES_A_PAGE = 200
FIELDS = ("partner", "external_id", "connection_id", "currency")


class ExplainOperator(BaseOperator):
    """Reads the trades behind one amount of a request, a page of them. Changes nothing."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(**kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """The trades, what they add up to, the snapshot and its query."""
        with airflow_errors():
            name, external_id, connection_id, currency = _form_of(context)
            partner = load_partner(name)
            page = int(context["params"].get("page") or 0)
            key = PositionKey(connection_id, currency)
            with opened_ledger(partner.ledger_conn_id) as ledger:
                with ledger.transaction() as tx:
                    body = load_current_body(tx, external_id)
                    built_from = body.snapshot_id
                    snapshot = None if built_from is None else load_snapshot(tx, built_from)
                    amount = position_in(tx, external_id, snapshot, key)
                if snapshot is None:
                    raise ConfigurationError(f"{external_id} has no snapshot")
                warehouse = open_warehouse(partner.warehouse_conn_id)
                traced = trace(ledger, warehouse, partner, snapshot, key, amount)
        self.log.info("%d trades behind %s", len(traced.trades), external_id)
        return {
            **traced.as_json(page * TRADES_A_PAGE, TRADES_A_PAGE),
            "trade_count": len(traced.trades),
            "page": page,
            "snapshot": snapshot.id,
            "watermark": snapshot.watermark.isoformat() if snapshot.watermark else None,
            "query": snapshot.query_text,
        }


def _form_of(context: Context) -> list[str]:
    """Partner, externalId, connection and currency.

    :raises ConfigurationError: naming what is missing
    """
    told = {name: str(context["params"].get(name) or "") for name in FIELDS}
    missing = [name for name, value in told.items() if not value]
    if missing:
        raise ConfigurationError(f"the form lacks {', '.join(missing)}")
    return list(told.values())
