"""A request says exactly what the lines say, and a payload is signed only if it agrees."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import ConfigurationError, PayloadMismatchError
from settlement.request.instruction import (
    SettlementInstruction,
    check_payload,
    digest,
    nonce_of,
)
from settlement.values import Line, Window

ONE = "09684b38-49ed-4cf6-a28e-c3a459494c69"
TWO = "f3b1d0a2-0d6c-4e7e-8d43-2a1b8a3f0c11"
LINES = [Line(TWO, "BTC", -100), Line(ONE, "ETH", -(10**30) - 1), Line(ONE, "BTC", 100)]

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
lines_ = st.lists(
    st.builds(
        Line,
        texts,
        texts,
        st.integers(min_value=-(10**33), max_value=10**33).filter(bool),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda line: line.key,
)


def instruction(**changes) -> SettlementInstruction:
    """Two connections, with notes in a script of their own and a cut-off."""
    parts = {
        "external_id": "demo-2026-03-02-1",
        "lines": LINES,
        "notes": "決済 🪙",
        "nonce": "6f1c",
        "cutoff_at": datetime(2026, 3, 2, 22, 0, 0, 123456, tzinfo=UTC),
    }
    return SettlementInstruction.from_lines(**{**parts, **changes})


def changed(edit) -> str:
    """Payload of the instruction after `edit` has changed its parsed content."""
    content = json.loads(instruction().signing_request_bytes())
    edit(content)
    return json.dumps(content)


def refused(payload: str) -> str:
    """Text of the error that checking the payload raises."""
    with pytest.raises(PayloadMismatchError) as caught:
        check_payload(instruction(), payload)
    return str(caught.value)


def test_the_signing_request_is_written_byte_for_byte():
    """Fields in the partner's order, connections and currencies sorted, raw UTF-8, no spaces."""
    assert instruction().signing_request_bytes().decode() == (
        '{"externalId":"demo-2026-03-02-1","notes":"決済 🪙","settlementAmounts":{'
        f'"{ONE}":{{"BTC":"100","ETH":"-1000000000000000000000000000001"}},'
        f'"{TWO}":{{"BTC":"-100"}}}},"nonce":"6f1c","cutoffAt":"2026-03-02T22:00:00.123Z"}}'
    )


def test_absent_fields_are_left_out():
    """Without notes and cut-off the request has three fields, not nulls."""
    short = instruction(notes=None, cutoff_at=None)
    assert list(json.loads(short.signing_request_bytes())) == [
        "externalId",
        "settlementAmounts",
        "nonce",
    ]


def test_the_settlement_request_adds_payload_and_signature_untouched():
    """The partner's odd spacing goes back as it came."""
    payload = '{ "externalId" : "x"}\n'
    body = instruction().settlement_request_bytes(payload, "20ab")
    fields = json.loads(body)
    assert fields.pop("payload") == payload
    assert fields.pop("signature") == "20ab"
    assert fields == json.loads(instruction().signing_request_bytes())
    assert body.startswith(instruction().signing_request_bytes()[:-1])


def test_the_order_of_lines_does_not_change_the_bytes():
    """The same lines in any order give the same request, nonce and digest."""
    shuffled = list(LINES)
    random.Random(1).shuffle(shuffled)
    assert instruction(lines=shuffled) == instruction()
    assert digest(shuffled) == digest(LINES)
    assert nonce_of("x", shuffled) == nonce_of("x", LINES)


def test_full_unit_partners_get_decimals():
    """With decimals, amounts are written in full units without losing a digit."""
    request = instruction(decimals={"BTC": 8, "ETH": 18})
    assert request.settlement_amounts[ONE] == {
        "BTC": "0.000001",
        "ETH": "-1000000000000.000000000000000001",
    }
    with pytest.raises(ConfigurationError, match=r"'ETH'.*\[currencies\]"):
        instruction(decimals={"BTC": 8})


def test_the_cut_off_is_written_in_utc():
    """A cut-off in another zone is the same instant; a naive one is refused."""
    east = timezone(timedelta(hours=9))
    request = instruction(cutoff_at=datetime(2026, 3, 3, 7, tzinfo=east))
    assert request.cutoff_at == "2026-03-02T22:00:00.000Z"
    with pytest.raises(ValueError, match="no UTC offset"):
        instruction(cutoff_at=datetime(2026, 3, 3, 7))  # noqa: DTZ001 (the point of the test)


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([], "settlement_amounts"),
        ([Line(ONE, "BTC", 0)], "other than zero"),
        ([Line(ONE, "BTC", 1), Line(ONE, "BTC", 2)], "two lines"),
        ([Line("", "BTC", 1)], "settlement_amounts"),
    ],
)
def test_lines_that_make_no_request_are_refused(lines, what):
    """No lines, a zero, the same line twice, no connection: nothing is built."""
    with pytest.raises(ValueError, match=what):
        instruction(lines=lines)


def test_both_forms_of_amounts_are_read_by_their_depth():
    """Two levels or three; a mixture, a number or an unknown field is no instruction."""
    base = {"externalId": "x", "nonce": "n"}
    form_1 = {ONE: {"BTC": "1"}}
    form_2 = {ONE: {TWO: {"BTC": "1"}}}
    for amounts in (form_1, form_2):
        read = SettlementInstruction.model_validate({**base, "settlementAmounts": amounts})
        assert json.loads(read.signing_request_bytes())["settlementAmounts"] == amounts
    unsorted = {TWO: {ONE: {"ETH": "2", "BTC": "-1"}}, ONE: {TWO: {"BTC": "1"}}}
    read = SettlementInstruction.model_validate({**base, "settlementAmounts": unsorted})
    assert read.signing_request_bytes().decode() == (
        f'{{"externalId":"x","settlementAmounts":{{"{ONE}":{{"{TWO}":{{"BTC":"1"}}}},'
        f'"{TWO}":{{"{ONE}":{{"BTC":"-1","ETH":"2"}}}}}},"nonce":"n"}}'
    )
    for amounts in ({**form_1, TWO: {ONE: {"BTC": "1"}}}, {ONE: {"BTC": 1}}, {ONE: {}}, {}):
        with pytest.raises(ValueError, match="settlementAmounts"):
            SettlementInstruction.model_validate({**base, "settlementAmounts": amounts})
    with pytest.raises(ValueError, match="Extra inputs"):
        SettlementInstruction.model_validate({**base, "settlementAmounts": form_1, "x": "y"})


@given(lines_, st.none() | texts, texts, st.randoms())
def test_any_honest_payload_is_accepted(lines, notes, nonce, rng):
    """Whatever order, spacing and escapes the partner uses, equal content passes."""
    request = SettlementInstruction.from_lines("demo-2026-03-02-1", lines, notes, nonce)

    def shuffled(value):
        if not isinstance(value, dict):
            return value
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(value[key]) for key in keys}

    content = shuffled(json.loads(request.signing_request_bytes()))
    check_payload(request, request.signing_request_bytes().decode())
    check_payload(request, "\n" + json.dumps(content, indent=rng.choice([None, 2])) + "\t")


@given(lines_, st.data())
def test_any_other_amount_is_refused(lines, data):
    """Change one amount of the payload to any other: the check names the field."""
    request = SettlementInstruction.from_lines("demo-2026-03-02-1", lines, None, "n")
    line = data.draw(st.sampled_from(lines))
    other = data.draw(st.integers().filter(lambda amount: amount != line.amount))
    content = json.loads(request.signing_request_bytes())
    content["settlementAmounts"][line.connection_id][line.currency] = str(other)
    with pytest.raises(PayloadMismatchError, match="settlementAmounts"):
        check_payload(request, json.dumps(content))


def _set(*path, value):
    def edit(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return edit


def _drop(*path):
    def edit(content):
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return edit


AMOUNTS = "settlementAmounts"


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (_set(AMOUNTS, ONE, "BTC", value="101"), f"{AMOUNTS}.{ONE}.BTC is the text '101', but "),
        (_set(AMOUNTS, ONE, "BTC", value="100.0"), f"{AMOUNTS}.{ONE}.BTC"),
        (_set(AMOUNTS, ONE, "BTC", value=100), f"{AMOUNTS}.{ONE}.BTC is 100 (not a text)"),
        (_set(AMOUNTS, ONE, "BTC", value=None), f"{AMOUNTS}.{ONE}.BTC is None (not a text)"),
        (_set(AMOUNTS, ONE, "BTC", value=["100"]), f"{AMOUNTS}.{ONE}.BTC is a list"),
        (_set(AMOUNTS, ONE, "XRP", value="1"), f"{AMOUNTS}.{ONE}.XRP was not asked for"),
        (_set(AMOUNTS, "new", value={"BTC": "1"}), f"{AMOUNTS}.new was not asked for"),
        (_drop(AMOUNTS, ONE, "ETH"), f"{AMOUNTS}.{ONE}.ETH is missing"),
        (_drop(AMOUNTS, TWO), f"{AMOUNTS}.{TWO} is missing"),
        (_set(AMOUNTS, value="x"), f"{AMOUNTS} is the text 'x', not an object"),
        (_set("externalId", value="demo-2026-03-02-2"), "externalId is the text"),
        (_set("notes", value="決済 🪙 "), "notes is the text"),
        (_drop("notes"), "notes is missing"),
        (_set("notes", value=None), "notes is None"),
        (_set("nonce", value="6F1C"), "nonce is the text '6F1C'"),
        (_set("cutoffAt", value="2026-03-02T22:00:00Z"), "cutoffAt is the text"),
        (_set("enterpriseId", value="e"), "enterpriseId was not asked for"),
        (_set("\u202e\n", value="e"), r"\u202e\n was not asked for"),
    ],
)
def test_a_payload_that_differs_is_refused_by_field(edit, expected):
    """Each change to the payload is found, and the message says where."""
    text = refused(changed(edit))
    assert "demo-2026-03-02-1" in text
    assert expected in text
    assert text.isascii()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("", "not one plain JSON text"),
        ("null", "the payload is None (not a text), not an object"),
        ("[]", "the payload is a list, not an object"),
        ("{}", "externalId is missing"),
        ("{", "not one plain JSON text"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 400 + "1" + "}" * 400, "externalId is missing"),
        ('{"externalId":NaN}', "NaN is not JSON"),
        ('{"externalId":' + "9" * 5000 + "}", "not one plain JSON text"),
    ],
)
def test_a_payload_that_is_no_object_is_refused(payload, expected):
    """Whatever the partner sends as payload ends in the same error, never in a crash."""
    assert expected in refused(payload)


def test_keys_that_occur_twice_are_refused():
    """Two readers could disagree on which one counts, so neither is signed."""
    good = instruction().signing_request_bytes().decode()
    twice = good.replace('"BTC":"100"', '"BTC":"999","BTC":"100"')
    assert "'BTC' occurs twice" in refused(twice)


def test_text_after_the_payload_is_refused():
    """One JSON text and nothing else."""
    good = instruction().signing_request_bytes().decode()
    assert "not one plain JSON text" in refused(good + "{}")
    assert "not one plain JSON text" in refused("\ufeff" + good)


def test_an_accent_in_another_form_is_another_text():
    """Precomposed and decomposed accents look the same and are not."""
    request = instruction(notes="caf\u00e9")
    payload = request.signing_request_bytes().decode()
    check_payload(request, payload)
    with pytest.raises(PayloadMismatchError, match="notes"):
        check_payload(request, payload.replace("\u00e9", "e\u0301"))


def test_nonce_and_digest_are_fixed():
    """These values are in ledgers: they must never change between versions."""
    assert digest(LINES) == "1e27438981cd3cb3d6fc0cd489398de29e9e8b3a946f61e03a6c6adc30cdfd50"
    assert (
        nonce_of("demo-2026-03-02-1", LINES)
        == "6bd45ce09a8d6652528b1cc3cff67efb8cf33080ef129c14e6d2f860df3681c0"
    )


def test_a_nonce_belongs_to_one_slot_and_one_set_of_amounts():
    """Another slot, or one more base unit, is another nonce."""
    assert nonce_of("demo-2026-03-02-1", LINES) != nonce_of("demo-2026-03-02-2", LINES)
    more = [*LINES[:-1], LINES[-1]._replace(amount=101)]
    assert nonce_of("x", more) != nonce_of("x", LINES)
    assert digest(more) != digest(LINES)


def test_a_nonce_belongs_to_one_window():
    """What settles the trades of another window is another request; times are times."""
    day = Window(datetime(2026, 3, 1, 22, tzinfo=UTC), datetime(2026, 3, 2, 22, tzinfo=UTC))
    shorter = replace(day, end=day.end - timedelta(hours=1))
    later = replace(day, start=day.start + timedelta(hours=1))
    both = (day.end, None), (None, day), (day.start, shorter)
    nonces = {nonce_of("x", LINES, *each) for each in both}
    nonces |= {nonce_of("x", LINES, None, each) for each in (None, shorter, later)}
    assert len(nonces) == 6
    new_york = timezone(timedelta(hours=-5))
    in_new_york = Window(day.start.astimezone(new_york), day.end.astimezone(new_york))
    assert nonce_of("x", LINES, None, in_new_york) == nonce_of("x", LINES, None, day)


def test_a_nonce_belongs_to_one_cut_off():
    """Two bodies that differ only in `cutoffAt` are two requests; without one nothing changes."""
    first = datetime(2026, 3, 2, 20, 0, 0, 1000, tzinfo=UTC)
    later = first + timedelta(milliseconds=1)
    assert len({nonce_of("x", LINES, each) for each in (None, first, later)}) == 3
    in_new_york = first.astimezone(timezone(timedelta(hours=-5)))
    assert nonce_of("x", LINES, in_new_york) == nonce_of("x", LINES, first)
