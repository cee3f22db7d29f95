"""The control routes for disputes, and the calls that a partner would have got."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict

from partner_sandbox.amounts import BaseUnits
from partner_sandbox.core import Sandbox
from partner_sandbox.records import Dispute, shown, stamp


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DisputeOrder(_Model):
    """A client's dispute of a settlement; base units that it expected to receive."""

    external_id: str
    connection_id: str
    expected_transfers: Mapping[str, BaseUnits]
    reason: str | None = None
    partner: str | None = None


class CloseOrder(_Model):
    """What a client receives after all, in base units."""

    adjusted: Mapping[str, BaseUnits]
    closed_by: Literal["client", "admin"] = "client"
    reviewed: bool = False


class ReviewOrder(_Model):
    """What the custodian says of the way in which a dispute was closed."""

    approved: bool


def add_dispute_routes(router: APIRouter, sandbox: Sandbox) -> None:
    """Add the routes that raise, retract, close and review disputes, and the event log."""

    @router.get("/events")
    def events() -> dict[str, Any]:
        return {
            "events": [
                {
                    "kind": event.kind,
                    "external_id": event.external_id,
                    "settlement_id": event.settlement_id,
                    "at": shown(stamp(event.at)),
                    "amounts": {name: _texts(each) for name, each in event.amounts.items()},
                }
                for event in sandbox.events()
            ]
        }

    @router.post("/disputes")
    def raise_dispute(order: DisputeOrder) -> dict[str, Any]:
        with _problems_as_400():
            return _view(
                sandbox.raise_dispute(
                    order.external_id,
                    order.connection_id,
                    order.expected_transfers,
                    order.reason,
                    order.partner,
                )
            )

    @router.post("/disputes/{dispute_id}/retract")
    def retract_dispute(dispute_id: str) -> dict[str, Any]:
        with _problems_as_400():
            return _view(sandbox.retract_dispute(dispute_id))

    @router.post("/disputes/{dispute_id}/close")
    def close_dispute(dispute_id: str, order: CloseOrder) -> dict[str, Any]:
        with _problems_as_400():
            return _view(
                sandbox.close_dispute(
                    dispute_id, order.adjusted, order.closed_by, reviewed=order.reviewed
                )
            )

    @router.post("/disputes/{dispute_id}/review")
    def review_closure(dispute_id: str, order: ReviewOrder) -> dict[str, Any]:
        with _problems_as_400():
            return _view(sandbox.review_closure(dispute_id, approved=order.approved))


@contextmanager
def _problems_as_400() -> Iterator[None]:
    try:
        yield
    except (LookupError, ValueError) as problem:
        raise HTTPException(400, str(problem)) from None


def _view(dispute: Dispute) -> dict[str, Any]:
    return {"id": dispute.id, "connection_id": dispute.connection_id, "state": _state(dispute)}


def _state(dispute: Dispute) -> str:
    if dispute.retracted_at is not None:
        return "retracted"
    if dispute.awaits_review:
        return "closed, awaits review"
    return "open" if dispute.is_open else "closed"


def _texts(amounts: Mapping[str, int]) -> dict[str, str]:
    return {currency: str(amount) for currency, amount in amounts.items()}
