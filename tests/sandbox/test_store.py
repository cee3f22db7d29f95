"""The store: the same in memory and in a file, atomic, and there after a restart."""

from __future__ import annotations

import sqlite3
from importlib import resources

import pytest

from partner_sandbox.store import Store


def test_reopened_file_goes_on_where_it_stopped(tmp_path, rehearse):
    """Settlements, balances, bookings and hidden ones survive closing and reopening."""
    path = tmp_path / "sandbox.sqlite"
    store = Store(path)
    before = rehearse(store, default_balance=1000)
    _, first = before.settle()
    before.fault("pending", route="submit")
    before.settle("demo-2")
    before.fault("lag", route="submit", look_ups=5)
    before.settle("demo-3")
    bookings, balances = before.sandbox.bookings(), before.get("partners/balances")
    store.close()

    after = rehearse(Store(path), default_balance=1000)
    assert after.sandbox.bookings() == bookings
    assert after.get("partners/balances") == balances
    assert after.settle() == (200, first)
    listed = after.get("partners/settlements")[1]["settlements"]
    assert {s["externalId"]: s["status"] for s in listed} == {
        "demo-1": "completed",
        "demo-2": "pending",
    }
    assert after.settle("demo-2")[0] == 200


def test_memory_and_file_tell_the_same_story(tmp_path, rehearse):
    """Where the store lives makes no difference to any answer."""
    stories = []
    for store in (Store(), Store(tmp_path / "sandbox.sqlite")):
        rehearsal = rehearse(store)
        answers = [rehearsal.settle(f"demo-{n}") for n in range(3)]
        stories.append((answers, rehearsal.get("partners/settlements"), rehearsal.booked()))
    assert stories[0] == stories[1]


def test_booking_that_breaks_off_leaves_nothing(rehearsal, monkeypatch):
    """An error in the middle of a booking takes back the settlement and every balance."""
    body = rehearsal.signed(rehearsal.content())
    before = rehearsal.get("partners/balances")
    with monkeypatch.context() as broken:
        broken.setattr(Store, "set_transfer_status", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rehearsal.post(body)
    assert rehearsal.booked() == []
    assert rehearsal.get("partners/balances") == before
    assert rehearsal.get("partners/settlements")[1] == {"settlements": []}
    assert rehearsal.post(body)[0] == 200


def test_reopened_file_remembers_windows_and_disputes(tmp_path, rehearse):
    """What is staged, disputed and adjusted goes on after a restart, by the clock."""
    windows = {"client_dispute_window_minutes": 60, "top_up_window_minutes": 30}
    store = Store(tmp_path / "sandbox.sqlite")
    before = rehearse(store, **windows)
    first, second, *_ = before.connections
    before.stage("demo-1", {first: {"BTC": "1"}, second: {"BTC": "2"}})
    raised = before.sandbox.raise_dispute("demo-1", first, {"BTC": 5})
    before.sandbox.close_dispute(raised.id, {"BTC": 4})
    before.pass_time(1)
    before.stage("demo-2", {second: {"BTC": "3"}})
    shown, disputes = before.shown("demo-2"), before.sandbox.disputes()
    store.close()

    after = rehearse(Store(tmp_path / "sandbox.sqlite"), **windows)
    after.pass_time(1)
    assert (after.shown("demo-2"), after.sandbox.disputes()) == (shown, disputes)
    after.pass_time(86_400)
    assert [each[:4] for each in after.booked()] == [
        ("demo-1", second, "BTC", 2),
        ("demo-2", second, "BTC", 3),
        ("demo-2", first, "BTC", 4),
    ]
    events, bookings = after.sandbox.events(), after.sandbox.bookings()
    again = rehearse(Store(tmp_path / "sandbox.sqlite"), **windows)
    assert (again.sandbox.events(), again.sandbox.bookings()) == (events, bookings)


def test_file_from_before_version_2_is_brought_up_to_date(tmp_path, rehearse):
    """A store of the first schema keeps what it knows, and learns disputes."""
    path = tmp_path / "sandbox.sqlite"
    store = Store(tmp_path / "new.sqlite")
    _, answer = rehearse(store).settle()
    bookings = store.bookings()
    store.close()
    first_schema = resources.files("partner_sandbox").joinpath("schema.sql").read_text("utf-8")
    with sqlite3.connect(path) as old:
        old.executescript(first_schema)
        old.execute("ATTACH ? AS new", [str(tmp_path / "new.sqlite")])
        for table in ("settlement", "transfer", "balance", "booking", "issued_payload"):
            columns = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}")
    old.close()

    after = rehearse(Store(path), client_dispute_window_minutes=60)
    assert after.sandbox.bookings() == bookings
    assert after.shown("demo-1")["settlement"] == answer["settlement"]
    assert len(after.shown("demo-1")["settlementTransfers"]) == 2
    assert after.stage("demo-2")[0] == 200
    after.sandbox.raise_dispute("demo-2", after.connections[0], {"BTC": 1})
    assert after.shown("demo-2")["settlement"]["disputed"]


def test_file_from_before_closures_were_reviewed_is_brought_up_to_date(tmp_path, rehearse):
    """What was closed then had been approved at once."""
    path = tmp_path / "sandbox.sqlite"
    store = Store(path)
    before = rehearse(store, client_dispute_window_minutes=60)
    first, second, *_ = before.connections
    before.stage("demo-1", {first: {"BTC": "1"}, second: {"BTC": "2"}})
    before.sandbox.raise_dispute("demo-1", second, {"BTC": 7})
    raised = before.sandbox.raise_dispute("demo-1", first, {"BTC": 5})
    before.sandbox.close_dispute(raised.id, {"BTC": 4})
    disputes = before.sandbox.disputes()
    store.close()
    with sqlite3.connect(path) as old:
        old.executescript(
            "ALTER TABLE dispute DROP COLUMN closure_status; PRAGMA user_version = 2;"
        )
    old.close()

    after = rehearse(Store(path), client_dispute_window_minutes=60)
    assert after.sandbox.disputes() == disputes
    assert {each.closure_status for each in disputes} == {None, "approved"}
