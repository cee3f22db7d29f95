"""What a request is about: its route, and the externalIds that it names."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from partner_sandbox.faults import Route
from partner_sandbox.messages import Refusal, Request
from partner_sandbox.world import READ, WRITE, Scope

_PREFIX = re.compile(
    r"/api/network/v(?P<version>[12])/enterprises/(?P<enterprise>[^/]+)/(?P<rest>.+)"
)
_READ = frozenset({READ})
_READ_AND_WRITE = frozenset({READ, WRITE})

_SUBMIT = ("POST", r"partners/settlements", Route.SUBMIT, _READ_AND_WRITE)
_ROUTES: tuple[tuple[str, str, Route, frozenset[Scope]], ...] = (
    ("GET", r"partners/settlements-signing", Route.PAYLOAD, _READ),
    ("POST", r"partners/settlements-signing", Route.PAYLOAD, _READ_AND_WRITE),
    _SUBMIT,
    ("GET", r"partners/settlements", Route.LIST, _READ),
    ("GET", r"partners/settlements/([^/]+)", Route.GET, _READ),
    ("GET", r"partners/settlement/disputes", Route.DISPUTES, _READ),
    ("GET", r"partners/connections", Route.CONNECTIONS, _READ),
    ("GET", r"partners/connections/([^/]+)", Route.CONNECTION, _READ),
    ("GET", r"partners/balances", Route.BALANCES, _READ),
    ("GET", r"partners", Route.PARTNERS, _READ),
    ("GET", r"supportedCurrencies", Route.CURRENCIES, _READ),
)
_ROUTES_OF = {1: _ROUTES, 2: (_SUBMIT,)}
"""Routes of each version of the API."""


class Target(NamedTuple):
    """What a request is about; `item` is the id at the end of the path, if there is one."""

    version: int
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
    version = int(prefix["version"])
    path_is_known = False
    for route_method, pattern, route, scopes in _ROUTES_OF[version]:
        match = re.fullmatch(pattern, prefix["rest"])
        if match and route_method == method:
            item = match[1] if match.groups() else None
            return Target(version, route, prefix["enterprise"], scopes, item)
        path_is_known = path_is_known or match is not None
    if path_is_known:
        raise Refusal(405, f"{method} is not allowed for {path}")
    raise Refusal(404, f"no route {path}")


def external_ids(request: Request) -> list[str]:
    """Return the externalIds in the query or body, as far as they can be read."""
    named = [text for key, text in request.query if key == "externalIds"]
    if request.body:
        try:
            content = json.loads(request.body)
        except ValueError:
            return named
        external_id = content.get("externalId") if isinstance(content, dict) else None
        if isinstance(external_id, str):
            named.append(external_id)
    return [part for text in named for part in (text, *text.split(","))]
