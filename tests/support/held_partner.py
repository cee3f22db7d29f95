"""The sandbox as a partner that keeps chosen answers back, so that whoever waits can be killed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import demo_world
from partner_sandbox.messages import Request, Response
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store

HELD_S = 40
"""Shorter than a worker waits for an answer, longer than it takes to kill it."""
PATH_ENDS = {
    "payload": ("POST", "/partners/settlements-signing"),
    "submit": ("POST", "/partners/settlements"),
    "look-up": ("GET", "/partners/settlements"),
}


def is_a(request: Request, kind: str) -> bool:
    """Whether a request is of a kind that PATH_ENDS names."""
    method, end = PATH_ENDS[kind]
    return request.method == method and request.path.endswith(end)


@dataclass
class Hold:
    """The next request of a kind for a date. Not processed: the partner's books know nothing."""

    day: date
    kind: str
    processed: bool = True
    reached: threading.Event = field(default_factory=threading.Event)

    def meets(self, request: Request) -> bool:
        """Whether this is the request."""
        named = [text for key, text in request.query if key == "externalIds"]
        about = f"demo-{self.day}-"
        return (
            not self.reached.is_set()
            and is_a(request, self.kind)
            and (about.encode() in request.body or any(about in each for each in named))
        )


class HeldPartner(Sandbox):
    """The demo's partner; `submitted` are the bytes of all requests that could move money."""

    def __init__(self) -> None:
        super().__init__(Store(), lambda: datetime.now(UTC), Settings(), demo_world())
        self.holds: Sequence[Hold] = ()
        self.submitted: list[bytes] = []

    def handle(self, request: Request) -> Response:
        """As the sandbox does; the answer to a request that is held comes much later."""
        if is_a(request, "submit"):
            self.submitted.append(request.body)
        held = next((each for each in self.holds if each.meets(request)), None)
        if held is None:
            return super().handle(request)
        answer = super().handle(request) if held.processed else Response(503, {}, b"")
        held.reached.set()
        return replace(answer, delay_seconds=HELD_S)
