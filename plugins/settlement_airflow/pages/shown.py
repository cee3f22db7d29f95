"""How values look on a page: amounts, moments, spans of time, states. All text is escaped."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import jinja2
from airflow.configuration import conf
from markupsafe import Markup

from settlement.amounts import displayed, to_base_units_text
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.ledger.chain import Event
from settlement.ledger.people.question import CHOICES, Question, may_not_answer
from settlement.pages.date_page import CurrencyRow
from settlement.pages.date_state import SIGNS
from settlement.slot.state import State
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.operators.asking import DECISION_DAG, conf_of, run_id_of
from settlement_airflow.pages.views import PREFIX

HERE = Path(__file__).parent
LONGEST_SHOWN = 20_000
"""Characters of an answer or a text on a page; the ledger has all of it."""
LINES_SHOWN = 200
ASKING = "ask_a_person"
MINUTE, HOUR, DAY = 60, 3600, 86_400
TONES = {
    State.COMPLETED: "good",
    State.WITHDRAWN: "quiet",
    State.PREPARED: "busy",
    State.PENDING: "busy",
    State.UNKNOWN: "warn",
    State.FAILED: "warn",
}
"""Any other state is bad."""


def base_path() -> str:
    """Path under which Airflow is reached, without a slash at the end; empty at the root."""
    url = str(conf.get("api", "base_url", fallback=""))
    return ("/" + url.split("://", 1)[-1].partition("/")[2]).rstrip("/")


def path_to(*parts: str) -> str:
    """Address of a page of ours, as a browser asks for it."""
    return base_path() + PREFIX + "/" + "/".join(quote(part, safe="") for part in parts)


def airflow_path(*parts: str) -> str:
    """Address of a page of Airflow's UI."""
    return base_path() + "/" + "/".join(quote(part, safe="") for part in parts)


def answer_at(asked: Question) -> str:
    """Where Airflow asks a question."""
    return airflow_path("dags", DECISION_DAG, "runs", run_id_of(asked), "tasks", ASKING)


def answer_form(asked: Question) -> dict[str, str]:
    """Where the page's own form sends an answer, and the run that it starts if nobody asks yet."""
    run = "/".join(quote(each, safe="") for each in ("dags", DECISION_DAG, "dagRuns"))
    instance = f"{quote(run_id_of(asked), safe='')}/taskInstances/{ASKING}/-1/hitlDetails"
    return {
        "answer": f"{run}/{instance}",
        "run": run_id_of(asked),
        "conf": json.dumps(conf_of(asked)),
    }


def choices_of(asked: Question) -> list[str]:
    """What may be answered."""
    return [each.value for each in CHOICES[asked.subject]]


def scheduled_at(partner: PartnerFile, business_date: date) -> str:
    """When the schedule starts a date's run: the logical date of that run."""
    return BusinessCalendar(partner).scheduled_at(business_date).isoformat()


def bar(row: CurrencyRow) -> Markup:
    """How much of a currency is booked and in flight, of all that is owed or was sent."""
    whole = max(row.net, row.booked + row.in_flight, 1)
    booked, flight = (100 * each // whole for each in (row.booked, row.in_flight))
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
        'aria-label="{booked} % booked, {flight} % in flight">'
        '<rect class="of" width="100" height="10"/><rect class="booked" width="{booked}" '
        'height="10"/><rect class="flight" x="{booked}" width="{flight}" height="10"/></svg>'
    ).format(booked=booked, flight=flight)


def said_by(event: Event) -> str:
    """What an event says beyond its kind: its reason, choice or state."""
    said = (event.details.get(each) for each in ("choice", "state", "reason"))
    return "".join(f": {each}" for each in said if each)


def moment(at: datetime | None, zone: str = "UTC") -> str:
    """To the minute, in a time zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}" if at else "-"


def exact(at: datetime | None) -> str:
    """To the millisecond, UTC."""
    return f"{at.astimezone(UTC).isoformat(sep=' ', timespec='milliseconds')[:-6]}Z" if at else "-"


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in the two largest units."""
    if since is None:
        return "-"
    seconds = int(max(now - since, timedelta()).total_seconds())
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"
    return f"{seconds // DAY} d {seconds % DAY // HOUR} h"


def pretty(answer: bytes | None) -> str:
    """An answer for people: JSON indented, anything else as text."""
    if answer is None:
        return ""
    text = answer.decode("utf-8", "replace")
    with suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text[:LONGEST_SHOWN]


def tone(state: State) -> str:
    """How a request's state is coloured."""
    return TONES.get(state, "bad")


def templates() -> jinja2.Environment:
    """The pages' templates: whatever is shown is escaped, and a missing name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "age": age,
        "airflow_path": airflow_path,
        "answer_at": answer_at,
        "answer_form": answer_form,
        "choices_of": choices_of,
        "dag_of": dag_id_of,
        "bar": bar,
        "barred": may_not_answer,
        "base_path": base_path,
        "path_to": path_to,
        "said_by": said_by,
        "scheduled_at": scheduled_at,
        "shown": LINES_SHOWN,
        "signs": SIGNS,
        "tone": tone,
    }
    environment.filters |= {
        "base_units": to_base_units_text,
        "exact": exact,
        "moment": moment,
        "pretty": pretty,
    }
    environment.filters["amount"] = displayed
    return environment
