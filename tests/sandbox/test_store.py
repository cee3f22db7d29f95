"""The store: the same in memory and in a file, atomic, and there after a restart."""

from __future__ import annotations

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
