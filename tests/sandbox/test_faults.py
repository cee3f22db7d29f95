"""Every fault does what it says, and money moves only where it says so."""

from __future__ import annotations

import json

import pytest

from partner_sandbox.faults import FaultKind, FaultRule, RandomFaults
from partner_sandbox.messages import ConnectionDropped, Request

from .conftest import PREFIX

LIST = "partners/settlements"


def raw_answer(rehearsal, body):
    """The unparsed answer to a POST."""
    headers = {"Authorization": "Bearer demo-token-read-write"}
    content = json.dumps(body).encode()
    return rehearsal.sandbox.handle(
        Request("POST", PREFIX + "partners/settlements", (), headers, content)
    )


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("error_before", 500),
        ("conflict", 409),
        ("rate_limited", 429),
        ("bad_gateway", 502),
        ("unavailable", 503),
        ("redirect", 302),
        ("bad_token", 401),
        ("forbidden", 403),
        ("bad_request", 400),
        ("too_large", 413),
    ],
)
def test_answers_that_process_nothing(rehearsal, fault, status):
    """The fault's status comes back once, nothing is booked, and the repeat completes."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault(fault, route="submit")
    assert raw_answer(rehearsal, body).status == status
    assert rehearsal.booked() == []
    assert rehearsal.get(LIST)[1] == {"settlements": []}
    assert rehearsal.post(body)[0] == 200


def test_rate_limit_says_when_to_come_back(rehearsal):
    """429 carries Retry-After in whole seconds and names the error."""
    rehearsal.fault("rate_limited", seconds=12)
    answer = raw_answer(rehearsal, rehearsal.content())
    assert (answer.status, answer.headers["Retry-After"]) == (429, "12")
    assert set(json.loads(answer.body)) == {"error", "name", "requestId"}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("error_after", 500),
        ("gateway_timeout", 504),
        ("truncated", 200),
        ("html", 200),
        ("empty", 200),
    ],
)
def test_answers_that_are_lost_after_booking(rehearsal, fault, status):
    """The settlement is booked once, its answer is useless, and the repeat tells the truth."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault(fault, route="submit")
    answer = raw_answer(rehearsal, body)
    assert answer.status == status
    assert b'"completed"' not in answer.body or fault == "truncated"
    if fault in ("truncated", "html", "empty"):
        with pytest.raises(ValueError, match=r"JSON|Expecting|Unterminated|delimiter"):
            json.loads(answer.body)
    assert len(rehearsal.booked()) == 2
    assert rehearsal.post(body)[0] == 200
    assert len(rehearsal.booked()) == 2


@pytest.mark.parametrize(("fault", "booked"), [("drop_before", 0), ("drop_after", 2)])
def test_drops_before_and_after_booking(rehearsal, fault, booked):
    """A dropped connection tells nothing; whether money moved depends on the fault."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault(fault, route="submit")
    with pytest.raises(ConnectionDropped) as drop:
        rehearsal.post(body)
    assert drop.value.booked is bool(booked)
    assert len(rehearsal.booked()) == booked
    assert rehearsal.post(body)[0] == 200
    assert len(rehearsal.booked()) == 2


def test_drop_after_a_failed_settlement_is_not_booked(rehearse):
    """Dropped after processing, but without funds: nothing was booked."""
    rehearsal = rehearse(default_balance=0)
    rehearsal.fault("drop_after", route="submit")
    with pytest.raises(ConnectionDropped) as drop:
        rehearsal.settle()
    assert not drop.value.booked


def test_late_request_arrives_after_others(rehearsal):
    """A request thought lost arrives later: then its externalId is taken."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("late", route="submit", calls=2)
    with pytest.raises(ConnectionDropped):
        rehearsal.post(body)
    assert rehearsal.get(LIST)[1] == {"settlements": []}
    assert len(rehearsal.get(LIST)[1]["settlements"]) == 1
    assert len(rehearsal.booked()) == 2


def test_late_request_arrives_on_demand(rehearsal):
    """A simulation decides itself when the late request arrives."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("late", route="submit", calls=99)
    with pytest.raises(ConnectionDropped):
        rehearsal.post(body)
    rehearsal.sandbox.deliver_late()
    assert len(rehearsal.booked()) == 2


def test_pending_completes_when_posted_again(rehearsal):
    """500 with a pending settlement; the same body again completes the same settlement."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("pending", route="submit", times=2)
    for _ in range(2):
        status, answer = rehearsal.post(body)
        assert (status, answer["settlement"]["status"]) == (500, "pending")
        assert rehearsal.booked() == []
    status, completed = rehearsal.post(body)
    assert (status, completed["settlement"]["id"]) == (200, answer["settlement"]["id"])
    assert len(rehearsal.booked()) == 2


def test_pending_completes_after_look_ups(rehearsal):
    """A pending settlement that is only watched completes after the look-ups named."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("pending", route="submit", look_ups=2)
    _, answer = rehearsal.post(body)
    path = f"{LIST}/{answer['settlement']['id']}"
    seen = [rehearsal.get(path)[1]["settlement"]["status"] for _ in range(3)]
    assert seen == ["pending", "pending", "completed"]
    assert len(rehearsal.booked()) == 2


def test_failed_completes_when_posted_again(rehearsal):
    """401 with a failed settlement, as if funds were missing; then it completes."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("failed", route="submit")
    status, answer = rehearsal.post(body)
    assert (status, answer["settlement"]["status"]) == (401, "failed")
    assert answer["settlement"]["reason"]
    assert rehearsal.post(body)[0] == 200


def test_rejected_is_final(rehearsal):
    """A rejected settlement stays rejected and never moves money."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("rejected", route="submit")
    first = rehearsal.post(body)
    assert (first[0], first[1]["settlement"]["status"]) == (401, "rejected")
    assert {"reason", "finalizedAt"} <= set(first[1]["settlement"])
    assert rehearsal.post(body) == first
    assert rehearsal.booked() == []


def test_fault_does_not_undo_a_completed_settlement(rehearsal):
    """A settlement that is completed stays so, whatever fault a repeat meets."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.post(body)
    for fault in ("pending", "failed", "rejected"):
        rehearsal.fault(fault, route="submit")
        assert rehearsal.post(body)[0] == 200


def test_foreign_settlement_takes_the_external_id(rehearsal):
    """Somebody books other amounts under the externalId first: a real 409 to reconcile."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("foreign", route="submit")
    assert rehearsal.post(body)[0] == 409
    _, found = rehearsal.get(LIST, ("externalIds", "demo-1"))
    _, detail = rehearsal.get(f"{LIST}/{found['settlements'][0]['id']}")
    quantities = {t["currency"]: t["quantity"] for t in detail["settlementTransfers"]}
    assert quantities == {"BTC": "101", "USD": "-7"}


def test_foreign_settlement_may_be_booked_by_hand(rehearsal):
    """A foreign settlement of one's own making is listed like any other, and conflicts."""
    first = rehearsal.connections[0]
    rehearsal.sandbox.book_foreign("demo-1", [(first, "BTC", 100), (first, "USD", -8)])
    content = rehearsal.content()
    assert rehearsal.call("POST", "partners/settlements-signing", body=content)[0] == 409
    assert len(rehearsal.get(LIST)[1]["settlements"]) == 1
    with pytest.raises(ValueError, match="already exists"):
        rehearsal.sandbox.book_foreign("demo-1", [(first, "BTC", 1)])
    with pytest.raises(ValueError, match="zero"):
        rehearsal.sandbox.book_foreign("demo-2", [(first, "BTC", 0)])


def test_equal_foreign_settlement_is_taken_for_ours(rehearsal):
    """A foreign settlement with equal amounts answers a repeat with 200, not 409."""
    first = rehearsal.connections[0]
    rehearsal.sandbox.book_foreign("demo-1", [(first, "USD", -7), (first, "BTC", 100)])
    assert rehearsal.settle()[0] == 200
    assert len(rehearsal.booked()) == 2


def test_wrong_external_id_in_the_answer(rehearsal):
    """The answer names another externalId, though the right one is booked."""
    rehearsal.fault("wrong_external_id", route="submit")
    _, answer = rehearsal.settle()
    assert answer["settlement"]["externalId"] == "not-demo-1"
    assert rehearsal.booked()[0][0] == "demo-1"


def test_wrong_payload_is_noticed_when_posted(rehearsal):
    """A payload that was issued for something else is refused with the body it is sent with."""
    rehearsal.fault("wrong_payload")
    body = rehearsal.signed(rehearsal.content())
    assert json.loads(body["payload"])["nonce"] != body["nonce"]
    assert rehearsal.post(body)[0] == 400


def test_lag_hides_a_settlement_for_look_ups(rehearsal):
    """A stored settlement is not shown for the look-ups named, by list or by id."""
    rehearsal.fault("lag", route="submit", look_ups=2)
    _, posted = rehearsal.settle()
    assert rehearsal.get(LIST)[1]["settlements"] == []
    assert rehearsal.get(f"{LIST}/{posted['settlement']['id']}")[0] == 404
    assert len(rehearsal.get(LIST)[1]["settlements"]) == 1
    assert len(rehearsal.booked()) == 2


def test_lag_hides_a_settlement_for_seconds(rehearsal):
    """A stored settlement is not shown until its time has come."""
    rehearsal.fault("lag", route="submit", seconds=30)
    _, posted = rehearsal.settle()
    rehearsal.pass_time(29)
    assert rehearsal.get(f"{LIST}/{posted['settlement']['id']}")[0] == 404
    rehearsal.pass_time(1)
    assert rehearsal.get(f"{LIST}/{posted['settlement']['id']}")[0] == 200


def test_capped_pages(rehearsal):
    """A cap by fault works like the server's own cap."""
    rehearsal.fault("capped_pages", route="connections", page_size=4, times=None)
    sizes = [
        len(
            rehearsal.get("partners/connections", ("pageSize", "100"), ("pageNumber", str(n)))[1][
                "connections"
            ]
        )
        for n in range(3)
    ]
    assert sizes == [4, 2, 0]


def test_slow_answers_say_how_slow(rehearsal):
    """Delay and drip are measured in the answer; the core itself never waits."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.fault("delay", seconds=7)
    rehearsal.fault("drip", seconds=8)
    assert raw_answer(rehearsal, body).delay_seconds == 7
    assert raw_answer(rehearsal, body).drip_seconds == 8


def test_rules_are_about_route_external_id_and_count(rehearsal):
    """A rule meets only its route and pattern, as many times as it says."""
    rehearsal.fault("error_before", route="submit", external_id="demo-2*", times=2)
    bodies = [rehearsal.signed(rehearsal.content(name)) for name in ("demo-1", "demo-20")]
    assert rehearsal.post(bodies[0])[0] == 200
    assert [rehearsal.post(bodies[1])[0] for _ in range(3)] == [500, 500, 200]
    rehearsal.fault("error_before", route="get", external_id="demo-20")
    _, found = rehearsal.get(LIST)
    statuses = {
        s["externalId"]: rehearsal.get(f"{LIST}/{s['id']}")[0] for s in found["settlements"]
    }
    assert statuses == {"demo-1": 200, "demo-20": 500}
    rehearsal.fault("error_before", external_id="demo-1", times=None)
    assert rehearsal.get(LIST)[0] == 200
    assert rehearsal.get(LIST, ("externalIds", "demo-7,demo-1"))[0] == 500
    rehearsal.sandbox.faults.clear()
    assert rehearsal.get(LIST, ("externalIds", "demo-1"))[0] == 200


def test_chance_repeats_with_its_seed(rehearse):
    """The same seed tells the same story, another seed another one."""

    def story(seed):
        rehearsal = rehearse()
        rates = dict.fromkeys(FaultKind, 0.02)
        bodies = [rehearsal.signed(rehearsal.content(f"demo-{n}")) for n in range(60)]
        rehearsal.sandbox.faults.randomize(RandomFaults(seed=seed, rates=rates))
        outcomes = []
        for body in bodies:
            try:
                outcomes.append(raw_answer(rehearsal, body).status)
            except ConnectionDropped as drop:
                outcomes.append(drop.booked)
        return outcomes, rehearsal.booked()

    assert story(7) == story(7)
    assert story(7) != story(8)
    assert len({str(outcome) for outcome in story(7)[0]}) > 4


def test_whatever_goes_wrong_nothing_is_booked_twice(rehearse):
    """Under all faults at once, repeating the same bodies settles each exactly once."""
    rehearsal = rehearse()
    bodies = [rehearsal.signed(rehearsal.content(f"demo-{n}")) for n in range(40)]
    harmless = {kind: 0.05 for kind in FaultKind if kind not in ("rejected", "foreign")}
    rehearsal.sandbox.faults.randomize(RandomFaults(seed=1, rates=harmless))
    for _ in range(5):
        for body in bodies:
            try:
                raw_answer(rehearsal, body)
            except ConnectionDropped:
                continue
    rehearsal.sandbox.faults.clear()
    rehearsal.sandbox.deliver_late()
    assert [rehearsal.post(body)[0] for body in bodies] == [200] * 40
    assert len(rehearsal.booked()) == 80
    assert len(set(rehearsal.booked())) == 80


@pytest.mark.parametrize(
    "rule", [{"fault": "pending", "route": "list"}, {"fault": "capped_pages", "route": "submit"}]
)
def test_rule_that_could_never_meet_anything_is_refused(rule):
    """A fault on a route where it makes no sense is an error, not a rule that never fires."""
    with pytest.raises(ValueError, match="makes no sense"):
        FaultRule(**rule)
