"""The sandbox behind real sockets: drops, slow answers, control routes, restarts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from partner_sandbox.server import main, running
from settlement_airflow.up.place import free_port
from support.kill import kill
from support.patience import until

from .conftest import PREFIX

HEADERS = {"Authorization": "Bearer demo-token-read-write"}


@pytest.fixture
def url(rehearsal):
    """Base URL of the rehearsal's sandbox, served on loopback."""
    with running(rehearsal.sandbox) as base:
        yield base


def post(url, body):
    """POST a settlement over a real socket."""
    return requests.post(
        url + PREFIX + "partners/settlements",
        headers=HEADERS,
        data=json.dumps(body),
        timeout=60,
        allow_redirects=False,
    )


def test_settlement_over_http(rehearsal, url):
    """Headers, percent-encoded queries and bodies arrive; answers are JSON."""
    body = rehearsal.signed(rehearsal.content("demo 1/ü"))
    assert post(url, body).json()["settlement"]["status"] == "completed"
    found = requests.get(
        url + PREFIX + "partners/settlements",
        params=[("externalIds", "demo 1/ü"), ("createdOnOrAfter", "2026-03-02T17:00:00+00:00")],
        headers=HEADERS,
        timeout=60,
    )
    assert [s["externalId"] for s in found.json()["settlements"]] == ["demo 1/ü"]
    assert found.headers["Content-Type"] == "application/json"


def test_get_with_a_body_reaches_the_signing_route(rehearsal, url):
    """The signing route answers a GET that carries JSON."""
    answer = requests.get(
        url + PREFIX + "partners/settlements-signing",
        headers=HEADERS,
        data=json.dumps(rehearsal.content()),
        timeout=60,
    )
    assert json.loads(answer.json()["payload"]) == rehearsal.content()


@pytest.mark.parametrize(("fault", "booked"), [("drop_before", 0), ("drop_after", 2)])
def test_dropped_connection_is_seen_as_one(rehearsal, url, fault, booked):
    """A client gets no byte of an answer, only a closed connection, and the next call works."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault(fault, route="submit")
    with pytest.raises(requests.ConnectionError, match=r"reset|aborted|closed"):
        post(url, body)
    assert len(rehearsal.booked()) == booked
    assert post(url, body).status_code == 200
    assert len(rehearsal.booked()) == 2


def test_slow_answer_outlasts_a_timeout_though_booked(rehearsal, url):
    """A client that gives up early has settled nonetheless."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("delay", route="submit", seconds=30)
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            url + PREFIX + "partners/settlements",
            headers=HEADERS,
            data=json.dumps(body),
            timeout=1,
        )
    until(lambda: len(rehearsal.booked()) == 2, "the request to be booked")


def test_dripping_answer_comes_byte_by_byte(rehearsal, url):
    """The first bytes come at once, long before the last."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("drip", route="submit", seconds=300)
    with requests.post(
        url + PREFIX + "partners/settlements",
        headers=HEADERS,
        data=json.dumps(body),
        timeout=60,
        stream=True,
    ) as answer:
        begun = answer.raw.read(1) + answer.raw.read1()
        assert begun.startswith(b"{")
        assert len(begun) < int(answer.headers["Content-Length"])


def test_dripping_answer_is_whole_in_the_end(rehearsal, url):
    """Whoever is patient reads what was booked."""
    rehearsal.fault("drip", route="submit", seconds=0.1)
    answer = post(url, rehearsal.signed(rehearsal.content()))
    assert answer.json()["settlement"]["status"] == "completed"


def test_redirect_and_malformed_answers_travel_as_they_are(rehearsal, url):
    """Status, Location and broken bodies reach the client untouched."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("redirect", route="submit")
    answer = post(url, body)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
    rehearsal.fault("empty", route="submit")
    assert post(url, body).content == b""


def test_control_routes_tell_what_was_booked(rehearsal, url):
    """Bookings and settlements are listed for whoever rehearses, amounts as text."""
    rehearsal.settle()
    bookings = requests.get(f"{url}/_control/bookings", timeout=60).json()["bookings"]
    assert bookings[1] == {
        "external_id": "demo-1",
        "connection_id": rehearsal.connections[0],
        "currency": "USD",
        "amount": "-7",
        "settlement_id": rehearsal.sandbox.bookings()[1].settlement_id,
        "at": "2026-03-02T17:00:00.000Z",
        "kind": "own",
    }
    settlements = requests.get(f"{url}/_control/settlements", timeout=60).json()["settlements"]
    assert [s["externalId"] for s in settlements] == ["demo-1"]
    assert requests.get(f"{url}/_control/health", timeout=60).json()["status"] == "ok"


def test_control_routes_script_faults(rehearsal, url):
    """Rules and the random mode are set, shown and cleared over HTTP."""
    control = f"{url}/_control/faults"
    rules = [{"fault": "unavailable", "route": "submit", "times": 2}]
    chance = {"seed": 3, "rates": {"drop_after": 0.1}}
    shown = requests.post(control, json={"rules": rules, "random": chance}, timeout=60).json()
    assert (shown["rules"][0]["fault"], shown["rules"][0]["met"]) == ("unavailable", 0)
    assert shown["random"]["rates"] == {"drop_after": 0.1}
    assert post(url, rehearsal.content()).status_code == 503
    assert requests.get(control, timeout=60).json()["rules"][0]["met"] == 1
    assert requests.delete(control, timeout=60).json() == {"rules": [], "random": None}
    assert (
        requests.post(control, json={"rules": [{"fault": "gremlin"}]}, timeout=60).status_code
        == 422
    )


def test_control_routes_move_money_and_settings(rehearse):
    """Funds, foreign settlements and settings change over HTTP; mistakes are named."""
    rehearsal = rehearse(default_balance=0)
    first = rehearsal.connections[0]
    with running(rehearsal.sandbox) as url:

        def control(name, content):
            answer = requests.post(f"{url}/_control/{name}", json=content, timeout=60)
            return answer.status_code, answer.json()

        big = str(10**30)
        assert control("fund", {"currency": "BTC", "amount": big}) == (200, {"available": big})
        assert control("fund", {"currency": "BTC", "amount": 1.0})[0] == 422
        status, answer = control("fund", {"currency": "DOGE", "amount": "1"})
        assert (status, "DOGE" in answer["detail"]) == (400, True)
        line = {"connection_id": first, "currency": "BTC", "amount": "-4"}
        assert control("foreign", {"external_id": "other-1", "lines": [line]})[0] == 200
        assert control("foreign", {"external_id": "other-1", "lines": [line]})[0] == 400
        assert rehearsal.booked() == [("other-1", first, "BTC", -4)]
        assert control("settings", {"max_page_size": 7, "default_page_size": 7})[0] == 200
        assert rehearsal.sandbox.settings.max_page_size == 7
        assert control("settings", {"max_page_size": "many"})[0] == 400
        assert control("deliver-late", {})[0] == 200


def test_control_routes_raise_and_end_disputes(disputing):
    """Disputes are raised, retracted and closed over HTTP; events are shown; mistakes are named."""
    first = disputing.connections[0]
    disputing.stage()
    order = {"external_id": "demo-1", "connection_id": first, "expected_transfers": {"BTC": "120"}}
    with running(disputing.sandbox) as url:

        def control(name, content):
            answer = requests.post(f"{url}/_control/{name}", json=content, timeout=60)
            return answer.status_code, answer.json()

        status, raised = control("disputes", {**order, "reason": "a trade is missing"})
        assert (status, raised["state"], raised["connection_id"]) == (200, "open", first)
        assert control("disputes", order)[0] == 400
        assert control("disputes", {**order, "expected_transfers": {"BTC": 1.0}})[0] == 422
        assert control(f"disputes/{raised['id']}/retract", {})[1]["state"] == "retracted"
        _, again = control("disputes", order)
        close = f"disputes/{again['id']}/close"
        assert control(close, {"adjusted": {"DOGE": "1"}})[0] == 400
        closed = {"adjusted": {"BTC": "110"}, "closed_by": "admin"}
        assert control(close, {**closed, "reviewed": True})[1]["state"] == "closed, awaits review"
        assert control(close, closed)[0] == 400
        review = f"disputes/{again['id']}/review"
        assert control(review, {"approved": False})[1]["state"] == "open"
        assert control(review, {"approved": True})[0] == 400
        assert control(close, closed)[1]["state"] == "closed"
        assert requests.get(f"{url}/_control/events", timeout=60).json() == {"events": []}
        disputing.pass_time(1)
        disputing.stage("demo-2", {disputing.connections[1]: {"BTC": "1"}})
        disputing.pass_time(3600)
        events = requests.get(f"{url}/_control/events", timeout=60).json()["events"]
        assert events[0]["amounts"] == {}
        assert events[1] == {
            "kind": "finalize",
            "external_id": "demo-2",
            "settlement_id": disputing.shown("demo-2")["settlement"]["id"],
            "at": "2026-03-02T18:00:01.000Z",
            "amounts": {disputing.connections[1]: {"BTC": "1"}, first: {"BTC": "110"}},
        }
        disputing.pass_time(1800)
        bookings = requests.get(f"{url}/_control/bookings", timeout=60).json()["bookings"]
        assert [(b["amount"], b["kind"]) for b in bookings] == [("1", "own"), ("110", "adjustment")]


def started(port, store):
    """`python -m partner_sandbox` as a process, once it answers."""
    process = psutil.Popen(
        [sys.executable, "-m", "partner_sandbox", "--port", str(port), "--store", str(store)],
        stderr=subprocess.PIPE,
    )
    for line in process.stderr:
        if b"running on" in line:
            break
    return process, f"http://127.0.0.1:{port}"


def test_killed_sandbox_remembers_after_restart(tmp_path, rehearsal):
    """After kill -9 right behind a settlement, the repeat finds it and nothing moves twice."""
    store, port = tmp_path / "sandbox.sqlite", free_port(0)
    body = rehearsal.signed(rehearsal.content())
    process, url = started(port, store)
    first = post(url, body).json()
    kill(process)
    process, url = started(port, store)
    try:
        assert post(url, body).json() == first
        bookings = requests.get(f"{url}/_control/bookings", timeout=60).json()["bookings"]
        assert len(bookings) == 2
    finally:
        process.terminate()
        process.wait()


def test_command_names_files_it_cannot_read(tmp_path, capsys):
    """A world or store file that is something else is exit code 2 with its name."""
    broken = tmp_path / "broken"
    broken.write_text("not a world, nor a database, whatever its length " * 50)
    assert main(["--world", str(broken)]) == 2
    assert main(["--world", str(Path("no-such-file"))]) == 2
    assert main(["--store", str(broken)]) == 2
    assert capsys.readouterr().err.count(str(broken)) == 2
