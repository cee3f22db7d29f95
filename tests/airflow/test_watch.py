"""The DAG settlement_watch: red where a person is needed, and what it starts by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api.common.trigger_dag import trigger_dag
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from pytest_httpserver import HTTPServer
from sqlalchemy import select, update

from airflow import settings
from settlement.ledger.people.question import Subject
from settlement.ledger.people.questions import NewQuestion, ask
from settlement.warehouse.hashed_ids import as_hashes, digest_of
from settlement_airflow import dag_parts
from settlement_airflow.operators import airflow_runs, watch
from settlement_airflow.operators.heartbeat import HEARTBEAT_URL, call
from support.airflow_day import PARTNER_FILE, AirflowDay, RunOfDag, ended
from support.day import ACTOR, ALICE, BOB, CAROL
from support.settling import settle
from support.watching import DAY, HOUR, SETTLED_WITHIN


def write_partner(day: AirflowDay, more: str = "", name: str = "demo") -> None:
    """A partner whose first date is the one that was due last."""
    if "settled_within" not in more:
        more += f'\nsettled_within = "{SETTLED_WITHIN // HOUR}h"'
    text = PARTNER_FILE.format(timezone="America/New_York", cut_off="17:00", more=more)
    path = day.folder / "partners" / f"{name}.toml"
    path.write_text(text.replace("2026-03-02", DAY.isoformat()))


@pytest.fixture
def today(day: AirflowDay) -> AirflowDay:
    """One trade of that date, ready to be settled."""
    write_partner(day)
    day.trade(ALICE, BOB, 100, day=DAY)
    return day


def watched(day: AirflowDay, marked: str | None = None) -> tuple[RunOfDag, list[str]]:
    """One run of the watch, and all its findings."""
    run = day.dag("settlement_watch").test(logical_date=None, mark_success_pattern=marked)
    query = select(XComModel).where(XComModel.run_id == run.run_id, XComModel.key == watch.WATCHED)
    with create_session() as session:
        rows = session.scalars(query.order_by(XComModel.map_index)).all()
        found = [each for row in rows for each in XComModel.deserialize_value(row)["findings"]]
    return ended(run), found


def runs_named(dag_id: str, run_id: str) -> list[DagRun]:
    """Runs of a DAG with this id, as Airflow knows them."""
    with create_session() as session:
        query = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        return list(session.scalars(query))


def test_a_settled_day_is_green(today: AirflowDay) -> None:
    """Nothing is found, nothing is started, and without a URL there is no sign of life."""
    assert today.run(DAY).state == "success"
    run, found = watched(today)
    assert found == []
    assert run.state == "success"
    assert run.tasks["nothing_found"] == "success"
    assert run.in_state("skipped") == {"settle_late_trades", "ask_people", "heartbeat"}
    assert run.names["watch_partner[0]"] == "demo"


def test_a_date_that_nobody_settled_is_red(today: AirflowDay) -> None:
    """The task of that partner failed, at once, and so did the run."""
    run, found = watched(today)
    assert run.state == "failed"
    assert run.in_state("failed") == {"watch_partner[0]"}
    assert run.in_state("upstream_failed") == {"nothing_found"}
    assert [each.rsplit(" [", 1)[1] for each in found] == ["runbook: never-touched]"]


def triggered(day: AirflowDay, dag_id: str = "settle_demo") -> str:
    """A run of the date that a person has triggered, and that nothing works on yet; its id."""
    watched(day)  # Airflow knows the DAGs from here on
    run = trigger_dag(
        dag_id=dag_id,
        triggered_by=DagRunTriggeredByType.UI,
        conf={"business_date": DAY.isoformat()},
        session=settings.Session(),
    )
    assert run is not None
    return str(run.run_id)


def set_paused(dag_id: str, paused: bool) -> None:
    """As the switch in the UI does."""
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == dag_id).values(is_paused=paused))


def set_state(run_id: str, task_id: str, state: str) -> None:
    """As the scheduler does."""
    which = (TaskInstance.run_id == run_id, TaskInstance.task_id == task_id)
    with create_session() as session:
        session.execute(update(TaskInstance).where(*which).values(state=state))


def sections(findings: list[str]) -> list[str]:
    """The sections of the runbook that findings name."""
    return [each.rsplit("[runbook: ", 1)[1].removesuffix("]") for each in findings]


def test_a_date_whose_run_is_queued_is_not_called_untouched(today: AirflowDay) -> None:
    """Unless the DAG is paused: then nothing will come of that run."""
    triggered(today)
    set_paused("settle_demo", True)
    assert sections(watched(today)[1]) == ["never-touched"]
    set_paused("settle_demo", False)
    run, found = watched(today)
    assert found == []
    assert run.state == "success"


def test_tasks_that_wait_for_a_pool_that_is_not_there_are_found(
    today: AirflowDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are due and get no slot, and nobody has one; the watch itself needs none."""
    monkeypatch.setattr(airflow_runs, "SLOT_GIVEN_WITHIN_S", 0)
    run_id = triggered(today)
    set_paused("settle_demo", False)
    set_state(run_id, "build_requests", "scheduled")
    run, found = watched(today)
    assert run.in_state("failed") == {"watch_partner[0]"}
    assert sections(found) == ["no-pool"]
    assert 'airflow pools set partner_api 2 "' in found[0]
    set_state(run_id, "verify_settled", "running")
    assert watched(today)[1] == []


def test_the_tasks_of_the_pool_are_the_ones_that_are_looked_for(day: AirflowDay) -> None:
    """A task that moves into the pool must be told here, too."""
    settle_dag = day.dag()
    pooled = {task.task_id for task in settle_dag.tasks if task.pool == dag_parts.POOL}
    assert set(airflow_runs.POOLED) == pooled
    assert set(airflow_runs.BEFORE_READING) <= {task.task_id for task in settle_dag.tasks}


def test_a_run_that_is_marked_as_success_is_found(today: AirflowDay) -> None:
    """Airflow says green, and the ledger has no proof by that run."""
    today.fault("forbidden", route="submit")
    assert today.run(DAY, marked="verify_settled|submit_requests").state == "success"
    _, found = watched(today)
    assert any("[runbook: marked-by-hand]" in each for each in found)


def test_late_trades_start_one_run_for_all_hours(today: AirflowDay) -> None:
    """Named after the date and its new trades; the run is told the date and nothing else."""
    write_partner(today, 'late_trades = "settle"\nsettled_within = "9d"')
    settle(today, DAY)
    today.trade(ALICE, CAROL, 7, day=DAY)
    until = today.trades[-1].recorded_at.strftime("%Y%m%dT%H%M%S.%fZ")
    first, found = watched(today)
    assert first.state == "success"
    assert "a run is started for them" in found[0]
    ids = digest_of(as_hashes([today.trades[-1].trade_id]))
    (started,) = runs_named("settle_demo", f"late_trades-{DAY}-{until}-{ids[:8]}")
    assert started.conf == {"business_date": DAY.isoformat()}
    assert started.run_type == DagRunType.OPERATOR_TRIGGERED
    second, _ = watched(today)
    assert second.in_state("skipped") >= {"settle_late_trades[0]"}
    assert len(runs_named("settle_demo", started.run_id)) == 1


def test_late_trades_are_started_though_the_look_is_red(today: AirflowDay) -> None:
    """What the watch can do by itself does not wait for a person."""
    write_partner(today, 'late_trades = "settle"')
    settle(today, DAY)
    for quantity in (7, 9):
        today.trade(ALICE, CAROL, quantity, day=DAY)
    run, _ = watched(today)
    assert run.state == "failed"
    assert run.tasks["settle_late_trades[0]"] == "success"


def test_a_question_that_nobody_was_asked_is_asked(today: AirflowDay) -> None:
    """By the run of settlement_decision that its digest names."""
    settle(today, DAY)
    with today.ledger.transaction() as tx:
        asked = ask(
            tx,
            NewQuestion(
                partner="demo",
                digest="cd" * 32,
                subject=Subject.HISTORY,
                business_date=DAY,
                facts={"was": "1"},
            ),
            ACTOR,
        )
    run, _ = watched(today)
    assert run.state == "success"
    (asking,) = runs_named("settlement_decision", f"demo-{DAY}-{asked.digest[:16]}")
    assert asking.conf == {"partner": "demo", "digest": asked.digest}


def test_one_partner_does_not_hide_another(today: AirflowDay) -> None:
    """A broken file, and a warehouse that cannot be read; each is said of the one it is about."""
    settle(today, DAY)
    write_partner(today, "cutt_off = 1", name="broken")
    today.warehouse.unlink()
    run, found = watched(today)
    assert run.in_state("failed") == {"watch_partner[0]", "watch_partner[1]"}
    assert len(found) == 3
    assert found[0].startswith("broken: ")
    assert found[1].startswith("demo: settled dates in the warehouse could not be checked")
    assert found[2].startswith("demo: trades that no date covers could not be checked")


def test_what_passes_by_itself_wakes_nobody(today: AirflowDay) -> None:
    """The partner's list does not answer once: the scheduler lets the watch check again."""
    settle(today, DAY)
    today.fault("unavailable", route="list")
    run, found = watched(today)
    assert run.state == "success"
    assert found == []


def test_the_sign_of_life_is_given_whatever_was_found(
    today: AirflowDay, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was checked to the end: somebody watches."""
    httpserver.expect_request("/ping/secret", method="GET").respond_with_data("ok")
    monkeypatch.setenv(HEARTBEAT_URL, httpserver.url_for("/ping/secret"))
    run, found = watched(today)
    assert found
    assert run.tasks["heartbeat"] == "success"
    assert [each.path for each, _ in httpserver.log] == ["/ping/secret"]


def test_no_sign_of_life_without_a_look(
    today: AirflowDay, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the task died: the monitor outside has to notice."""
    monkeypatch.setenv(HEARTBEAT_URL, httpserver.url_for("/ping"))
    run, _ = watched(today, marked="watch_partner")
    assert run.tasks["heartbeat"] == "skipped"
    assert httpserver.log == []


def test_a_sign_of_life_that_is_not_heard_is_a_warning(
    today: AirflowDay, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch itself is as green as before."""
    settle(today, DAY)
    httpserver.expect_request("/ping").respond_with_data("no", status=503)
    monkeypatch.setenv(HEARTBEAT_URL, httpserver.url_for("/ping"))
    run, _ = watched(today)
    assert run.state == "success"
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://monitor.example/secret", "must be https"),
        ("ftp://127.0.0.1/secret", "must be https"),
        ("https://[half/secret", "is not a URL"),
        ("http://127.0.0.1:9/secret", "no answer from 127.0.0.1"),
    ],
)
def test_a_heartbeat_never_says_its_path(url: str, says: str) -> None:
    """Whoever knows it could give the sign in our place."""
    problem = call(url)
    assert problem is not None
    assert says in problem
    assert "secret" not in problem


@pytest.mark.parametrize(
    ("run_type", "at", "before", "daily"),
    [
        (DagRunType.SCHEDULED, "2026-06-02T00:00", "2026-06-01T23:00", True),
        (DagRunType.SCHEDULED, "2026-06-02T05:00", "2026-06-01T19:00", True),
        (DagRunType.SCHEDULED, "2026-06-02T06:00", "2026-06-02T05:00", False),
        (DagRunType.SCHEDULED, "2026-06-02T06:00", None, True),
        (DagRunType.MANUAL, "2026-06-02T06:00", "2026-06-02T05:00", True),
        (DagRunType.MANUAL, None, None, True),
    ],
)
def test_the_daily_looks_are_those_of_the_first_run_of_a_day(
    run_type: DagRunType, at: str | None, before: str | None, daily: bool
) -> None:
    """Also if the scheduler stood still at midnight; a person gets all checks."""

    def run_at(text: str | None) -> Any:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
        return SimpleNamespace(run_type=run_type, logical_date=moment)

    previous = run_at(before) if before else None
    task_instance = SimpleNamespace(get_previous_dagrun=lambda: previous)
    context: Any = {"dag_run": run_at(at), "ti": task_instance}
    assert watch._first_of_the_day(context) is daily


def test_nobody_has_to_switch_the_watch_on(day: AirflowDay) -> None:
    """Hourly, one at a time, no missed hours made up for; red if any partner is."""
    dag = day.dag("settlement_watch")
    assert dag.is_paused_upon_creation is False
    assert dag.timetable.expression == "40 * * * *"
    assert not dag.catchup
    assert dag.max_active_runs == 1
    watch = dag.get_task("watch_partner")
    assert {task.pool for task in dag.tasks} == {"default_pool"}
    assert watch.max_active_tis_per_dagrun == 2
    leaves = {task.task_id for task in dag.tasks if not task.downstream_task_ids}
    assert leaves == {"nothing_found", "settle_late_trades", "ask_people", "heartbeat"}
    assert dag.get_task("nothing_found").upstream_task_ids == {"watch_partner"}
