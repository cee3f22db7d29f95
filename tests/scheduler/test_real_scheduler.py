"""Days in the real scheduler: one settles, one meets a 409, one loses every answer, one waits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import partial

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import create_engine, text

from partner_sandbox.faults import FaultKind, FaultRule, Route
from settlement.amounts import display
from settlement.ledger.chain import read_events
from settlement.ledger.people.holds import held_connections
from settlement.ledger.people.questions import load_question
from settlement.ledger.slots import load_slots
from settlement.values import PositionKey
from settlement_airflow.retry import RETRIES
from settlement_airflow.up.stack import APPROVER, LOGIN, POOL, POOL_SLOTS
from support.bookings import of_date, sums_of
from support.browser import WINDOW
from support.disputing_partner import DISPUTING, DISPUTING_DAG
from support.kill import group_is_gone
from support.left_behind import files_of, rows_of, secrets
from support.patience import once, until
from support.rest import DAG
from support.tasks_at_work import SOON_S, tasks_at_work
from support.visitor import Visitor

ACTIONS, WATCH = "settlement_action", "settlement_watch"
HOLDING = {"held", "released"}
WORKING = {
    "wait_for_trades",
    "compute_net_positions",
    "build_requests",
    "sign_requests",
    "submit_requests[0]",
    "branch_on_response",
    "verify_settled",
}

NOBODY_IS_ASKED = {"request_approval", "await_approval", "questions_for_people", "ask_people"}
LATE_TRADE = """
INSERT INTO trades
SELECT * REPLACE ('late-' || trade_id AS trade_id, now() AS recorded_at) FROM trades
WHERE date_trunc('hour', executed_at AT TIME ZONE 'UTC') = CAST(? AS DATE) + INTERVAL 12 HOUR
ORDER BY trade_id LIMIT 1
"""


MORE_TRADES = """
INSERT INTO trades
SELECT * REPLACE (concat(?, '-', trade_id) AS trade_id, now() AS recorded_at) FROM trades
WHERE date_trunc('hour', executed_at AT TIME ZONE 'UTC') = CAST(? AS DATE) + INTERVAL 12 HOUR
    AND partner = ? AND trade_id NOT LIKE '%-late-%' AND trade_id NOT LIKE 'late-%'
    AND trade_id NOT LIKE 'asked-%' AND trade_id NOT LIKE 'beside-%'
ORDER BY trade_id LIMIT ?
"""
CLIENTS_OF_MORE_TRADES = """
SELECT client FROM (
    SELECT trade_id, buyer_connection_id AS client FROM trades
    UNION ALL SELECT trade_id, seller_connection_id FROM trades)
WHERE trade_id LIKE 'refused-%' AND client <> 'house'
"""
SILENCE_S = 65
"""A little longer than a worker waits for an answer."""
MOST_CLICKS = 4
TELEPHONE = {"width": 390, "height": 800}
ONE_CLIENT = "max_connections_per_request = 1"
NAMES_OF_TRIES = """
SELECT rendered_map_index FROM task_instance_history
WHERE task_id = 'submit_requests' AND run_id LIKE :run
"""


def booked(airflow, day: date, partner: str = "demo") -> dict[PositionKey, int]:
    """What the partner booked for a date."""
    return sums_of(of_date(airflow.sandbox.bookings(), day, partner))


def gross_of(airflow, day: date) -> dict[str, int]:
    """Absolute net positions of a date, summed per currency."""
    gross: dict[str, int] = {}
    for key, amount in airflow.owed(day).items():
        gross[key.currency] = gross.get(key.currency, 0) + abs(amount)
    return gross


def slot_states(airflow, day: date, partner: str = "demo") -> list[str]:
    """States of the date's slots by the ledger."""
    with airflow.ledger.transaction() as tx:
        return [each.state.value for each in load_slots(tx, partner, day)]


def succeeded(states: dict[str, str]) -> set[str]:
    """Tasks that ended well."""
    return {task for task, state in states.items() if state == "success"}


def skipped(states: dict[str, str]) -> set[str]:
    """Tasks that the branch did not follow."""
    return {task for task, state in states.items() if state == "skipped"}


def test_a_day_without_faults_settles(airflow) -> None:
    """The scheduled run is green, and exactly the net positions are booked."""
    run = airflow.rest.finished_run(airflow.completed)
    states = airflow.rest.task_states(run["dag_run_id"])
    assert run["state"] == "success"
    assert slot_states(airflow, airflow.completed) == ["completed"]
    assert succeeded(states) == WORKING | {"settled"}
    assert skipped(states) == NOBODY_IS_ASKED | {
        "nothing_to_settle",
        "reconcile_conflicts",
        "await_settlement",
    }
    assert booked(airflow, airflow.completed) == airflow.owed(airflow.completed) != {}


def test_a_conflict_that_is_ours_is_reconciled(airflow) -> None:
    """The retry after a lost answer meets a 409; the reconciliation task closes the slot."""
    run = airflow.rest.finished_run(airflow.conflict)
    states = airflow.rest.task_states(run["dag_run_id"])
    assert run["state"] == "success"
    assert slot_states(airflow, airflow.conflict) == ["completed"]
    assert succeeded(states) == WORKING | {"reconcile_conflicts"} | (
        succeeded(states) & {"await_settlement"}
    )
    assert {"settled", "nothing_to_settle"} <= skipped(states)
    assert booked(airflow, airflow.conflict) == airflow.owed(airflow.conflict)


def test_a_failed_task_says_what_is_at_risk_where_it_is_met(airflow, browser) -> None:
    """In the log, before any traceback, without scrolling sideways; the text once."""
    run = airflow.rest.finished_run(airflow.lost)
    browser.open_log(DAG, run["dag_run_id"], "submit_requests/mapped/0")
    said = " ".join(browser.error_text().split())
    parts = ["the outcome is unknown", "Money at risk: unknown", "Next: clear this", "[runbook: "]
    assert {part: said.count(part) for part in parts} == dict.fromkeys(parts, 1)
    assert sorted(parts, key=said.index) == parts
    for currency, amount in gross_of(airflow, airflow.lost).items():
        decimals = airflow.partner_file().currencies[currency]
        assert f"{display(amount, decimals)} {currency}" in said
    end = browser.page.get_by_text("[runbook: unknown]").bounding_box()
    traceback = browser.page.get_by_text('File "').first.bounding_box()
    assert traceback["y"] > end["y"]


def test_a_mapped_task_has_its_name_while_it_waits_for_its_retry(airflow) -> None:
    """Each try that Airflow put away is named: the row never was a mere number."""
    airflow.rest.finished_run(airflow.lost)
    with create_engine(airflow.place.metadata).connect() as metadata:
        tries = metadata.execute(text(NAMES_OF_TRIES), {"run": f"%{airflow.lost}%"})
        names = tries.scalars().all()
    assert names == [f"demo-{airflow.lost}-1"] * RETRIES


def test_a_lost_answer_is_finished_by_a_clear(airflow) -> None:
    """Every answer is lost: red after all retries. On-call clears the task: green, booked once."""
    run = airflow.rest.finished_run(airflow.lost)
    states = airflow.rest.task_states(run["dag_run_id"])
    assert run["state"] == "failed"
    assert slot_states(airflow, airflow.lost) == ["unknown"]
    assert states["submit_requests[0]"] == states["verify_settled"] == "failed"
    airflow.sandbox.faults.clear()
    airflow.rest.clear(run["dag_run_id"], "submit_requests")
    run = airflow.rest.finished_run(airflow.lost)
    assert run["state"] == "success"
    assert slot_states(airflow, airflow.lost) == ["completed"]
    assert succeeded(airflow.rest.task_states(run["dag_run_id"])) == WORKING | {"settled"}
    assert booked(airflow, airflow.lost) == airflow.owed(airflow.lost)


@pytest.fixture
def late_trade_above_the_limits(airflow) -> Iterator[None]:
    """A trade of the settled date arrives, and the partner file wants an approval for anything."""
    airflow.all_days_ended()
    with closing(duckdb.connect(str(airflow.warehouse))) as database:
        database.execute(LATE_TRADE, [airflow.completed])
    with airflow.partner_says("[currencies]", "[approval]\nrequests = 1\n\n[currencies]"):
        yield


@pytest.mark.usefixtures("late_trade_above_the_limits")
def test_a_date_above_the_limits_parks_until_another_person_approves(airflow) -> None:
    """Parked without a worker, shown under Required Actions, settled once it is answered.

    What whoever started the run answers does not count, and leaves the question where it was.
    """
    run_id = airflow.rest.start_run(airflow.completed)
    action = airflow.rest.required_action()
    assert action["subject"].startswith(f"demo {airflow.completed}")
    once(lambda: airflow.rest.task_states(run_id)["await_approval"], "deferred".__eq__)
    assert slot_states(airflow, airflow.completed) == ["completed", "prepared"]
    airflow.rest.answer(action, "approve", "it is my own run")
    still = airflow.rest.required_action()
    assert still["task_instance"]["id"] == action["task_instance"]["id"]
    airflow.rest.another(APPROVER).answer(action, "approve", "a late trade, explained")
    decision = action["task_instance"]["dag_run_id"]
    assert airflow.rest.run_ended(decision, "settlement_decision")["state"] == "success"
    assert airflow.rest.run_ended(run_id)["state"] == "success"
    with airflow.ledger.transaction() as tx:
        asked = load_question(tx, "demo", decision.rsplit("-", 1)[1])
    assert (asked.choice, asked.asked_by, asked.decided_by) == ("approve", "admin", "approver")
    assert booked(airflow, airflow.completed) == airflow.owed(airflow.completed)


def test_waiting_for_the_windows_outlives_a_triggerer_and_a_scheduler(airflow, waiting) -> None:
    """Both are killed while a date waits: its look-ups go on as if nothing had been."""
    looks = killed_while_it_waits(airflow, waiting, "triggerer", timedelta(seconds=2))
    until(lambda: len(waiting.looks()) > looks, "a look after the triggerer was killed")
    killed_while_it_waits(airflow, waiting, "scheduler", timedelta(seconds=5))
    airflow.clock.windows_end()
    assert airflow.rest.run_ended(waiting.run_id, waiting.dag_id)["state"] == "success"
    *others, last = waiting.looks()
    assert {each.kind for each in others} == {"shown: pending"}
    assert last.kind == "shown: completed"
    waiting.require_one_sequence()
    (only,) = waiting.tries()
    assert (only["state"], only["try_number"]) == ("success", 1)
    settled_by_one_request(airflow, waiting)


def killed_while_it_waits(airflow, waiting, component: str, pause: timedelta) -> int:
    """Kill and start a component within a pause, not in a look; how many looks there were."""
    until(partial(waiting.is_parked, pause), f"a pause of which {pause} are left", every_s=SOON_S)
    looks = len(waiting.looks())
    no_worker_is_taken(airflow, waiting)
    waiting.require_page()
    airflow.kill_component(component)
    airflow.start_again(component)
    return looks


def no_worker_is_taken(airflow, waiting) -> None:
    """The task is deferred: no process runs it, and it fills no slot of its pool."""
    instance = waiting.instance()
    assert instance["state"] == "deferred"
    assert instance["id"] not in {each.task_instance_id for each in tasks_at_work(airflow.stack)}
    pool = airflow.rest.call("GET", f"pools/{POOL}")
    assert (pool["deferred_slots"], pool["include_deferred"]) == (1, False)


def settled_by_one_request(airflow, waiting) -> None:
    """It was sent once, and every line of it is booked once."""
    assert len(waiting.exchanges("submit")) == 1
    assert slot_states(airflow, airflow.lost, DISPUTING) == ["completed"]
    airflow.require_settled_once(airflow.lost, DISPUTING)


@pytest.fixture
def more_trades_of_both_partners(airflow, waiting) -> Iterator[None]:
    """A trade arrives for a settled date of each; the first partner is silent once it is sent."""
    assert airflow.rest.run_ended(waiting.run_id, waiting.dag_id)["state"] == "success"
    with closing(duckdb.connect(str(airflow.warehouse))) as database:
        database.execute(MORE_TRADES, ["beside", airflow.completed, "demo", 1])
        database.execute(MORE_TRADES, ["beside", airflow.lost, DISPUTING, 1])
    silent = {"fault": FaultKind.DELAY, "route": Route.SUBMIT, "external_id": "demo-*"}
    rule = {**silent, "times": None, "seconds": SILENCE_S}
    airflow.sandbox.faults.script(FaultRule.model_validate(rule))
    yield
    airflow.sandbox.faults.clear()


@pytest.mark.usefixtures("more_trades_of_both_partners")
def test_another_partners_date_goes_out_beside_a_silent_one(airflow) -> None:
    """While one partner's answer is waited for, the other's request is sent and answered."""

    def newest(day: date, partner: str) -> str:
        return slot_states(airflow, day, partner)[-1]

    silent = airflow.rest.start_run(airflow.completed)
    once(lambda: newest(airflow.completed, "demo"), "unknown".__eq__)
    other = airflow.rest.trigger(DISPUTING_DAG, {"business_date": str(airflow.lost)})
    once(lambda: newest(airflow.lost, DISPUTING), "pending".__eq__)
    assert newest(airflow.completed, "demo") == "unknown"
    airflow.sandbox.faults.clear()
    airflow.clock.windows_end()
    assert airflow.rest.run_ended(other, DISPUTING_DAG)["state"] == "success"
    assert airflow.rest.run_ended(silent)["state"] == "success"


@pytest.fixture
def late_trade_refused(airflow) -> Iterator[None]:
    """A trade of a settled date arrives, and the partner refuses every request for it."""
    airflow.all_days_ended()
    with closing(duckdb.connect(str(airflow.warehouse))) as database:
        database.execute(LATE_TRADE, [airflow.conflict])
    refused = {"fault": FaultKind.BAD_REQUEST, "route": Route.SUBMIT, "times": None}
    airflow.sandbox.faults.script(FaultRule.model_validate(refused))
    yield
    airflow.sandbox.faults.clear()


@pytest.mark.usefixtures("late_trade_refused")
def test_the_gate_says_the_cause_first(airflow, browser) -> None:
    """The refused request in the partner's words, then what is left; nothing is called settled."""
    run_id = airflow.rest.start_run(airflow.conflict)
    assert airflow.rest.run_ended(run_id)["state"] == "failed"
    states = airflow.rest.task_states(run_id)
    assert {"settled", "nothing_to_settle"} <= skipped(states)
    browser.open_log(DAG, run_id, "verify_settled")
    said = " ".join(browser.error_text().split())
    refused = f"- demo-{airflow.conflict}-2 is refused (HTTP 400"
    parts = [refused, "[runbook: refused]", "still differ", "Money at risk: refused", "Next: "]
    assert sorted(parts, key=said.index) == parts
    assert said.count("[runbook: ") == 2
    airflow.sandbox.faults.clear()
    again = airflow.rest.start_run(airflow.conflict)
    assert airflow.rest.run_ended(again)["state"] == "success"


def test_a_date_that_is_not_due_is_refused_with_one_advice(airflow, browser) -> None:
    """Both red tasks send the reader to the same section, with the same next step."""
    tomorrow = airflow.ledger.now().date() + timedelta(days=1)
    run_id = airflow.rest.start_run(tomorrow)
    run = airflow.rest.run_ended(run_id)
    red = {task for task, state in run["tasks"].items() if state == "failed"}
    assert (run["state"], red) == ("failed", {"wait_for_trades", "verify_settled"})
    for task in red:
        browser.open_log(DAG, run_id, task)
        said = " ".join(browser.error_text().split())
        assert "Next: run it again then" in said
        assert re.findall(r"\[runbook: ([a-z-]+)\]", said) == ["date-not-due"]


def test_a_manual_run_tells_its_business_date_in_the_list(airflow, browser) -> None:
    """Its id begins with it, so that two runs of different dates can be told apart."""
    run_id = airflow.rest.start_run(airflow.completed)
    assert run_id.startswith(f"manual__{airflow.completed}__")
    browser.page.goto(f"{browser.url}/dags/{DAG}/runs")
    link = browser.page.get_by_role("link", name=run_id)
    link.wait_for()
    box = link.bounding_box()
    assert box["x"] + box["width"] <= WINDOW["width"]
    assert airflow.rest.run_ended(run_id)["state"] == "success"


def test_a_logical_date_that_is_no_cut_off_is_refused_by_name(airflow, browser) -> None:
    """Midnight is meant for one date or the other: the run is red and says how to start it."""
    run_id = started_at(airflow, f"{airflow.lost}T00:00:00Z")
    browser.open_log(DAG, run_id, "wait_for_trades")
    said = " ".join(browser.error_text().split())
    assert "is no cut-off of demo" in said
    assert "Next: trigger it again with business_date" in said


def test_a_run_before_the_first_date_is_not_green(airflow) -> None:
    """Airflow would give it no task, and call that a success."""
    run_id = started_at(airflow, f"{airflow.completed - timedelta(days=10)}T00:00:00Z")
    assert airflow.rest.task_states(run_id)["wait_for_trades"] == "failed"


def started_at(airflow, logical_date: str) -> str:
    """Id of a run that was started with a logical date and nothing in its form, and ended red."""
    content = {"logical_date": logical_date, "conf": {}}
    run_id = str(airflow.rest.call("POST", f"dags/{DAG}/dagRuns", content)["dag_run_id"])
    assert airflow.rest.run_ended(run_id)["state"] == "failed"
    return run_id


@pytest.fixture
def a_request_for_each_position(airflow) -> Iterator[None]:
    """A trade of a settled date arrives, and no request holds more than one client."""
    airflow.all_days_ended()
    with closing(duckdb.connect(str(airflow.warehouse))) as database:
        database.execute(MORE_TRADES, ["asked", airflow.completed, "demo", 2])
    with airflow.partner_says("max_connections_per_request = 100", ONE_CLIENT):
        yield


@pytest.mark.usefixtures("a_request_for_each_position")
def test_a_question_is_asked_within_a_minute_of_the_answer(airflow, browser) -> None:
    """What waits for the diverged request fails with it, once; none of it is tried again.

    From Airflow's Home, a person reads what is at risk and answers, with four clicks.
    """
    airflow.sandbox.faults.script(
        FaultRule.model_validate({"fault": FaultKind.FOREIGN, "route": Route.SUBMIT})
    )
    run_id = airflow.rest.start_run(airflow.completed)
    action = airflow.rest.required_action()
    decision = action["task_instance"]["dag_run_id"]
    with airflow.ledger.transaction() as tx:
        asked = load_question(tx, "demo", decision.rsplit("-", 1)[1])
    queued = airflow.rest.run("settlement_decision", decision)["queued_at"]
    assert datetime.fromisoformat(queued) - asked.asked_at < timedelta(minutes=1)
    assert airflow.rest.run_ended(run_id)["state"] == "failed"
    instances = airflow.rest.instances(run_id, "submit_requests")
    assert len(instances) > 2
    first, *waiting = sorted(instances, key=lambda each: int(each["map_index"]))
    assert first["state"] == "success"  # a conflict, left to the reconciliation
    assert {(each["state"], each["try_number"]) for each in waiting} == {("failed", 1)}
    visitor = Visitor(browser)
    visitor.sees_settlements()
    visitor.reads("nobody knows what is booked: a person compares both sides and decides")
    visitor.opens_date(airflow.completed)
    visitor.answers("adopt", "BitGo has explained it")
    assert visitor.clicks <= MOST_CLICKS
    assert airflow.rest.run_ended(decision, "settlement_decision")["state"] == "success"
    again = airflow.rest.start_run(airflow.completed)
    assert airflow.rest.run_ended(again)["state"] == "success"
    assert booked(airflow, airflow.completed) == airflow.owed(airflow.completed)


@pytest.fixture
def refused_client(airflow) -> Iterator[str]:
    """Trades of a settled date arrive, and the partner refuses one of their clients, unnamed."""
    airflow.all_days_ended()
    with closing(duckdb.connect(str(airflow.warehouse))) as database:
        database.execute(MORE_TRADES, ["refused", airflow.completed, "demo", 6])
        found = database.execute(CLIENTS_OF_MORE_TRADES).fetchall()
    (client, *_) = sorted(str(each) for (each,) in found)
    before = airflow.sandbox.world
    airflow.sandbox.world = before.changed(
        partners=tuple(
            each.changed(
                connections=tuple(
                    one.changed(refused_with="cannot be processed" if one.id == client else None)
                    for one in each.connections
                )
            )
            for each in before.partners
        )
    )
    yield client
    airflow.sandbox.world = before


def test_a_refusal_is_narrowed_down_by_runs_that_start_by_themselves(
    airflow, refused_client
) -> None:
    """Nobody touches anything; in the end all but the one client are settled, and it is named."""
    run_id = airflow.rest.start_run(airflow.completed)
    assert airflow.rest.run_ended(run_id)["state"] == "failed"

    def owed() -> set[str]:
        there, here = booked(airflow, airflow.completed), airflow.owed(airflow.completed)
        return {key.connection_id for key in here if here[key] != there.get(key, 0)}

    once(owed, {refused_client}.__eq__)
    narrowing = airflow.rest.runs_named("narrowing-")
    assert all(airflow.rest.run_ended(each)["state"] == "failed" for each in narrowing)
    airflow.sandbox.world = airflow.sandbox.world.changed(
        partners=tuple(
            each.changed(
                connections=tuple(one.changed(refused_with=None) for one in each.connections)
            )
            for each in airflow.sandbox.world.partners
        )
    )
    again = airflow.rest.start_run(airflow.completed)
    assert airflow.rest.run_ended(again)["state"] == "success"
    assert owed() == set()


def test_a_client_is_held_and_released_with_a_form(airflow, browser) -> None:
    """Nobody needs a shell or a login to the ledger; it is recorded with the user's name.

    The forms are those of the settlement pages; each says what holds then.
    """
    client = min(key.connection_id for key in airflow.owed(airflow.completed))
    airflow.rest.unpause(ACTIONS)
    visitor = Visitor(browser)
    for button, held in (("Hold", {client}), ("Release", set())):
        fields = {"connection_id": client, "reason": "a court"}
        assert client in visitor.does_by_hand("demo", button, **fields)
        with airflow.ledger.transaction() as tx:
            assert held_connections(tx, "demo") == held
            events = [each for each in read_events(tx, "demo") if each.kind in HOLDING]
        assert events[-1].details["who"] == LOGIN[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_read_by_everybody(airflow, browser, scheme) -> None:
    """Nothing serious by axe-core, and no page of a telephone's width is scrolled sideways."""
    airflow.all_days_ended()
    page = browser.page
    page.set_viewport_size(TELEPHONE)
    page.emulate_media(color_scheme=scheme)
    day = airflow.completed
    try:
        for path in (
            *("", "questions", "findings", "partners/demo/actions", "partners/demo/setup"),
            *(f"partners/demo/dates/{day}", f"requests/demo-{day}-1"),
            "runbooks/partner_settlement",
        ):
            page.goto(f"{airflow.url}/settlement/{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE["width"], path
            found = Axe().run(page).response["violations"]
            serious = [each for each in found if each["impact"] in {"serious", "critical"}]
            assert not serious, (path, [(each["id"], each["nodes"]) for each in serious])
    finally:
        page.set_viewport_size(WINDOW)


def test_the_keyboard_is_enough(airflow, browser) -> None:
    """From the first page to a date and to one of its requests."""
    airflow.all_days_ended()
    page = browser.page
    page.goto(f"{airflow.url}/settlement/")
    for name in (str(airflow.completed), f"demo-{airflow.completed}-1"):
        page.keyboard.press("Tab")
        while page.evaluate("document.activeElement.textContent") != name:
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=name).wait_for()


def test_a_pool_that_is_gone_is_a_finding_of_the_watch(airflow) -> None:
    """Tasks wait for it and nothing is red: the watch, which needs no slot of it, says so."""
    airflow.all_days_ended()
    airflow.rest.send("DELETE", f"pools/{POOL}")
    try:
        waiting = airflow.rest.start_run(airflow.completed)
        once(lambda: airflow.rest.task_states(waiting).get("build_requests"), "scheduled".__eq__)
        looking = airflow.rest.trigger(WATCH, {})
        log = airflow.rest.log_of_first_try(looking, "watch_partner", WATCH)
        assert "[runbook: no-pool]" in log
    finally:
        pool = {"name": POOL, "slots": POOL_SLOTS, "include_deferred": False}
        airflow.rest.call("POST", "pools", pool)
    assert airflow.rest.run_ended(waiting)["state"] == "success"
    airflow.rest.run_ended(looking, WATCH)


@pytest.mark.usefixtures("airflow")
def test_no_dag_fails_to_import(airflow) -> None:
    """The dag-processor has read every DAG file."""
    assert airflow.rest.call("GET", "importErrors")["import_errors"] == []


@pytest.fixture
def left_behind(airflow) -> list[tuple[str, bytes]]:
    """All that three runs have left, one of them with every error text on the way to a clear."""
    airflow.all_days_ended()
    return [
        *files_of(airflow.home),
        *rows_of(airflow.place.metadata),
        *rows_of(airflow.ledger.engine.url),
    ]


def test_the_search_sees_what_is_there(airflow, left_behind) -> None:
    """It reads task logs, component logs, XComs, templates, attempts, events and request bytes."""
    wanted = f"demo-{airflow.lost}-1".encode()
    places = {place for place, content in left_behind if wanted in content}
    tables = {place for place in places if "." in place and "/" not in place}
    assert {
        "airflow.xcom",
        "airflow.rendered_task_instance_fields",
        "settlement_ledger.attempt",
        "settlement_ledger.event",
        "settlement_ledger.body",
    } <= tables
    assert any("task_id=submit_requests" in place for place in places)
    signed = [content for place, content in left_behind if place == "settlement_ledger.body"]
    assert any(b'"signature":"' in content for content in signed)


def test_no_secret_is_left_anywhere(left_behind) -> None:
    """No form of token, key or passphrase, in no file and no row."""
    found = [
        (name, place)
        for name, secret in secrets().items()
        for place, content in left_behind
        if secret in content
    ]
    assert found == []


def test_stopping_leaves_no_process_behind(airflow) -> None:
    """After a stop no process group of a component is left."""
    groups = [process.pid for process in airflow.stack.processes.values()]
    assert len(groups) == 5
    airflow.stack.stop()
    assert all(group_is_gone(each) for each in groups)
