"""settlement doctor: what is wrong is named with its next step, everything else is ok."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from coincurve import PrivateKey
from sqlalchemy import create_engine, text

from partner_sandbox.demo_world import DEMO_PUBLIC_KEY, DEMO_TOKEN, DEMO_XPRV
from partner_sandbox.world import READ, Token
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import load_partner
from settlement.ledger.binding import require_binding
from settlement.ledger.bound_currencies import bind_decimals
from settlement.ledger.people.stop import raise_stop
from settlement.values import Actor
from settlement.watch.date_status import due_dates
from settlement_airflow.cli import doctor as doctor_command
from settlement_airflow.cli.configured_airflow import ConfiguredAirflow
from support.airflow_day import AirflowDay
from support.day import ALICE, CAROL

from .conftest import Command

Health = dict[str, tuple[str, str]]
Doctor = Callable[[], Health]
SOUND = {
    "Airflow connections",
    "ledger",
    "access token",
    "published API",
    "asking for signing payloads",
    "partner",
    "disputes",
    "currencies",
    "decimals",
    "clock",
    "warehouse",
    "trades without a date",
    "connections",
    "signing key",
    "pool",
    "DAG",
}


@pytest.fixture
def metadata(tmp_path: Path) -> str:
    """What the metadata database of a working Airflow says about pool and DAG."""
    url = f"sqlite:///{tmp_path}/airflow.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE slot_pool (pool TEXT, slots INTEGER)"))
        connection.execute(text("CREATE TABLE dag (dag_id TEXT, is_paused BOOLEAN)"))
        connection.execute(text("INSERT INTO slot_pool VALUES ('partner_api', 2)"))
        connection.execute(text("INSERT INTO dag VALUES ('settle_demo', 0)"))
    engine.dispose()
    return url


def change_airflow(metadata: str, statement: str) -> None:
    """Somebody changes pool or DAG."""
    engine = create_engine(metadata)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def doctor(
    day: AirflowDay, command: Command, metadata: str, monkeypatch: pytest.MonkeyPatch
) -> Doctor:
    """The command on a sound set-up; health and text by subject, checked against the exit code."""
    theirs = ConfiguredAirflow(metadata, {})
    monkeypatch.setattr(doctor_command, "configured_airflow", lambda: theirs)
    key = {"conn_type": "settlement_signing_key", "password": DEMO_XPRV}
    expected = {"extra": {"public_key": DEMO_PUBLIC_KEY}}
    monkeypatch.setenv("AIRFLOW_CONN_SIGNING_KEY", json.dumps(key | expected))
    load_today(day)

    def run() -> Health:
        ended = command("doctor", "demo", "--json")
        found = json.loads(ended.out)
        assert ended.code == any(each["health"] == "wrong" for each in found), ended.err
        return {each["subject"]: (each["health"], each["text"]) for each in found}

    return run


def load_today(day: AirflowDay) -> None:
    """The load is running: trades in the newest window, and recordings up to now."""
    partner = load_partner("demo", day.folder / "partners")
    newest = due_dates(partner, datetime.now(UTC))[-1]
    executed = BusinessCalendar(partner).window(newest).start + timedelta(hours=1)
    with closing(duckdb.connect(str(day.warehouse))) as database:
        database.execute(
            "UPDATE trades SET executed_at = ?, recorded_at = now()::TIMESTAMPTZ", [executed]
        )


def of_partner(day: AirflowDay, **changes: object) -> None:
    """Change the partner at the other side."""
    partner = day.sandbox.world.partners[0].changed(**changes)
    day.sandbox.world = day.sandbox.world.changed(partners=(partner,))


def test_a_sound_set_up_is_ok(doctor: Doctor) -> None:
    """Every line, and the first run is announced."""
    found = doctor()
    assert {subject for subject, (health, _) in found.items() if health == "ok"} == SOUND
    assert found.keys() - SOUND == {"binding"}
    assert "the first run binds demo to demo-enterprise" in found["binding"][1]


def test_a_trade_that_no_date_will_settle_is_wrong(doctor: Doctor, day: AirflowDay) -> None:
    """Microseconds read as milliseconds: with its id and its time."""
    with closing(duckdb.connect(str(day.warehouse))) as database:
        database.execute("UPDATE trades SET executed_at = '2126-03-03T00:00:00Z'")
    health, said = doctor()["trades without a date"]
    assert health == "wrong"
    assert "trade(s) are executed later than now: " in said
    assert "(2126-03-03 " in said


def test_it_sends_nothing(doctor: Doctor, day: AirflowDay) -> None:
    """Neither a request nor an attempt."""
    doctor()
    assert day.sandbox.settlements() == []
    with day.ledger.transaction() as tx:
        assert tx.execute(text("SELECT count(*) FROM attempt")).scalar_one() == 0


@pytest.mark.parametrize(
    ("changes", "subject", "says"),
    [
        ({"tokens": (Token(value="another"),)}, "access token", "refused"),
        ({"tokens": (Token(value=DEMO_TOKEN, scopes=frozenset()),)}, "access token", "scope"),
        (
            {"tokens": (Token(value=DEMO_TOKEN, scopes=frozenset({READ})),)},
            "asking for signing payloads",
            "settlement_network_write",
        ),
        ({"licensed": False}, "access token", "licence"),
        ({"active": False}, "access token", "inactive"),
        ({"client_dispute_window_minutes": 1440}, "disputes", 'set api_version = "v2"'),
        ({"currencies": {"BTC": 8, "USD": 2}}, "currencies", "does not settle ETH"),
    ],
)
def test_what_is_wrong_at_the_partner_is_named(
    doctor: Doctor, day: AirflowDay, changes: dict[str, object], subject: str, says: str
) -> None:
    """Token, scopes, licence, disputes, currencies."""
    of_partner(day, **changes)
    health, said = doctor()[subject]
    assert health == "wrong"
    assert says in said


@pytest.mark.parametrize(
    ("more", "health", "says"),
    [
        ("", "wrong", "pending for 1 day, 1:00:00 in all"),
        ('settled_within = "26h"\nlook_up_first_after = "2d"', "ok", 'api_version = "v2" fits'),
    ],
)
def test_a_date_may_take_as_long_as_the_windows(
    doctor: Doctor, day: AirflowDay, more: str, health: str, says: str
) -> None:
    """Else the watch would report dates that only wait."""
    of_partner(day, client_dispute_window_minutes=1440, top_up_window_minutes=60)
    day.write_partner(f'api_version = "v2"\n{more}')
    found, said = doctor()["disputes"]
    assert (found, says in said) == (health, True)


def test_what_the_platform_must_host_is_said_where_clients_may_dispute(
    doctor: Doctor, day: AirflowDay
) -> None:
    """A note: nothing here can see whether somebody answers, and no date waits for it."""
    assert "calls to the platform" not in doctor()
    of_partner(day, client_dispute_window_minutes=60)
    day.write_partner('api_version = "v2"')
    health, said = doctor()["calls to the platform"]
    assert health == "note"
    for part in ("finalize", "platform must host", "and allocations", "only BitGo can say"):
        assert part in said


def test_a_connection_that_is_not_active_is_named(doctor: Doctor, day: AirflowDay) -> None:
    """Its trades would stop the build."""
    partner = day.sandbox.world.partners[0]
    changed = tuple(each.changed(active=each.id != ALICE) for each in partner.connections)
    of_partner(day, connections=changed)
    health, said = doctor()["connections"]
    assert health == "wrong"
    assert ALICE in said
    assert CAROL not in said


def test_a_partner_that_does_not_answer_hides_nothing_else(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other lines are checked."""
    nowhere = {"conn_type": "bitgo_network", "host": "http://127.0.0.1:9", "password": "x"}
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER_API", json.dumps(nowhere))
    found = doctor()
    assert found["access token"][0] == "wrong"
    assert "gives no answer" in found["access token"][1]
    assert found["warehouse"][0] == found["pool"][0] == found["signing key"][0] == "ok"


def test_a_wrong_column_of_the_warehouse_is_named(doctor: Doctor, day: AirflowDay) -> None:
    """A float near an amount."""
    with closing(duckdb.connect(str(day.warehouse))) as database:
        database.execute("ALTER TABLE trades ALTER base_quantity TYPE DOUBLE")
    health, said = doctor()["warehouse"]
    assert health == "wrong"
    assert "base_quantity" in said


def test_a_key_that_is_not_the_expected_one_is_named(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its id, never by itself."""
    other = PrivateKey.from_int(4711).public_key.format().hex()
    key = {"conn_type": "settlement_signing_key", "password": DEMO_XPRV}
    monkeypatch.setenv(
        "AIRFLOW_CONN_SIGNING_KEY", json.dumps(key | {"extra": {"public_key": other}})
    )
    health, said = doctor()["signing key"]
    assert health == "wrong"
    assert ", not " in said
    assert DEMO_XPRV not in said


def test_without_an_expected_key_it_is_a_note(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is wrong yet."""
    key = {"conn_type": "settlement_signing_key", "password": DEMO_XPRV}
    monkeypatch.setenv("AIRFLOW_CONN_SIGNING_KEY", json.dumps(key))
    health, said = doctor()["signing key"]
    assert health == "note"
    assert "set public_key" in said


@pytest.mark.parametrize(
    ("statement", "subject", "says"),
    [
        ("DELETE FROM slot_pool", "pool", "airflow pools set partner_api 2"),
        ("UPDATE slot_pool SET slots = 16", "pool", "the partner's limit of requests is passed"),
        ("UPDATE slot_pool SET slots = 1", "pool", "submit_requests never starts"),
        ("DELETE FROM dag", "DAG", "does not know settle_demo"),
        ("UPDATE dag SET is_paused = 1", "DAG", "is paused"),
        ("DROP TABLE dag", "Airflow", "cannot be read"),
    ],
)
def test_what_is_wrong_in_airflow_is_named(
    doctor: Doctor, metadata: str, statement: str, subject: str, says: str
) -> None:
    """Pool and DAG."""
    change_airflow(metadata, statement)
    health, said = doctor()[subject]
    assert health == "wrong"
    assert says in said


def test_a_stopped_partner_and_another_account_are_named(doctor: Doctor, day: AirflowDay) -> None:
    """After the first run: what the name is bound to."""
    with day.ledger.transaction() as tx:
        require_binding(tx, load_partner("demo"), day.url, Actor("the first run"))
    assert doctor()["binding"][0] == "ok"
    with day.ledger.transaction() as tx:
        raise_stop(tx, "demo", "amounts look wrong", Actor("a person"))
    day.write_partner('amounts = "full_units"')
    found = doctor()
    assert found["stop flag"] == ("wrong", found["stop flag"][1])
    assert "amounts look wrong" in found["stop flag"][1]
    assert found["binding"][0] == "wrong"
    assert "settlement bind demo" in found["binding"][1]


def test_unusual_decimals_are_noted_and_bound_ones_are_defended(
    doctor: Doctor, day: AirflowDay
) -> None:
    """The warehouse may count otherwise than the world; it may not change its mind."""
    file = load_partner("demo")
    with day.ledger.transaction() as tx:
        require_binding(tx, file, day.url, Actor("the first run"))
        bind_decimals(tx, file, {"BTC"}, Actor("the first run"))
    path = day.folder / "partners" / "demo.toml"
    path.write_text(path.read_text().replace("BTC = 8", "BTC = 6"))
    found = doctor()
    assert found["decimals"][0] == "note"
    assert "BTC = 6 (usually 8)" in found["decimals"][1]
    assert found["bound decimals"][0] == "wrong"
    assert "`settlement bind demo`" in found["bound decimals"][1]


def test_a_ledger_that_was_never_upgraded_is_named(
    doctor: Doctor, empty_ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command to run; the other lines are checked."""
    monkeypatch.setenv("AIRFLOW_CONN_SETTLEMENT_LEDGER", empty_ledger)
    found = doctor()
    assert found["ledger"][0] == "wrong"
    assert "settlement ledger upgrade" in found["ledger"][1]
    assert found["trades without a date"][0] == "note"
    assert found["access token"][0] == "ok"


def test_a_person_gets_a_table(doctor: Doctor, command: Command) -> None:
    """A line each."""
    ended = command("doctor", "demo")
    assert ended.code == 0
    assert "ok" in ended.out
    assert "accepted for enterprise demo-enterprise" in ended.out
