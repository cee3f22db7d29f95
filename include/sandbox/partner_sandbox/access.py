"""Who may call a route (partner API, sections 2 and 6)."""

from __future__ import annotations

from partner_sandbox.messages import Refusal, Request
from partner_sandbox.settings import Settings
from partner_sandbox.world import Partner, Scope, Token, World

_SCHEME = "bearer "


def admit(
    request: Request, enterprise_id: str, scopes: frozenset[Scope], world: World, settings: Settings
) -> tuple[Partner, Token]:
    """Return the partner and the token that a request acts with.

    Raises:
        Refusal: 401 for an unknown token or another's enterprise, 403 for no licence or an inactive
            partner, what the settings say for a missing scope.

    """
    header = request.header("authorization") or ""
    known = None
    if header.lower().startswith(_SCHEME):
        known = world.token_by_value.get(header[len(_SCHEME) :].strip())
    if known is None:
        raise Refusal(401, "unauthorized: the access token is missing or unknown")
    partner, token = known
    if partner.enterprise_id != enterprise_id:
        raise Refusal(401, f"unauthorized: not a member of enterprise {enterprise_id}")
    missing = sorted(scopes - token.scopes)
    if missing:
        raise Refusal(settings.missing_scope_status, f"the access token lacks scope {missing[0]}")
    if not partner.licensed:
        raise Refusal(403, "the enterprise has no OES licence")
    if not partner.active:
        raise Refusal(403, f"partner {partner.name} is inactive")
    return partner, token
