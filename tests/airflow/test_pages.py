"""The settlement pages through Airflow's own application: what they say, and to whom."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.dagrun import DagRun
from airflow.models.pool import Pool
from airflow.utils.session import create_session
from fastapi.testclient import TestClient
from sqlalchemy import delete, select, text
from sqlalchemy.exc import InternalError

from partner_sandbox.demo_world import DEMO_TOKEN, DEMO_XPRV
from settlement.ledger.people.holds import put_on_hold
from settlement.slot.state import State
from settlement_airflow.airflow_checks import POOL
from settlement_airflow.pages import shown
from settlement_airflow.pages.app import app
from settlement_airflow.pages.ledger import read_ledger
from settlement_airflow.pages.markdown import question_html, runbook_page
from settlement_airflow.pages.tables import csv_of_settlements
from settlement_airflow.pages.views import VIEWS
from support.airflow_day import AirflowDay, ended
from support.day import ACTOR, ALICE, BOB, DAY
from support.settling import diverge

Get = Callable[..., Any]
SLOT = f"demo-{DAY}-1"
DATE = f"partners/demo/dates/{DAY}"
PAGES = [
    *("", "settlements.csv", DATE, f"requests/{SLOT}", "questions.csv", "findings.csv"),
    *(f"{DATE}/{table}.csv" for table in ("amounts", "requests", "events")),
    *(f"requests/{SLOT}/{table}.csv" for table in ("lines", "attempts")),
    *("partners/demo/actions", "partners/demo/setup", "questions", "findings"),
    "runbooks/partner_settlement",
    *("static/style.css", "static/script.js", f"requests/{SLOT}/lines/{ALICE}/BTC"),
]
OF_A_PARTNER = [
    *(DATE, f"{DATE}/amounts.csv", f"requests/{SLOT}", f"requests/{SLOT}/lines.csv"),
    "?partner=demo",
    *("partners/demo/actions", "partners/demo/setup", f"requests/{SLOT}/lines/{ALICE}/BTC"),
]
STRANGER = "00000000-0000-4000-8000-000000000001"
HOSTILE = "<script>alert(1)</script>" + "💥" * 2500


@pytest.fixture(scope="module")
def client(airflow_metadata: dict[str, str]) -> TestClient:
    """Airflow's api-server in this process, plugins and all."""
    return TestClient(create_app(apps="all"), follow_redirects=False)


@pytest.fixture
def get(client: TestClient) -> Get:
    """Ask for a page as somebody with a role; None: as nobody."""

    def ask(path: str, role: str | None = "VIEWER") -> Any:
        return client.get(f"/settlement/{path}", headers=_as(role))

    return ask


def _as(role: str | None) -> dict[str, str]:
    if role is None:
        return {}
    user = SimpleAuthManagerUser(username="somebody", role=role)
    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(user)}"}


# who may see what


def test_no_route_changes_anything() -> None:
    """Whatever is added: a GET, and nothing else."""
    methods = {method for route in app.routes for method in getattr(route, "methods", {"?"})}
    assert methods == {"GET"}


@pytest.mark.parametrize("role", ["VIEWER", "USER", "OP", "ADMIN"])
def test_who_may_see_the_dag_may_see_its_pages(day: AirflowDay, get: Get, role: str) -> None:
    """Reading is for everybody who may read the runs."""
    day.run()
    assert {path: get(path, role).status_code for path in PAGES} == dict.fromkeys(PAGES, 200)


@pytest.mark.usefixtures("day")
def test_strangers_see_nothing(get: Get) -> None:
    """Not even the style sheet."""
    assert {path: get(path, None).status_code for path in PAGES} == dict.fromkeys(PAGES, 401)


@pytest.mark.parametrize("role", ["VIEWER", "ADMIN"])
def test_a_partner_of_others_is_not_there(
    day: AirflowDay, get: Get, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its DAG is not theirs to see: no row of it, and its pages do not exist."""
    day.run()

    def denied(*, details: DagDetails, **_: object) -> bool:
        return details.id != "settle_demo"

    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", denied)
    assert {get(path, role).status_code for path in OF_A_PARTNER} == {404}
    for path in ("", "settlements.csv", "questions", "questions.csv", "findings", "findings.csv"):
        assert "demo" not in get(path, role).text


@pytest.mark.parametrize(
    ("role", "answer"), [(None, 401), ("VIEWER", 403), ("USER", 200), ("OP", 200), ("ADMIN", 200)]
)
def test_who_may_do_what_a_button_does(
    day: AirflowDay, client: TestClient, role: str | None, answer: int
) -> None:
    """Buttons start runs through Airflow's own API: it decides, not the pages."""
    day.run()
    settle = {"business_date": DAY.isoformat()}
    of_demo = {"partner": "demo"}
    conf = {
        "settle_demo": settle,
        "settlement_preview": of_demo | settle,
        "settlement_action": of_demo | {"action": "stop", "reason": "a test"},
        "settlement_doctor": of_demo,
        "settlement_explain": of_demo,
        "settlement_decision": of_demo,
    }
    for dag_id, form in conf.items():
        runs = f"/api/v2/dags/{dag_id}/dagRuns"
        content = {"logical_date": None, "conf": form}
        started = client.post(runs, json=content, headers=_as(role))
        assert started.status_code == answer, dag_id
        if started.is_success:  # no scheduler runs it here
            run_id = quote(started.json()["dag_run_id"])
            assert client.delete(f"{runs}/{run_id}", headers=_as("ADMIN")).is_success
    hitl = "dags/settlement_decision/dagRuns/x/taskInstances/ask_a_person/-1/hitlDetails"
    choice = {"chosen_options": ["adopt"], "params_input": {}}
    decided = client.patch(f"/api/v2/{hitl}", json=choice, headers=_as(role)).status_code
    assert decided == (404 if answer == 200 else answer)  # nobody is asked anything


# what they say


def test_a_settled_day(day: AirflowDay, get: Get) -> None:
    """The date is settled, its request completed, and its run is one click away."""
    day.run()
    assert "every position is settled" in get(DATE).text
    assert f"/settlement/requests/{SLOT}" in get(DATE).text
    request = get(f"requests/{SLOT}").text
    assert "completed" in request
    assert "1 (current)" in request
    assert "/dags/settle_demo/runs/" in get(DATE).text


def test_what_is_at_risk_is_said_first(day: AirflowDay, get: Get) -> None:
    """The amounts and what happens next stand above everything else."""
    day.fault("bad_request", route="submit", times=None)
    day.run()
    for path in ("", DATE):
        said = get(path).text
        assert said.index("Money at risk") < said.index("<table>")
        assert "refused" in said
    assert get(DATE).text.count("Run this date") == 1
    assert "HTTP 400" in get(f"requests/{SLOT}").text


def test_a_question_leads_to_where_it_is_answered(day: AirflowDay, get: Get) -> None:
    """From the date, from its request and from the list of questions."""
    diverge(day)
    asked = re.compile(r'href="(/dags/settlement_decision/runs/[^"]+/tasks/ask_a_person)"')
    addresses = [asked.search(get(path).text) for path in (DATE, f"requests/{SLOT}", "questions")]
    assert len({found[1] for found in addresses if found}) == 1
    assert all(addresses)
    assert "Both sides" in get(f"requests/{SLOT}").text


def test_what_the_watch_found(day: AirflowDay, get: Get) -> None:
    """Each finding leads to its date and to its section; before the first check that is said."""
    day.write_partner(name="newcomer")
    assert "has not checked it" in get("findings").text
    assert "never checked" in get("?partner=newcomer").text
    day.dag("settlement_watch").test()
    said = get("findings").text
    assert "has not checked it" not in said
    assert "/settlement/partners/newcomer/dates/2026-" in said
    assert "/settlement/runbooks/settlement_watch#never-touched" in said
    assert "never checked" not in get("?partner=newcomer").text


def test_the_doctor_asks_the_workers(day: AirflowDay, get: Get) -> None:
    """Its lines are on the partner's page: where connections come from, key, pool, warehouse."""
    day.write_partner(name="newcomer", more="")
    with create_session() as session:  # whatever another test has left
        session.execute(delete(Pool).where(Pool.pool == POOL))
    assert "were not asked yet" in get("partners/newcomer/setup").text
    run = ended(day.dag("settlement_doctor").test(run_conf={"partner": "newcomer"}))
    assert set(run.tasks) == {"check_set_up", "check_signing_key"}
    said = get("partners/newcomer/setup").text
    assert "the environment, so the UI does not list it" in said
    assert "as expected" in said or "signs" in said
    assert "A worker of the queue signer" in said
    assert "partner_api is missing" in said  # this Airflow's own pool


def test_an_amount_is_explained_down_to_its_trades(day: AirflowDay, get: Get) -> None:
    """A worker reads them: one counts, one was recorded later; the sum is what was sent."""
    day.run()
    path = f"requests/{SLOT}/lines/{ALICE}/BTC"
    assert f'href="/settlement/{path}"' in get(f"requests/{SLOT}").text
    assert "Read its trades" in get(path).text
    assert "<table>" not in get(path).text
    day.trade(ALICE, BOB, 7)
    conf = {"partner": "demo", "external_id": SLOT, "connection_id": ALICE, "currency": "BTC"}
    assert ended(day.dag("settlement_explain").test(run_conf=conf)).state == "success"
    said = get(path).text
    assert (said.count("<td>yes</td>"), said.count("<td>no: recorded later</td>")) == (1, 1)
    assert "t000001" in said
    assert "do not add up" not in said
    assert "SELECT" in said
    day.forget_trade("t000001")
    assert ended(day.dag("settlement_explain").test(run_conf=conf)).state == "success"
    assert "do not add up" in get(path).text


def test_what_is_not_settled_is_listed_alone(day: AirflowDay, get: Get) -> None:
    """One click from the number of such dates, as a page and as a table."""
    day.run()
    link = "?partner=demo&amp;not_settled=true"
    assert link in get("").text
    assert f">{DAY}</a>" in get(f"?partner=demo&before={DAY + timedelta(days=3)}").text
    listed = get("?partner=demo&not_settled=true").text
    assert f">{DAY}</a>" not in listed
    assert "settlements.csv?partner=demo&amp;not_settled=true" in listed
    rows = csv.DictReader(io.StringIO(get("settlements.csv?not_settled=true").text))
    assert DAY.isoformat() not in {row["business_date"] for row in rows}


def test_a_run_and_a_task_find_their_own_page(day: AirflowDay, get: Get) -> None:
    """The tabs that Airflow shows with them; a task that sends one request leads to it."""
    day.run()
    with read_ledger("settlement_ledger") as tx:
        run_id = tx.execute(text("SELECT max(run_id) FROM attempt")).scalar_one()
    of_run = get(f"runs/settle_demo?run_id={run_id.replace('+', '%2B')}")
    assert of_run.headers["location"] == f"/settlement/{DATE}"
    task = f"tasks/settle_demo?run_id={run_id.replace('+', '%2B')}&task_id="
    assert get(f"{task}submit_requests&map_index=0").headers["location"].endswith(f"/{SLOT}")
    for unmapped in ("", "&map_index=-1", "&map_index=%7BMAP_INDEX%7D"):  # as Airflow leaves it
        where = get(f"{task}verify_settled{unmapped}").headers["location"]
        assert where == f"/settlement/{DATE}"
    shelf = task.replace("tasks/", "runbook-of/")
    runbook = "/settlement/runbooks/partner_settlement"
    at_state = get(f"{shelf}submit_requests&map_index=0").headers["location"]
    assert at_state == f"{runbook}#completed"
    assert get(f"{shelf}verify_settled").headers["location"] == runbook
    of_watch = get("runbook-of/settlement_watch?run_id=any").headers["location"]
    assert get(of_watch.removeprefix("/settlement/")).status_code == 200
    assert get("runs/settle_demo?run_id=nope").status_code == 404
    assert get("runs/settlement_watch?run_id=nope").status_code == 404


def test_no_ledger_is_said_as_a_page(
    day: AirflowDay, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what that means for the money, and where to read on."""
    assert day
    nobody = '{"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "schema": "x"}'
    monkeypatch.setenv("AIRFLOW_CONN_SETTLEMENT_LEDGER", nobody)
    answer = get("")
    assert answer.status_code == 503
    assert "no money has moved by this" in answer.text
    assert "#ledger-unavailable" in answer.text


def test_a_request_that_does_not_exist(day: AirflowDay, get: Get) -> None:
    """Of ours and of nobody's."""
    assert day
    assert get(f"requests/demo-{DAY}-9").status_code == 404
    assert get("requests/<script>").status_code == 404


# what a person does next


def test_a_date_says_what_its_run_failed_with_and_whom_to_hold(day: AirflowDay, get: Get) -> None:
    """The log's words, and a form with the client already in it, until the client is on hold."""
    day.trade(STRANGER, BOB, 5)
    assert day.run().state == "failed"
    said = get(DATE).text
    assert "trades name connections that the partner cannot settle" in said
    assert "#warehouse-data" in said
    assert said.count(f'"connection_id": "{STRANGER}"') == said.count("Hold this client") == 1
    with day.ledger.transaction() as tx:
        put_on_hold(tx, "demo", STRANGER, "it is new", None, ACTOR)
    assert "Hold this client" not in get(DATE).text
    assert day.run().state == "success"
    said = get(DATE).text
    assert "cannot settle" not in said
    assert "on hold" in said


def test_nobody_is_held_for_an_error_that_is_not_about_clients(day: AirflowDay, get: Get) -> None:
    """The run says what is wrong, and nothing about connections."""
    day.fault("forbidden", route="submit", times=None)
    assert day.run().state == "failed"
    assert "HTTP 403" in get(DATE).text
    assert "Hold this client" not in get(DATE).text


def test_green_proves_nothing(day: AirflowDay, get: Get) -> None:
    """A run that somebody has marked as success, while nothing is booked."""
    day.fault("drop_before", route="submit", times=None)
    day.run()
    assert "Green proves nothing" not in get(DATE).text
    with create_session() as session:
        for run in session.scalars(select(DagRun).where(DagRun.dag_id == "settle_demo")):
            run.state = "success"
    assert "Green proves nothing" in get(DATE).text


def test_the_newest_run_is_the_one_that_was_queued_last(
    day: AirflowDay, get: Get, client: TestClient
) -> None:
    """A page shows its end by itself while it is going; a run of another date is none of it."""
    day.run()
    assert "data-follow" not in get(DATE).text
    other = str(DAY - timedelta(days=1))
    runs = "/api/v2/dags/settle_demo/dagRuns"
    for chosen, following in ((other, 0), (str(DAY), 1)):
        run_id = f"newest-{chosen}"
        conf = {"business_date": chosen}
        content = {"logical_date": None, "dag_run_id": run_id, "conf": conf}
        assert client.post(runs, json=content, headers=_as("ADMIN")).is_success
        assert get(DATE).text.count(f'data-follow="{run_id}"') == following
        assert client.delete(f"{runs}/{run_id}", headers=_as("ADMIN")).is_success


def test_whoever_started_the_run_is_not_asked(day: AirflowDay, get: Get) -> None:
    """The page says so instead of a form whose answer would not count."""
    day.write_partner(more='[approval]\ngross = { BTC = 1 }\nwait = "0s"\n')
    day.run()
    for asked_by, forms in (("somebody else", 1), ("somebody", 0)):
        with day.ledger.transaction() as tx:
            tx.execute(text("UPDATE question SET asked_by = :who"), {"who": asked_by})
        for path in (DATE, "questions"):
            assert get(path).text.count("data-answer=") == forms
            assert ("You have started the run" in get(path).text) is not bool(forms)


def test_a_finding_stands_beside_the_money_until_its_date_is_proved(
    day: AirflowDay, get: Get
) -> None:
    """On the first page and on the date's; then the proof is newer than the finding."""
    day.run()
    assert "Found by the watch" not in get(DATE).text
    day.trade(ALICE, BOB, 7)
    day.dag("settlement_watch").test()
    for path in ("", DATE):
        assert "runbooks/settlement_watch#late-trades" in get(path).text
    assert f'data-then="/settlement/{DATE}"' in get("findings").text
    day.run()
    for path in ("", DATE):
        assert "#late-trades" not in get(path).text


def test_each_date_says_what_its_last_run_has_sent(day: AirflowDay, get: Get) -> None:
    """The same run twice: the second finds nothing left."""
    page = f"?before={DAY + timedelta(days=1)}"
    day.run()
    assert '<td class="short">sent 1 request</td>' in get(page).text
    day.run()
    assert '<td class="short">sent 1 request</td>' not in get(page).text
    assert '<td class="short">sent nothing</td>' in get(page).text


def test_several_dates_are_run_from_cut_off_to_cut_off(day: AirflowDay, get: Get) -> None:
    """The form gives Airflow the logical dates: a bare date would leave the last one out."""
    day.run()
    assert (
        f'<option value="2026-03-03T22:00:00+00:00">{DAY}</option>'
        in get("?before=2026-03-04").text
    )


# safety


def test_the_database_itself_refuses_a_change(day: AirflowDay) -> None:
    """Whatever a page were to do, with whatever login."""
    assert day
    with pytest.raises(InternalError, match="read-only"), read_ledger("settlement_ledger") as tx:
        tx.execute(text("DELETE FROM hold"))


def test_a_login_that_only_reads_is_taken_where_there_is_one(
    day: AirflowDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The api-server then needs no login that may write."""
    assert day
    nobody = '{"conn_type": "sqlite"}'
    monkeypatch.setenv("AIRFLOW_CONN_SETTLEMENT_LEDGER_READER", nobody)
    with (
        pytest.raises(Exception, match="settlement_ledger_reader"),
        read_ledger("settlement_ledger"),
    ):
        pass


def test_set_up_says_with_which_login_the_pages_read(
    day: AirflowDay, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login that could write is worth a note; the next step names the connection."""
    said = get("partners/demo/setup").text
    assert "which may write, too" in said
    assert "settlement_ledger_reader" in said
    own = json.loads(os.environ["AIRFLOW_CONN_SETTLEMENT_LEDGER"])
    looking = json.dumps(own | {"login": "only_looks", "password": "x"})
    monkeypatch.setenv("AIRFLOW_CONN_SETTLEMENT_LEDGER_READER", looking)
    with day.ledger.transaction() as tx:
        tx.execute(text("CREATE ROLE only_looks LOGIN"))
        tx.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO only_looks"))
    try:
        said = get("partners/demo/setup").text
        assert "the pages read it as only_looks, which may not write" in said
    finally:
        with day.ledger.transaction() as tx:
            tx.execute(text("DROP OWNED BY only_looks"))
            tx.execute(text("DROP ROLE only_looks"))


def test_what_others_wrote_is_text_and_nothing_else(day: AirflowDay, get: Get) -> None:
    """A reason of a person, and whatever the partner answers."""
    day.run()
    with day.ledger.transaction() as tx:
        put_on_hold(tx, "demo", ALICE, HOSTILE, None, ACTOR)
        tx.execute(text("UPDATE slot SET reason = :said, settlement_id = :said"), {"said": HOSTILE})
        tx.execute(
            text("UPDATE attempt SET answer = :said, error = :text"),
            {"said": HOSTILE.encode(), "text": HOSTILE},
        )
    for path in ("", DATE, f"requests/{SLOT}"):
        assert "<script>alert" not in get(path).text
    assert "&lt;script&gt;alert" in get(DATE).text
    assert "&lt;script&gt;alert" in get(f"requests/{SLOT}").text


def test_a_question_holds_no_link_of_others() -> None:
    """Its text is Markdown, with names of trades and settlements in it."""
    shown_as = question_html("| a |\n|---|\n| <b> [x](https://evil.example) ![y](//z) |")
    assert "<table>" in shown_as
    assert not re.search(r"<b>|<a |<img", shown_as)


def test_nothing_from_elsewhere_is_loaded_or_run(day: AirflowDay, get: Get) -> None:
    """Not by a page, and not by what a text may have smuggled in."""
    day.run()
    for path in PAGES:
        policy = get(path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert get(path).headers["X-Content-Type-Options"] == "nosniff"
    for path in ("", DATE, f"requests/{SLOT}", "questions"):
        assert not re.search(r"(src|href)=\"(https?:)?//|style=|\son[a-z]+=", get(path).text)


def test_no_secret_is_on_any_page(day: AirflowDay, get: Get) -> None:
    """Neither the access token nor the signing key."""
    day.run()
    for path in PAGES:
        said = get(path).text
        assert DEMO_TOKEN not in said
        assert DEMO_XPRV not in said


# tables and runbooks


def test_tables_are_for_spreadsheets(day: AirflowDay, get: Get) -> None:
    """Base units of every line; their sum is zero in each currency."""
    day.run()
    rows = list(csv.DictReader(io.StringIO(get(f"requests/{SLOT}/lines.csv").text)))
    assert len(rows) == 8
    for currency in ("BTC", "USD"):
        assert sum(int(each["base_units"]) for each in rows if each["currency"] == currency) == 0


def test_a_cell_is_never_a_formula(day: AirflowDay, get: Get) -> None:
    """Text that a spreadsheet would work out stays text."""
    day.run()
    with day.ledger.transaction() as tx:
        tx.execute(text("UPDATE slot SET state = 'refused', reason = '=HYPERLINK(1)'"))
    assert ",=" not in get("settlements.csv").text
    assert csv_of_settlements([]).startswith("partner,")


@pytest.mark.parametrize("state", sorted(State))
def test_a_state_leads_to_its_section(state: State) -> None:
    """The anchor that a request's page points to is there."""
    page = runbook_page("partner_settlement")
    assert page is not None
    assert f'id="{state.value}"' in page.html


def test_runbooks_are_ours_only(get: Get) -> None:
    """No other file can be asked for."""
    for name in ("nope", "..%2Fpyproject", "%2E%2E"):
        assert get(f"runbooks/{name}").status_code == 404
    assert get("static/nope.css").status_code == 404


# addresses


def test_pages_live_below_airflows_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy with a path, too."""
    assert shown.path_to("requests", "a b") == "/settlement/requests/a%20b"
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/team/a/")
    assert shown.path_to("questions") == "/team/a/settlement/questions"
    assert shown.airflow_path("dags", "x") == "/team/a/dags/x"


def test_each_view_has_its_own_route() -> None:
    """Airflow drops a second one with a mere warning."""
    routes = [each["url_route"] for each in VIEWS]
    assert len(set(routes)) == len(routes)
