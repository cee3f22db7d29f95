"""Faults on demand: scripted rules, and a seeded random mode for simulations.

`FaultKind` lists what can go wrong. A fault *before* leaves the request unprocessed; a fault
*after* processes it and loses or spoils the answer.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Route(StrEnum):
    """The routes of the API, as fault rules name them."""

    PAYLOAD = "payload"
    SUBMIT = "submit"
    LIST = "list"
    GET = "get"
    DISPUTES = "disputes"
    CONNECTIONS = "connections"
    CONNECTION = "connection"
    BALANCES = "balances"
    PARTNERS = "partners"
    CURRENCIES = "currencies"


class FaultKind(StrEnum):
    """What can go wrong with one request."""

    DROP_BEFORE = "drop_before"
    """The connection is closed; nothing was processed."""
    DROP_AFTER = "drop_after"
    """The request is processed, then the connection is closed."""
    LATE = "late"
    """The connection is closed; the request arrives after `calls` more requests."""
    ERROR_BEFORE = "error_before"
    """500 with an error; nothing was processed."""
    ERROR_AFTER = "error_after"
    """500 with an error, though the request was processed."""
    PENDING = "pending"
    """The settlement stays pending, whatever its windows say, until it is posted again, or for
    `look_ups` look-ups."""
    FAILED = "failed"
    """The settlement fails as if funds were missing; posted again, it goes on as usual."""
    REJECTED = "rejected"
    """The settlement is rejected for good."""
    CONFLICT = "conflict"
    """409, whatever is stored under the externalId; nothing was processed."""
    FOREIGN = "foreign"
    """Somebody else books a different settlement under the externalId first."""
    RATE_LIMITED = "rate_limited"
    """429 with Retry-After: `seconds`; nothing was processed."""
    BAD_GATEWAY = "bad_gateway"
    """502 with a page of HTML; nothing was processed."""
    UNAVAILABLE = "unavailable"
    """503 with a page of HTML; nothing was processed."""
    GATEWAY_TIMEOUT = "gateway_timeout"
    """504 with a page of HTML, though the request was processed."""
    REDIRECT = "redirect"
    """302 to another path; nothing was processed."""
    DELAY = "delay"
    """The request is processed, the answer comes after `seconds`."""
    DRIP = "drip"
    """The request is processed, the answer's body comes byte by byte over `seconds`."""
    TRUNCATED = "truncated"
    """The request is processed, the answer's JSON stops half-way."""
    HTML = "html"
    """The request is processed, the answer keeps its status and has a page of HTML as body."""
    EMPTY = "empty"
    """The request is processed, the answer keeps its status and has no body."""
    WRONG_EXTERNAL_ID = "wrong_external_id"
    """The request is processed, the answer names another externalId."""
    WRONG_PAYLOAD = "wrong_payload"
    """The signing route issues a payload with another nonce than it was asked for."""
    CAPPED_PAGES = "capped_pages"
    """No page has more than `page_size` entries, whatever was asked for."""
    LAG = "lag"
    """The settlement is stored, but not shown for `look_ups` look-ups and `seconds` seconds."""
    BAD_TOKEN = "bad_token"  # noqa: S105 (the name of a fault)
    """401 with an error; nothing was processed."""
    FORBIDDEN = "forbidden"
    """403 with an error; nothing was processed."""
    BAD_REQUEST = "bad_request"
    """400 with an error; nothing was processed."""
    TOO_LARGE = "too_large"
    """413 with an error; nothing was processed."""


_SUBMIT = frozenset({Route.SUBMIT})
_LISTS = frozenset(
    {Route.LIST, Route.GET, Route.DISPUTES, Route.CONNECTIONS, Route.BALANCES, Route.PARTNERS}
)
_ROUTES_OF: Mapping[FaultKind, frozenset[Route]] = {
    FaultKind.LATE: _SUBMIT,
    FaultKind.PENDING: _SUBMIT,
    FaultKind.FAILED: _SUBMIT,
    FaultKind.REJECTED: _SUBMIT,
    FaultKind.FOREIGN: _SUBMIT,
    FaultKind.LAG: _SUBMIT,
    FaultKind.CONFLICT: frozenset({Route.SUBMIT, Route.PAYLOAD}),
    FaultKind.WRONG_EXTERNAL_ID: frozenset({Route.SUBMIT, Route.GET}),
    FaultKind.WRONG_PAYLOAD: frozenset({Route.PAYLOAD}),
    FaultKind.CAPPED_PAGES: _LISTS,
}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fault(_Model):
    """One fault and its measures; a kind ignores the measures it does not name."""

    fault: FaultKind
    seconds: float | None = Field(default=None, ge=0)
    """A second if left out, but for a lag, which then counts look-ups only."""
    look_ups: int | None = Field(default=None, ge=1)
    calls: int = Field(default=1, ge=1)
    page_size: int = Field(default=2, ge=1)

    @property
    def wait_seconds(self) -> float:
        """How long an answer takes, or is asked to be waited for."""
        return 1 if self.seconds is None else self.seconds

    def applies_to(self, route: Route) -> bool:
        """Whether this fault makes sense on a route."""
        return route in _ROUTES_OF.get(self.fault, frozenset(Route))


class FaultRule(Fault):
    """A fault for requests to a route, under externalIds that match a shell pattern."""

    route: Route | None = None
    """Without a route: every route on which the fault makes sense."""
    external_id: str | None = None
    times: int | None = Field(default=1, ge=1)
    """How many requests it meets; None: all of them."""

    @model_validator(mode="after")
    def _makes_sense(self) -> FaultRule:
        if self.route is not None and not self.applies_to(self.route):
            raise ValueError(f"fault {self.fault} makes no sense on route {self.route}")
        return self

    def meets(self, route: Route, external_ids: Iterable[str]) -> bool:
        """Whether the rule is about this request."""
        if not self.applies_to(route) or self.route not in (None, route):
            return False
        pattern = self.external_id
        return pattern is None or any(fnmatchcase(name, pattern) for name in external_ids)


Rate = Annotated[float, Field(ge=0, le=1)]


class RandomFaults(_Model):
    """Faults by chance: for each request, each kind with its own probability."""

    seed: int
    rates: Mapping[FaultKind, Rate]
    seconds: float = Field(default=1, ge=0)
    max_look_ups: int = Field(default=3, ge=1)
    max_calls: int = Field(default=5, ge=1)
    max_page_size: int = Field(default=5, ge=1)


class FaultPlan:
    """Decides which fault, if any, a request meets; scripted rules go before chance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[FaultRule, int]] = []
        self._chance: RandomFaults | None = None
        self._random = random.Random(0)  # noqa: S311 (a repeatable simulation, not a secret)

    def script(self, *rules: FaultRule) -> None:
        """Add rules; the first one that meets a request is used."""
        with self._lock:
            self._rules.extend((rule, 0) for rule in rules)

    def randomize(self, chance: RandomFaults) -> None:
        """Replace the random mode; its story depends on nothing but its values and the requests."""
        with self._lock:
            self._chance = chance
            self._random.seed(chance.seed)

    def clear(self) -> None:
        """Back to a partner API without faults."""
        with self._lock:
            self._rules.clear()
            self._chance = None

    def rules(self) -> list[tuple[FaultRule, int]]:
        """Return the rules that are left, with how many requests each has met."""
        return list(self._rules)

    def is_empty(self) -> bool:
        """Whether no request can meet a fault."""
        return not self._rules and self._chance is None

    @property
    def chance(self) -> RandomFaults | None:
        """The random mode, if there is one."""
        return self._chance

    def draw(self, route: Route, external_ids: Iterable[str]) -> Fault | None:
        """Return the fault for one request; uses up one time of the rule it comes from."""
        names = list(external_ids)
        with self._lock:
            return self._by_rule(route, names) or self._by_chance(route)

    def _by_rule(self, route: Route, external_ids: list[str]) -> Fault | None:
        for index, (rule, met) in enumerate(self._rules):
            if rule.meets(route, external_ids):
                if rule.times is not None and met + 1 >= rule.times:
                    del self._rules[index]
                else:
                    self._rules[index] = (rule, met + 1)
                return rule
        return None

    def _by_chance(self, route: Route) -> Fault | None:
        chance = self._chance
        if chance is None:
            return None
        for kind, rate in sorted(chance.rates.items()):
            if self._random.random() < rate:
                fault = Fault(
                    fault=kind,
                    seconds=chance.seconds,
                    look_ups=self._random.randint(1, chance.max_look_ups),
                    calls=self._random.randint(1, chance.max_calls),
                    page_size=self._random.randint(1, chance.max_page_size),
                )
                if fault.applies_to(route):
                    return fault
        return None
