"""Pages of partners: all of them, one of their dates, their questions, findings and set-up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Literal
from urllib.parse import urlencode

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from settlement.pages.date_page import DatePage, read_date_page
from settlement.pages.settlements import PartnerSummary, summarize
from settlement.steps.question_text import title_of
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.pages.access import partner_of, partners_of
from settlement_airflow.pages.around_date import found_about, may_be_held
from settlement_airflow.pages.ledger import read_ledger
from settlement_airflow.pages.newest_run import newest_run_of
from settlement_airflow.pages.render import csv_of, page_of, text_of
from settlement_airflow.pages.set_up import set_up_of
from settlement_airflow.pages.tables import (
    csv_of_amounts,
    csv_of_events,
    csv_of_findings,
    csv_of_questions,
    csv_of_requests,
    csv_of_settlements,
)
from settlement_airflow.pages.watch_findings import findings_of

DateTable = Literal["amounts", "requests", "events"]
DATE_TABLES: dict[DateTable, Callable[[DatePage], str]] = {
    "amounts": csv_of_amounts,
    "requests": csv_of_requests,
    "events": csv_of_events,
}
routes = APIRouter()


@routes.get("/")
def settlements(
    user: GetUserDep,
    partner: str | None = None,
    before: date | None = None,
    not_settled: bool = False,
) -> HTMLResponse:
    """Partners and their dates: a page of them, or all that are not settled."""
    asked = {"before": before, "not_settled": "true" if not_settled else None}
    summaries = summaries_of(user, partner, before, not_settled=not_settled)
    checks = findings_of([each.partner.name for each in summaries])
    found = {
        each.partner.name: checks[each.partner.name].for_a_person(each.proved_at)
        for each in summaries
        if each.partner.name in checks
    }
    values = {
        "summaries": summaries,
        "checks": checks,
        "found": found,
        "older": before is not None or not_settled,
        "query": urlencode({name: each for name, each in asked.items() if each}),
    }
    return page_of("settlements.html", values)


@routes.get("/settlements.csv")
def settlementscsv_of(
    user: GetUserDep,
    partner: str | None = None,
    before: date | None = None,
    not_settled: bool = False,
) -> Response:
    """The same as a table."""
    summaries = summaries_of(user, partner, before, not_settled=not_settled)
    return csv_of(csv_of_settlements(summaries), "settlements")


@routes.get("/partners/{partner}/dates/{business_date}/{table}.csv")
def business_date_csv(
    user: GetUserDep, partner: str, business_date: date, table: DateTable
) -> Response:
    """One of a date's tables."""
    file = partner_of(user, partner)
    with read_ledger(file.ledger_conn_id) as tx:
        page = read_date_page(tx, file, business_date)
    return csv_of(DATE_TABLES[table](page), f"{partner}-{business_date}-{table}")


@routes.get("/partners/{partner}/dates/{business_date}")
def business_date(user: GetUserDep, partner: str, business_date: date) -> HTMLResponse:
    """One date."""
    file = partner_of(user, partner)
    with read_ledger(file.ledger_conn_id) as tx:
        page = read_date_page(tx, file, business_date)
    titles = {each.digest: title_of(each, file.currencies) for each in page.questions}
    texts = {each.digest: text_of(each, file) for each in page.questions}
    run = newest_run_of(file, business_date)
    values = {
        "page": page,
        "titles": titles,
        "texts": texts,
        "dag_id": dag_id_of(partner),
        "user": user.get_name(),
        "run": run,
        "found": found_about(page),
        "may_be_held": may_be_held(page, run),
    }
    return page_of("date.html", values)


@routes.get("/partners/{partner}/setup")
def set_up(user: GetUserDep, partner: str) -> HTMLResponse:
    """What the doctor says."""
    file = partner_of(user, partner)
    values = {"partner": file, "set_up": set_up_of(file), "now": datetime.now(UTC)}
    return page_of("set_up.html", values)


@routes.get("/partners/{partner}/actions")
def actions(user: GetUserDep, partner: str, connection_id: str = "") -> HTMLResponse:
    """What a person does by hand; each form starts a run of settlement_action."""
    (summary,) = summaries_of(user, partner, None)
    return page_of("actions.html", {"summary": summary, "connection_id": connection_id})


@routes.get("/questions")
def questions(user: GetUserDep) -> HTMLResponse:
    """Open questions of all partners, oldest first."""
    asked = [
        (
            each,
            summary.partner,
            title_of(each, summary.partner.currencies),
            text_of(each, summary.partner),
            summary.at,
        )
        for summary in summaries_of(user, None, None)
        for each in summary.questions
    ]
    asked.sort(key=lambda row: row[0].asked_at)
    return page_of("questions.html", {"asked": asked, "user": user.get_name()})


@routes.get("/questions.csv")
def questions_csv(user: GetUserDep) -> Response:
    """The same as a table."""
    asked = [
        (each, title_of(each, summary.partner.currencies))
        for summary in summaries_of(user, None, None)
        for each in summary.questions
    ]
    return csv_of(csv_of_questions(asked), "questions")


@routes.get("/findings.csv")
def findings_csv(user: GetUserDep) -> Response:
    """What the watch has found, as a table."""
    checks = findings_of([each.name for each in partners_of(user)])
    return csv_of(csv_of_findings(checks), "findings")


@routes.get("/findings")
def findings(user: GetUserDep) -> HTMLResponse:
    """What the watch has found at each partner, and since when."""
    partners = partners_of(user)
    checks = findings_of([each.name for each in partners])
    now = datetime.now(UTC)
    return page_of("findings.html", {"partners": partners, "checks": checks, "now": now})


def summaries_of(
    user: GetUserDep, name: str | None, before: date | None, *, not_settled: bool = False
) -> list[PartnerSummary]:
    """Of all partners that this person may see, or of one; each ledger is read once."""
    partners = [partner_of(user, name)] if name else partners_of(user)
    by_ledger = sorted(partners, key=lambda each: (each.ledger_conn_id, each.name))
    found: list[PartnerSummary] = []
    for conn_id, of_ledger in groupby(by_ledger, key=lambda each: each.ledger_conn_id):
        with read_ledger(conn_id) as tx:
            found += summarize(tx, list(of_ledger), before=before, only_not_settled=not_settled)
    return sorted(found, key=lambda each: each.partner.name)
