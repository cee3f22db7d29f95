"""What an answer proves: the documented table, row by row, and what must hold for any answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from settlement.partner.answers import LARGEST_READ, partners_word
from settlement.partner.exchange import Answer, TransportError
from settlement.partner.words import one_line, refuses_to_show, retry_after_s
from settlement.slot.evidence import (
    Answered,
    Verdict,
    classify,
    classify_payload_answer,
)

PAGE = Path(__file__).parents[2] / "docs" / "answers.md"
OURS = "demo-2026-03-03-1"
ID = "6a6f2c1e-0000-4000-8000-0000000000aa"
OTHER_ID = "6a6f2c1e-0000-4000-8000-0000000000bb"
NOW = datetime(2026, 3, 3, 22, 0, tzinfo=UTC)
STATUSES = ("pending", "failed", "completed", "rejected")
HTML = b"<html><body>502 Bad Gateway</body></html>"


def shows(status: int, settlement_status: object, **changes: object) -> Answer:
    """An answer that shows a settlement: ours, unless changes say otherwise."""
    settlement = {"id": ID, "externalId": OURS, "status": settlement_status} | changes
    return Answer(status, json.dumps({"settlement": settlement}).encode())


def says(status: int, **headers: str) -> Answer:
    """An answer that holds an error object."""
    return Answer(status, b'{"error":"no","requestId":"1"}', headers)


def page(status: int) -> Answer:
    """An answer of some proxy."""
    return Answer(status, HTML)


def twice(name: str, first: bytes) -> Callable[[bytes], bytes]:
    """The same answer, in which a key has a value before the one that is there."""
    return lambda body: body.replace(f'"{name}":'.encode(), f'"{name}": '.encode() + first, 1)


DOUBTFUL: list[Callable[[bytes], bytes]] = [
    twice("status", b'"failed", "status":'),
    twice("settlement", b'{"status": "failed"}, "settlement":'),
    lambda body: body.replace(b'"id"', b'"score": NaN, "id"'),
    lambda body: body.replace(b'"id"', b'"score": -Infinity, "id"'),
    lambda body: body.replace(b'"id"', b'"reason": "\\ud83d", "id"'),
    lambda body: body.decode().encode("utf-16"),
    lambda body: b"\xef\xbb\xbf" + body,
    lambda body: body + b" " * LARGEST_READ,
]
"""What one reader takes for a completed settlement, and another one not."""
EXAMPLES: dict[str, list[Answer | TransportError]] = {
    "200 with our settlement, `completed`": [
        shows(200, "completed"),
        shows(200, "completed", id=ID.upper()),
    ],
    "any other status with our settlement, `completed`": [
        shows(status, "completed") for status in (201, 202, 302, 401, 409, 500)
    ],
    "any status with our settlement, `pending`": [
        shows(status, "pending") for status in (200, 401, 500)
    ],
    "any status with our settlement, `failed`": [
        shows(status, "failed", reason="balance too low") for status in (200, 401, 409, 500)
    ],
    "any status with our settlement, `rejected`": [
        shows(status, "rejected") for status in (200, 401, 500)
    ],
    "any status with our settlement, in a `status` that is none of these": [
        shows(status, named)
        for status in (200, 401, 409, 500)
        for named in ("done", "Completed", "x" * 500, "a\nb")
    ],
    "409": [says(409), page(409), Answer(409, b""), Answer(409, b"[]")],
    "401 in the partner's own word": [says(401), Answer(401, b"{}")],
    "400, 403, 404 or 422 in the partner's own word": [
        says(status) for status in (400, 403, 404, 422)
    ],
    "413": [says(413), page(413), Answer(413, b"")],
    "408, 425, 429, 500, 502, 503 or 504 without a settlement": [
        make(status) for status in (408, 425, 429, 500, 502, 503, 504) for make in (says, page)
    ],
    "any other status without a settlement: 200 and other 2xx, a redirect": [
        make(status) for status in (200, 201, 202, 204, 302, 307, 418, 0) for make in (says, page)
    ],
    "400, 401, 403, 404 or 422 that is not the partner's own word": [
        Answer(status, body)
        for status in (400, 401, 403, 404, 422)
        for body in (
            HTML,
            b"",
            b'"no"',
            b"[]",
            b'{"error":',
            b"\xff\xfe",
            b"9" * 5000,
            b"[" * 99_999,
            b'{"error":"no","error":"yes"}',
            b'{"error":"no","code":NaN}',
            b'{"error":"\\ud800"}',
            '{"error":"no"}'.encode("utf-16"),
            b'{"error":"' + b"x" * LARGEST_READ + b'"}',
        )
    ],
    "any status with a settlement that is not ours, or without a status": [
        answer
        for status in (200, 401, 409, 500)
        for answer in (
            shows(status, "completed", externalId="demo-2026-03-03-2"),
            shows(status, "completed", externalId=None),
            shows(status, "completed", id="1"),
            shows(status, "completed", id=None),
            shows(status, ""),
            shows(status, None),
            shows(status, ["completed"]),
            Answer(status, b'{"settlement":null}'),
            Answer(status, b'{"settlement":"completed"}'),
        )
    ]
    + [Answer(200, doubtful(shows(200, "completed").content)) for doubtful in DOUBTFUL],
    "no complete answer: refused, reset, timed out, cut short": [
        TransportError("read timed out after 60 s"),
        TransportError(""),
    ],
}


def classified(outcome: Answer | TransportError, known_id: str | None = None) -> Answered:
    """What the outcome of sending body 3 proves."""
    return classify(outcome, external_id=OURS, body_number=3, settlement_id=known_id, now=NOW)


def documented(first_column: str = "answer") -> dict[str, str]:
    """Evidence per answer, as one of the page's tables says."""
    table = PAGE.read_text().split(f"| {first_column} |", 1)[1].split("\n\n", 1)[0]
    rows = [re.split(r" *\| *", line.strip("| ")) for line in table.splitlines()[2:]]
    return {answer: evidence.strip("`") for answer, evidence, _ in rows}


def test_the_page_and_these_examples_have_the_same_rows() -> None:
    """A row without an example, or an example without a row, is found."""
    assert list(documented()) == list(EXAMPLES)


def test_every_verdict_is_documented() -> None:
    """No evidence that the code knows is missing on the page."""
    assert set(documented().values()) == set(Verdict)


@pytest.mark.parametrize("row", EXAMPLES)
def test_the_code_classifies_as_the_page_says(row: str) -> None:
    """Every example of a row proves what the page says."""
    for outcome in EXAMPLES[row]:
        answered = classified(outcome)
        assert answered.verdict == documented()[row], outcome
        assert answered.body_number == 3


FOR_PAYLOADS: dict[str, list[Answer | TransportError]] = {
    "any status with our settlement": [
        shows(http, status) for http in (200, 401, 409, 500) for status in STATUSES
    ],
    "401 in the partner's own word": EXAMPLES["401 in the partner's own word"],
    "400, 403, 404 or 422 in the partner's own word, or 413": [
        *EXAMPLES["400, 403, 404 or 422 in the partner's own word"],
        *EXAMPLES["413"],
    ],
    "409": EXAMPLES["409"],
    "any other answer, or none": [
        each
        for row, examples in EXAMPLES.items()
        if documented()[row] == "unknown"
        for each in examples
    ],
}


def test_answers_to_a_request_for_a_payload_are_documented() -> None:
    """Every row of the second table, and no other."""
    rows = documented("answer to a request for a payload")
    assert list(rows) == list(FOR_PAYLOADS)
    for row, examples in FOR_PAYLOADS.items():
        for outcome in examples:
            answered = classify_payload_answer(outcome, external_id=OURS, body_number=3, now=NOW)
            assert (answered.verdict, answered.to_payload) == (rows[row], True), outcome
            assert answered.settlement_id is None


def test_only_the_partner_itself_refuses_to_show() -> None:
    """A proxy's page says nothing about our token, whatever its status."""
    assert [refuses_to_show(says(status)) for status in (401, 403, 404, 500)] == [
        True, True, False, False
    ]  # fmt: skip
    assert not any(refuses_to_show(page(status)) for status in (401, 403))


def test_a_known_settlement_must_be_the_one_shown() -> None:
    """Once the partner has given an id, another one under our externalId proves nothing."""
    for status in STATUSES:
        assert classified(shows(200, status), ID).settlement_id == ID
        assert classified(shows(200, status), OTHER_ID).verdict is Verdict.UNKNOWN


def test_a_status_that_is_not_known_is_said_by_name_and_short() -> None:
    """What on-call reads, without line breaks."""
    detail = classified(shows(200, "net\nted")).detail
    assert detail == (
        "HTTP 200: the partner shows the settlement in status 'net\\nted', which is not known here"
    )
    assert len(classified(shows(200, "x" * 500)).detail) < 200


def test_the_reason_of_a_rejection_reaches_the_reader() -> None:
    """On-call sees the partner's own words."""
    answered = classified(shows(401, "rejected", reason="connection\nis\tclosed"))
    assert answered.detail == "HTTP 401: settlement rejected, reason: connection is closed"


def test_an_error_s_words_reach_the_reader_shortened() -> None:
    """The partner's own words, in one line of bounded length."""
    assert classified(says(403)).detail == "HTTP 403: no"
    not_theirs = "HTTP 502: not the partner's own word, perhaps a proxy's: "
    assert classified(page(502)).detail == f"{not_theirs}{HTML.decode()}"
    assert classified(Answer(502, b"")).detail == f"{not_theirs}empty answer"
    long = classified(Answer(400, json.dumps({"error": "x" * 10_000}).encode())).detail
    assert len(long) < 600


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("999999", 86_400),
        ("Tue, 03 Mar 2026 22:00:30 GMT", 30),
        ("Tue, 03 Mar 2026 23:00:30 +0100", 30),
        ("Tue, 03 Mar 2026 22:00:30", 30),
        ("Tue, 03 Mar 2026 21:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣٠", None),
        ("1234567", None),
        ("Tue, 99 Mar 2026 22:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: int | None) -> None:
    """Both forms of RFC 9110; anything else is as good as no header."""
    assert retry_after_s({"retry-after": text}, NOW) == seconds
    assert classified(Answer(429, b"", {"retry-after": text})).retry_after == seconds


def test_without_the_header_there_is_nothing_to_obey() -> None:
    """No Retry-After, no wish."""
    assert classified(says(429)).retry_after is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
surrogates = st.text(st.characters(categories=["Cs", "Cc", "L"]), max_size=5)
near_misses = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from([ID, ID.upper(), OTHER_ID, "", " " + ID]) | surrogates | json_values,
        "externalId": st.sampled_from([OURS, OURS.upper(), OURS + " ", OURS[:-1]]) | json_values,
        "status": st.sampled_from([*STATUSES, "Completed", "done"]) | json_values,
        "reason": surrogates | json_values,
    },
)
bodies = st.one_of(
    st.binary(max_size=60),
    json_values.map(lambda value: json.dumps(value).encode()),
    near_misses.map(lambda settlement: json.dumps({"settlement": settlement}).encode()),
    surrogates.map(lambda text: json.dumps({"error": text}).encode()),
    st.builds(
        lambda near, cut: json.dumps({"settlement": near}).encode()[:cut],
        near_misses,
        st.integers(0, 200),
    ),
)
header_texts = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT")),
    st.from_regex(r"\A[A-Z]ue, \d{1,9} [MJ]a[ry] \d{1,12} \d\d?:\d\d(:\d\d)?( [+-]?\d{1,20})?\Z"),
)
headers = st.dictionaries(st.just("retry-after"), header_texts)
known_ids = st.sampled_from([None, ID, OTHER_ID])


def is_proof_of_completion(status: int, body: bytes, known_id: str | None) -> bool:
    """The only thing that may be taken for a completed settlement, said once more on its own."""
    try:
        settlement = json.loads(body)["settlement"]
        shown_id = settlement["id"].lower()
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return (
        status == 200
        and settlement.get("externalId") == OURS
        and shown_id in ({ID, OTHER_ID} if known_id is None else {known_id})
        and settlement.get("status") == "completed"
    )


@given(st.integers(0, 999), bodies, headers, known_ids)
@example(200, shows(200, "completed").content, {}, None)
@example(200, b'{"settlement":{"id":"\\ud800","externalId":"x"}}', {}, None)
@example(400, b'{"error":"\\ud800\\u0000"}', {}, None)
@example(429, b"", {"retry-after": "Mon, 1 Jan 99999999999 00:00"}, ID)
def test_any_answer_is_classified_and_only_proof_is_believed(
    status: int, body: bytes, headers: Mapping[str, str], known_id: str | None
) -> None:
    """Never raises, never takes anything but proof for a completion, yields what can be stored."""
    answered = classified(Answer(status, body, headers), known_id)
    proven = is_proof_of_completion(status, body, known_id)
    assert (answered.verdict is Verdict.COMPLETED) == proven
    for text in (answered.detail, answered.settlement_id or ""):
        assert "\x00" not in text
        text.encode()
    if answered.retry_after is not None:
        assert 0 <= answered.retry_after <= 86_400


@given(near_misses, st.integers(0, 999), known_ids)
def test_a_settlement_speaks_only_in_its_own_words(
    settlement: dict[str, object], status: int, known_id: str | None
) -> None:
    """Whatever the HTTP status, the evidence is the settlement's status or nothing at all."""
    body = json.dumps({"settlement": settlement}).encode()
    assume(partners_word(body) is not None)
    verdict = classified(Answer(status, body), known_id).verdict
    if verdict is not Verdict.UNKNOWN:
        known = settlement["status"] if settlement["status"] in STATUSES else "pending"
        assert verdict.value.removesuffix("_unconfirmed") == known
        assert settlement["externalId"] == OURS


@given(surrogates | st.text(), known_ids)
def test_a_transport_error_proves_nothing(text: str, known_id: str | None) -> None:
    """Whatever it says."""
    answered = classified(TransportError(text), known_id)
    assert answered.verdict is Verdict.UNKNOWN
    assert answered.settlement_id is None
    answered.detail.encode()


@given(surrogates | st.text())
def test_words_of_the_partner_become_one_line(text: str) -> None:
    """Nothing that a terminal or the ledger would trip over."""
    line = one_line(text)
    assert "\n" not in line
    assert "\x00" not in line
    line.encode()
