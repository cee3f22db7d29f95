"""The sandbox, with answers to a submit that its own faults do not give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import demo_world
from partner_sandbox.messages import Request, Response
from partner_sandbox.records import Booking
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store

FOREIGN_NONCE = "foreign "
"""How the sandbox marks what somebody else has booked."""


def as_it_is(answer: bytes) -> bytes:
    """The sandbox's own words."""
    return answer


def an_error(_: bytes) -> bytes:
    """An error object."""
    return b'{"error":"no","requestId":"1"}'


def a_page(_: bytes) -> bytes:
    """What a proxy says."""
    return b"<html><body>no</body></html>"


@dataclass(frozen=True)
class Scripted:
    """What becomes of the next submit: whether it is processed, and the answer that it gets."""

    status: int
    words: Callable[[bytes], bytes] = as_it_is
    processed: bool = True
    for_good: bool = False
    """Every request after it gets this answer too, until what is wrong is corrected."""


class Switchboard:
    """One address for one partner after the other."""

    partner: Sandbox

    def handle(self, request: Request) -> Response:
        """Pass it on."""
        return self.partner.handle(request)


class Partner(Sandbox):
    """A partner of six clients that counts the submits it sees."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(Store(), lambda: datetime.now(UTC), settings, demo_world(count=6))
        self.scripted: Scripted | None = None
        self.submits = 0
        self._for_good: Scripted | None = None

    def handle(self, request: Request) -> Response:
        """As the sandbox does, unless it is scripted."""
        is_submit = request.method == "POST" and request.path.endswith("/partners/settlements")
        self.submits += is_submit
        script = self._for_good
        if is_submit and self.scripted:
            script, self.scripted = self.scripted, None
            self._for_good = script if script.for_good else None
        if script is None:
            return super().handle(request)
        answer = Response(script.status, {}, b"")
        if script.processed:
            answer = super().handle(request)
        return replace(answer, status=script.status, body=script.words(answer.body))

    def correct(self) -> None:
        """Everything that was wrong on the partner's side is put right."""
        self.faults.clear()
        self.scripted = self._for_good = None

    def empty_account(self, connection_id: str, currency: str) -> None:
        """A client has nothing left to pay with."""
        held = self.world.partner(None).initial_balance(connection_id, currency)
        self.fund(currency, -held, connection_id)

    def booked_by(self, *, others: bool) -> list[Booking]:
        """Bookings, in order: ours, or those that somebody else has made."""
        foreign = {each.id for each in self.settlements() if each.nonce.startswith(FOREIGN_NONCE)}
        return [each for each in self.bookings() if (each.settlement_id in foreign) == others]
