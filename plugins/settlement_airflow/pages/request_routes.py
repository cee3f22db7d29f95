"""Pages of requests: one with all that was sent and answered, and one of its amounts."""

from __future__ import annotations

from typing import Literal

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from settlement.ledger.overview import view_slot
from settlement.ledger.transfers import load_transfers
from settlement.pages.request_page import read_request_page
from settlement.request.external_id import parse_external_id
from settlement.values import PositionKey
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.pages.access import partner_of_request
from settlement_airflow.pages.explained import explained
from settlement_airflow.pages.ledger import read_ledger
from settlement_airflow.pages.render import csv_of, page_of, text_of
from settlement_airflow.pages.tables import csv_of_attempts, csv_of_lines

routes = APIRouter()


@routes.get("/requests/{external_id}/{table}.csv")
def request_csv(
    user: GetUserDep, external_id: str, table: Literal["lines", "attempts"]
) -> Response:
    """Lines of the current body, or every attempt."""
    file = partner_of_request(user, external_id)
    with read_ledger(file.ledger_conn_id) as tx:
        page = read_request_page(tx, file, external_id)
    text = csv_of_lines(page, file.currencies) if table == "lines" else csv_of_attempts(page)
    return csv_of(text, f"{external_id}-{table}")


@routes.get("/requests/{external_id}")
def request(user: GetUserDep, external_id: str) -> HTMLResponse:
    """One request."""
    file = partner_of_request(user, external_id)
    with read_ledger(file.ledger_conn_id) as tx:
        page = read_request_page(tx, file, external_id)
    asked = text_of(page.question, file) if page.question else None
    identity = parse_external_id(external_id)
    day = str(identity.business_date) if identity else ""
    values = {
        "page": page,
        "file": file,
        "asked": asked,
        "day": day,
        "dag_id": dag_id_of(file.name),
        "user": user.get_name(),
    }
    return page_of("request.html", values)


@routes.get("/requests/{external_id}/lines/{connection_id}/{currency}")
def explain(
    user: GetUserDep, external_id: str, connection_id: str, currency: str, page: int = 0
) -> HTMLResponse:
    """One amount of a request, down to its trades."""
    file = partner_of_request(user, external_id)
    key = PositionKey(connection_id, currency)
    with read_ledger(file.ledger_conn_id) as tx:
        view = view_slot(tx, external_id)
        transfers = load_transfers(tx, external_id)
    values = {
        "file": file,
        "external_id": external_id,
        "connection_id": connection_id,
        "currency": currency,
        "number_of_page": page,
        "current": view.slot.current_body,
        "lines": [
            (body.number, line.amount)
            for body in view.bodies
            for line in body.lines
            if line.key == key
        ],
        "transfers": [
            each for each in transfers if (each.connection_id, each.currency) == tuple(key)
        ],
        "found": explained(external_id, key, page),
    }
    return page_of("explain.html", values)
