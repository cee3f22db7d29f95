"""The published slice of the API: facts with sources, and how answers are compared with them."""

from __future__ import annotations

from datetime import date

import pytest

from settlement.partner.answers import SETTLEMENT_STATUSES, TRANSFER_STATUSES
from settlement.partner.contract.comparing import (
    PartnerChange,
    What,
    changes_in,
    fact_at,
    is_published,
)
from settlement.partner.contract.published import published
from settlement.partner.exchange import Answer
from settlement.partner.profile import profiles_in
from settlement.slot.evidence import VERDICTS

PLAIN = {"any", "text", "uuid", "instant", "boolean", "number", "amount"}


def test_every_fact_has_a_source_with_a_date() -> None:
    """And every type is one that is known."""
    facts = published()
    sourced = [*facts.routes.values(), *facts.enums.values()]
    sourced += [fact for each in facts.objects.values() for fact in each.values()]
    assert len(sourced) > 100
    for each in sourced:
        assert each.source.what
        assert date(2026, 1, 1) < each.source.read < date(2027, 1, 1)
    types = {fact.type for each in facts.objects.values() for fact in each.values()}
    named = {each.removeprefix("map of ").removeprefix("list of ") for each in types}
    known = PLAIN | facts.objects.keys() | {f"one of {each}" for each in facts.enums}
    assert named <= known
    assert {each.answer for each in facts.routes.values()} <= facts.objects.keys()


def test_the_code_knows_the_published_statuses_and_no_other() -> None:
    """What is read as known is what is published."""
    enums = published().enums
    assert enums["settlement_status"].values == SETTLEMENT_STATUSES == VERDICTS.keys()
    assert enums["transfer_status"].values == TRANSFER_STATUSES


SETTLEMENT = {
    "id": "aaaaaaaa-0000-4000-8000-000000000001",
    "partnerId": "aaaaaaaa-0000-4000-8000-000000000002",
    "externalId": "demo-2026-03-02-1",
    "status": "completed",
    "settlementType": "offchain",
    "reconciled": False,
    "initiatedBy": "u",
    "createdAt": "2026-03-02T22:15:01.250Z",
    "updatedAt": "2026-03-02T22:15:02.000Z",
    "lossSLAAlertSent": False,
    "gainSLAAlertSent": False,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"status": "netted"}, [("settlement.status", What.NEW_VALUE, '"netted"')]),
        ({"status": None}, [("settlement.status", What.OTHER_TYPE, "null")]),
        ({"status": 4}, [("settlement.status", What.OTHER_TYPE, "4")]),
        ({"reconciled": "no"}, [("settlement.reconciled", What.OTHER_TYPE, '"no"')]),
        ({"createdAt": "yesterday"}, [("settlement.createdAt", What.OTHER_TYPE, '"yesterday"')]),
        ({"riskScore": {"a": 1}}, [("settlement.riskScore", What.NEW_FIELD, '{"a":1}')]),
    ],
)
def test_a_difference_is_named_with_its_place_and_raw_value(
    changes: dict[str, object], expected: list[tuple[str, What, str]]
) -> None:
    """New value, new field, other type; the same kind once."""
    content = {"settlements": [SETTLEMENT | changes] * 2}
    found = changes_in("settlements_answer", content)
    assert [(each.place, each.what, each.value) for each in found] == [
        (place.replace("settlement.", "settlements.settlements[]."), what, value)
        for place, what, value in expected
    ]


def test_a_field_that_is_gone_is_named() -> None:
    """Unless it is optional."""
    short = {key: value for key, value in SETTLEMENT.items() if key != "updatedAt"}
    (found,) = changes_in("submit_answer", {"settlement": short})
    assert (found.place, found.what) == ("submit.settlement.updatedAt", What.FIELD_GONE)


def test_a_fact_that_was_added_since_ends_the_difference() -> None:
    """So a finding goes with the version that knows it."""
    place = "settlements.settlements[].status"
    assert is_published(PartnerChange(place, What.NEW_VALUE, '"failed"'))
    assert not is_published(PartnerChange(place, What.NEW_VALUE, '"netted"'))
    assert is_published(PartnerChange("settlements.settlements[].disputed", What.NEW_FIELD, "1"))
    assert not is_published(PartnerChange("settlements.settlements[].risk", What.NEW_FIELD, "1"))
    assert not is_published(PartnerChange(place, What.OTHER_TYPE, "4"))
    assert fact_at("balances.networkBalances{}.balances{}.held") is not None


@pytest.mark.parametrize("minutes", ["5", "5.0", "5.000", "0", "0.0"])
def test_minutes_may_be_written_with_a_fraction_of_zero(minutes: str) -> None:
    """A number of minutes is a number, however it is written."""
    text = (
        '{"partners":[{"id":"p","name":"n","active":true,"isLicensedForPartner":"maybe",'
        f'"clientDisputeWindowMinutes":{minutes},"topUpWindowMinutes":null}}]}}'
    )
    (profile,) = profiles_in(Answer(200, text.encode()))
    assert profile.dispute_window_minutes == int(float(minutes))
    assert profile.top_up_window_minutes is None
    assert profile.licensed == "maybe"  # the doctor's to judge; no window depends on it
