"""Routes of the settlement pages. Every one is a GET; a person who is logged in may see some.

What changes something goes to Airflow's own REST API, from the person's browser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any

import jinja2
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view
from fastapi import Depends, FastAPI, HTTPException, Request, Response, status
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from markupsafe import Markup

from settlement.config.partner_file import PartnerFile
from settlement.errors import ConfigurationError, SettlementError
from settlement.ledger.overview import view_slot
from settlement.ledger.people.question import Question
from settlement.ledger.transfers import load_transfers
from settlement.pages.date_page import read_date_page
from settlement.pages.request_page import read_request_page
from settlement.pages.settlements import PartnerSummary, summarize
from settlement.request.external_id import parse_external_id
from settlement.steps.question_text import body_of, title_of
from settlement.values import PositionKey
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.pages.access import partner_of, partners_of
from settlement_airflow.pages.airflow_run import date_of_run, request_of_task
from settlement_airflow.pages.explained import explained
from settlement_airflow.pages.ledger import read_ledger
from settlement_airflow.pages.markdown import question_html, runbook_page
from settlement_airflow.pages.set_up import set_up_of
from settlement_airflow.pages.shown import HERE, path_to, templates
from settlement_airflow.pages.tables import csv_of_date, csv_of_request, csv_of_settlements
from settlement_airflow.pages.watch_findings import findings_of

STATIC = {"style.css": "text/css", "script.js": "text/javascript"}
GUARDS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; frame-ancestors 'self'; form-action 'none'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Nothing from elsewhere is loaded, and nothing that a text may contain is run."""

app = FastAPI(
    title="Settlement pages",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(requires_access_view(AccessView.PLUGINS))],
)


@app.middleware("http")
async def guarded(request: Request, call_next: Callable[[Request], Any]) -> Response:
    """Each answer says what a browser may do with it."""
    response: Response = await call_next(request)
    for name, value in GUARDS.items():
        response.headers[name] = value
    return response


@app.exception_handler(SettlementError)
def told(_: Request, error: SettlementError) -> HTMLResponse:
    """What is wrong, as a page: no ledger, no such request, a wrong partner file."""
    missing = isinstance(error, ConfigurationError)
    code = status.HTTP_404_NOT_FOUND if missing else status.HTTP_503_SERVICE_UNAVAILABLE
    return _page("trouble.html", {"error": error}, code)


@app.get("/")
def settlements(
    user: GetUserDep, partner: str | None = None, before: date | None = None
) -> HTMLResponse:
    """Partners and their dates."""
    summaries = _summaries(user, partner, before)
    checks = findings_of([each.partner.name for each in summaries])
    return _page("settlements.html", {"summaries": summaries, "checks": checks, "before": before})


@app.get("/settlements.csv")
def settlements_csv(
    user: GetUserDep, partner: str | None = None, before: date | None = None
) -> Response:
    """The same as a table."""
    return _csv(csv_of_settlements(_summaries(user, partner, before)), "settlements")


@app.get("/partners/{partner}/dates/{business_date}.csv")
def business_date_csv(user: GetUserDep, partner: str, business_date: date) -> Response:
    """Net positions, booked, in flight and left of a date."""
    file = partner_of(user, partner)
    with read_ledger(file.ledger_conn_id) as tx:
        page = read_date_page(tx, file, business_date)
    return _csv(csv_of_date(page), f"{partner}-{business_date}")


@app.get("/partners/{partner}/dates/{business_date}")
def business_date(user: GetUserDep, partner: str, business_date: date) -> HTMLResponse:
    """One date."""
    file = partner_of(user, partner)
    with read_ledger(file.ledger_conn_id) as tx:
        page = read_date_page(tx, file, business_date)
    titles = {each.digest: title_of(each, file.currencies) for each in page.questions}
    texts = {each.digest: _text_of(each, file) for each in page.questions}
    values = {"page": page, "titles": titles, "texts": texts, "dag_id": dag_id_of(partner)}
    return _page("date.html", values)


@app.get("/partners/{partner}/setup")
def set_up(user: GetUserDep, partner: str) -> HTMLResponse:
    """What the doctor says."""
    file = partner_of(user, partner)
    values = {"partner": file, "set_up": set_up_of(file.name), "now": datetime.now(UTC)}
    return _page("set_up.html", values)


@app.get("/partners/{partner}/actions")
def actions(user: GetUserDep, partner: str, connection_id: str = "") -> HTMLResponse:
    """What a person does by hand; each form starts a run of settlement_action."""
    (summary,) = _summaries(user, partner, None)
    return _page("actions.html", {"summary": summary, "connection_id": connection_id})


@app.get("/requests/{external_id}.csv")
def request_csv(user: GetUserDep, external_id: str) -> Response:
    """Lines of the current body."""
    file = _partner_of_request(user, external_id)
    with read_ledger(file.ledger_conn_id) as tx:
        page = read_request_page(tx, external_id)
    return _csv(csv_of_request(page, file.currencies), external_id)


@app.get("/requests/{external_id}")
def request(user: GetUserDep, external_id: str) -> HTMLResponse:
    """One request."""
    file = _partner_of_request(user, external_id)
    with read_ledger(file.ledger_conn_id) as tx:
        page = read_request_page(tx, external_id)
    asked = _text_of(page.question, file) if page.question else None
    identity = parse_external_id(external_id)
    day = str(identity.business_date) if identity else ""
    return _page("request.html", {"page": page, "file": file, "asked": asked, "day": day})


@app.get("/requests/{external_id}/lines/{connection_id}/{currency}")
def explain(
    user: GetUserDep, external_id: str, connection_id: str, currency: str, page: int = 0
) -> HTMLResponse:
    """One amount of a request, down to its trades."""
    file = _partner_of_request(user, external_id)
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
    return _page("explain.html", values)


@app.get("/questions")
def questions(user: GetUserDep) -> HTMLResponse:
    """Open questions of all partners, oldest first."""
    asked = [
        (
            each,
            summary.partner,
            title_of(each, summary.partner.currencies),
            _text_of(each, summary.partner),
            summary.at,
        )
        for summary in _summaries(user, None, None)
        for each in summary.questions
    ]
    return _page("questions.html", {"asked": sorted(asked, key=lambda row: row[0].asked_at)})


@app.get("/findings")
def findings(user: GetUserDep) -> HTMLResponse:
    """What the watch has found at each partner, and since when."""
    partners = partners_of(user)
    checks = findings_of([each.name for each in partners])
    now = datetime.now(UTC)
    return _page("findings.html", {"partners": partners, "checks": checks, "now": now})


@app.get("/runs/{dag_id}")
def run(user: GetUserDep, dag_id: str, run_id: str) -> RedirectResponse:
    """The date of a run: the tab that Airflow shows with it."""
    for each in partners_of(user):
        if dag_id_of(each.name) == dag_id:
            day = date_of_run(each, run_id)
            return RedirectResponse(path_to("partners", each.name, "dates", str(day)))
    raise HTTPException(status.HTTP_404_NOT_FOUND, "This DAG settles for no partner")


@app.get("/tasks/{dag_id}")
def task(
    user: GetUserDep, dag_id: str, run_id: str, task_id: str, map_index: int = -1
) -> RedirectResponse:
    """The request of a mapped task that has one, else the date of its run."""
    external_id = request_of_task(dag_id, run_id, task_id, map_index)
    if external_id is not None and parse_external_id(external_id) is not None:
        _partner_of_request(user, external_id)
        return RedirectResponse(path_to("requests", external_id))
    return run(user, dag_id, run_id)


@app.get("/runbooks/{name}")
def runbook(name: str) -> HTMLResponse:
    """A runbook with a table of contents; its sections can be linked to."""
    page = runbook_page(name)
    if page is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such runbook")
    return _page("runbook.html", {"runbook": page})


@app.get("/static/{name}")
def static(name: str) -> FileResponse:
    """Style and script."""
    if name not in STATIC:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such file")
    return FileResponse(HERE / "static" / name, media_type=STATIC[name])


def _summaries(user: GetUserDep, name: str | None, before: date | None) -> list[PartnerSummary]:
    """Of all partners that this person may see, or of one; each ledger is read once."""
    partners = [partner_of(user, name)] if name else partners_of(user)
    by_ledger = sorted(partners, key=lambda each: (each.ledger_conn_id, each.name))
    found: list[PartnerSummary] = []
    for conn_id, of_ledger in groupby(by_ledger, key=lambda each: each.ledger_conn_id):
        with read_ledger(conn_id) as tx:
            found += summarize(tx, list(of_ledger), before=before)
    return sorted(found, key=lambda each: each.partner.name)


def _partner_of_request(user: GetUserDep, external_id: str) -> PartnerFile:
    identity = parse_external_id(external_id)
    if identity is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "That is no externalId of ours")
    return partner_of(user, identity.partner)


def _text_of(asked: Question, partner: PartnerFile) -> Markup:
    return question_html(body_of(asked, partner.currencies))


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    return templates()


def _page(
    template: str, values: Mapping[str, object], code: int = status.HTTP_200_OK
) -> HTMLResponse:
    return HTMLResponse(_templates().get_template(template).render(values), code)


def _csv(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
