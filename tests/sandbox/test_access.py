"""Who may call what: tokens, scopes, enterprises and the partner's set-up."""

from __future__ import annotations

import pytest

from partner_sandbox.world import READ, Token

READS = [
    "partners/settlements",
    "partners/settlements/00000000-0000-4000-8000-000000000000",
    "partners/connections",
    "partners/connections/00000000-0000-4000-8000-000000000000",
    "partners/balances",
    "partners/settlement/disputes",
    "partners",
    "supportedCurrencies",
]


@pytest.mark.parametrize("path", READS)
def test_every_route_wants_a_known_token(rehearsal, path):
    """A token that nobody issued is 401 with an error, on every route."""
    status, answer = rehearsal.get(path, token="made-up")
    assert (status, list(answer)) == (401, ["error"])


def test_other_enterprise_is_401(rehearsal):
    """A caller who does not belong to the enterprise is not authorised."""
    prefix = "/api/network/v1/enterprises/somebody-else/"
    status, answer = rehearsal.get("partners/settlements", prefix=prefix)
    assert (status, "somebody-else" in answer["error"]) == (401, True)


def test_reading_token_reads_but_does_not_post(rehearse):
    """GET signing needs only the read scope; every POST needs read and write."""
    rehearsal = rehearse()
    reader = Token(value="reader", scopes=frozenset({READ}))
    rehearsal.change_partner(tokens=(*rehearsal.partner.tokens, reader))
    signing, content = "partners/settlements-signing", rehearsal.content()
    assert rehearsal.get("partners/settlements", token="reader")[0] == 200
    assert rehearsal.call("GET", signing, body=content, token="reader")[0] == 200
    assert rehearsal.call("POST", signing, body=content, token="reader")[0] == 403
    body = rehearsal.signed(content)
    assert rehearsal.call("POST", "partners/settlements", body=body, token="reader")[0] == 403
    rehearsal.set(missing_scope_status=401)
    assert rehearsal.call("POST", "partners/settlements", body=body, token="reader")[0] == 401
    assert rehearsal.booked() == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"client_dispute_window_minutes": 60}, "version 2"),
        ({"licensed": False}, "licence"),
        ({"active": False}, "inactive"),
    ],
)
def test_partner_set_up_may_forbid_posting(rehearsal, changes, word):
    """Disputes, a missing licence and an inactive partner are 403 with their reason."""
    body = rehearsal.signed(rehearsal.content())
    rehearsal.change_partner(**changes)
    status, answer = rehearsal.post(body)
    assert (status, word in answer["error"]) == (403, True)
    assert rehearsal.booked() == []


def test_partner_with_disputes_still_reads_and_gets_payloads(rehearse):
    """Disputes close only the synchronous POST: the signing route serves both versions."""
    rehearsal = rehearse(client_dispute_window_minutes=60)
    assert rehearsal.get("partners/settlements")[0] == 200
    content = rehearsal.content()
    assert rehearsal.call("POST", "partners/settlements-signing", body=content)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "prefix", "expected"),
    [
        ("GET", "partners/balances", "/api/network/v2/enterprises/demo-enterprise/", 404),
        ("GET", "partners/settlements", "/api/network/v2/enterprises/demo-enterprise/", 405),
        ("GET", "partners/nothing", "/api/network/v1/enterprises/demo-enterprise/", 404),
        ("DELETE", "partners/settlements", "/api/network/v1/enterprises/demo-enterprise/", 405),
        ("GET", "", "/", 404),
    ],
)
def test_other_routes_do_not_exist(rehearsal, method, path, prefix, expected):
    """Unknown paths are 404, other methods 405; version 2 has one route only."""
    status, answer = rehearsal.call(method, path, prefix=prefix)
    assert (status, list(answer)) == (expected, ["error"])
