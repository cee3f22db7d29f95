"""Which route a method and a path mean."""

from __future__ import annotations

import re
from typing import NamedTuple

from partner_sandbox.faults import Route
from partner_sandbox.messages import Refusal
from partner_sandbox.world import READ, WRITE, Scope

_PREFIX = re.compile(r"/api/network/v1/enterprises/(?P<enterprise>[^/]+)/(?P<rest>.+)")
_READ = frozenset({READ})
_READ_AND_WRITE = frozenset({READ, WRITE})

_ROUTES: tuple[tuple[str, str, Route, frozenset[Scope]], ...] = (
    ("GET", r"partners/settlements-signing", Route.PAYLOAD, _READ),
    ("POST", r"partners/settlements-signing", Route.PAYLOAD, _READ_AND_WRITE),
    ("POST", r"partners/settlements", Route.SUBMIT, _READ_AND_WRITE),
    ("GET", r"partners/settlements", Route.LIST, _READ),
    ("GET", r"partners/settlements/([^/]+)", Route.GET, _READ),
    ("GET", r"partners/connections", Route.CONNECTIONS, _READ),
    ("GET", r"partners/connections/([^/]+)", Route.CONNECTION, _READ),
    ("GET", r"partners/balances", Route.BALANCES, _READ),
    ("GET", r"partners", Route.PARTNERS, _READ),
    ("GET", r"supportedCurrencies", Route.CURRENCIES, _READ),
)


class Target(NamedTuple):
    """What a request is about; `item` is the id at the end of the path, if there is one."""

    route: Route
    enterprise_id: str
    scopes: frozenset[Scope]
    item: str | None


def target_of(method: str, path: str) -> Target:
    """Return the target of a request.

    Raises:
        Refusal: 404 for an unknown path, 405 for a known path with another method.

    """
    prefix = _PREFIX.fullmatch(path)
    if prefix is None:
        raise Refusal(404, f"no route {path}")
    path_is_known = False
    for route_method, pattern, route, scopes in _ROUTES:
        match = re.fullmatch(pattern, prefix["rest"])
        if match and route_method == method:
            item = match[1] if match.groups() else None
            return Target(route, prefix["enterprise"], scopes, item)
        path_is_known = path_is_known or match is not None
    if path_is_known:
        raise Refusal(405, f"{method} is not allowed for {path}")
    raise Refusal(404, f"no route {path}")
