"""What the partner answers to the first submit: every row of the table in docs/answers.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from crash.partner import Partner, Scripted, a_page, an_error
from partner_sandbox.faults import FaultRule
from partner_sandbox.settings import Settings
from support.day import BOB

NOTHING = "run again"
CORRECT = "correct what it names, run again"
RECORD = "`settlement record`, run again"
PLENTY = 10**6

COMPLETED = "200 with our settlement, `completed`"
ELSEWHERE = "any other status with our settlement, `completed`"
PENDING = "any status with our settlement, `pending`"
FAILED = "any status with our settlement, `failed`"
REJECTED = "any status with our settlement, `rejected`"
FIFTH_STATUS = "any status with our settlement, in a `status` that is none of these"
CONFLICT = "409"
UNAUTHORISED = "401 in the partner's own word"
REFUSED = "400, 403, 404 or 422 in the partner's own word"
TOO_LARGE = "413"
TRY_AGAIN = "408, 425, 429, 500, 502, 503 or 504 without a settlement"
ANY_OTHER = "any other status without a settlement: 200 and other 2xx, a redirect"
PROXY = "400, 401, 403, 404 or 422 that is not the partner's own word"
NOT_OURS = "any status with a settlement that is not ours, or without a status"
NO_ANSWER = "no complete answer: refused, reset, timed out, cut short"


def nothing(_: Partner) -> None:
    """The partner is as it should be."""


@dataclass(frozen=True)
class Row:
    """One thing that a partner does; `next_step` is what a red run then needs, by the runbook."""

    name: str
    answer: str
    fault: str | None = None
    measures: dict[str, object] = field(default_factory=dict)
    scripted: Scripted | None = None
    settings: Settings = field(default_factory=Settings)
    arrange: Callable[[Partner], None] = nothing
    next_step: str = NOTHING
    correct: Callable[[Partner], None] = Partner.correct

    def partner(self) -> Partner:
        """A partner that will do it."""
        partner = Partner(self.settings)
        partner.scripted = self.scripted
        if self.fault:
            rule = {"fault": self.fault, "route": "submit", **self.measures}
            partner.faults.script(FaultRule.model_validate(rule))
        self.arrange(partner)
        return partner


def says(status: int, answer: str, name: str = "an error", **changes: object) -> Row:
    """The submit is not processed, and an error object says so."""
    script = Scripted(status, an_error, processed=False)
    return Row(f"{status}, {name}", answer, scripted=script, **changes)  # type: ignore[arg-type]


ROWS = [
    Row("200, completed", COMPLETED),
    Row("500, completed", ELSEWHERE, scripted=Scripted(500)),
    Row("500, pending, done soon", PENDING, "pending", {"look_ups": 1}),
    Row(
        "401, pending until posted again", PENDING, "pending", settings=Settings(pending_status=401)
    ),
    Row("401, failed once", FAILED, "failed"),
    Row(
        "500, failed until funded",
        FAILED,
        settings=Settings(failed_status=500),
        arrange=lambda partner: partner.empty_account(BOB, "BTC"),
        next_step="fund the account, run again",
        correct=lambda partner: partner.fund("BTC", PLENTY, BOB),
    ),
    Row("401, rejected", REJECTED, "rejected", next_step="find out why, run again"),
    Row("409, ours under it", CONFLICT, scripted=Scripted(409, an_error)),
    Row("409, nothing under it", CONFLICT, "conflict"),
    Row("409, somebody else's under it", CONFLICT, "foreign", next_step=RECORD),
    says(401, UNAUTHORISED, "look-ups find nothing", next_step=CORRECT),
    Row(
        "401, to look-ups too",
        UNAUTHORISED,
        next_step="renew the token, run again",
        scripted=Scripted(401, an_error, processed=False, for_good=True),
    ),
    *(says(status, REFUSED, next_step=CORRECT) for status in (400, 403)),
    Row(
        "413, a page", TOO_LARGE, scripted=Scripted(413, a_page, processed=False), next_step=CORRECT
    ),
    Row("429, Retry-After", TRY_AGAIN, "rate_limited", {"seconds": 1}),
    Row("500, nothing booked", TRY_AGAIN, "error_before"),
    Row("500, but booked", TRY_AGAIN, "error_after"),
    Row("504, but booked", TRY_AGAIN, "gateway_timeout"),
    Row("302, a redirect", ANY_OTHER, "redirect"),
    Row("202, an error, but booked", ANY_OTHER, scripted=Scripted(202, an_error)),
    Row("200, a page, but booked", ANY_OTHER, "html"),
    Row("403, a page, but booked", PROXY, scripted=Scripted(403, a_page)),
    Row("200, of another externalId", NOT_OURS, "wrong_external_id"),
    Row(
        "200, of a fifth status",
        FIFTH_STATUS,
        scripted=Scripted(200, lambda words: words.replace(b'"completed"', b'"done"')),
    ),
    Row("reset before it arrives", NO_ANSWER, "drop_before"),
    Row("reset after it is booked", NO_ANSWER, "drop_after"),
    Row("reset, it arrives late", NO_ANSWER, "late"),
    Row("timed out, booked", NO_ANSWER, "delay", {"seconds": 4}),
    Row("cut short, booked", NO_ANSWER, "drip", {"seconds": 4}),
]
