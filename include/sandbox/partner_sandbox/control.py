"""The control routes under /_control: faults, funds, disputes, settings and what was booked.

They are for whoever rehearses, need no token and are no part of the partner API.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, ValidationError

from partner_sandbox.amounts import BaseUnits
from partner_sandbox.control_disputes import add_dispute_routes
from partner_sandbox.core import Sandbox
from partner_sandbox.faults import FaultRule, RandomFaults
from partner_sandbox.records import shown, stamp
from partner_sandbox.settings import Settings
from partner_sandbox.views import settlement_view


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FaultOrder(_Model):
    """Rules to add, a random mode to start, or both."""

    rules: tuple[FaultRule, ...] = ()
    random: RandomFaults | None = None


class FundOrder(_Model):
    """Money to add to a connection's allocation or, without one, to the partner's account."""

    currency: str
    amount: BaseUnits
    connection_id: str | None = None
    partner: str | None = None


class ForeignLine(_Model):
    """One amount of a foreign settlement; positive: the connection receives."""

    connection_id: str
    currency: str
    amount: BaseUnits


class ForeignOrder(_Model):
    """A settlement that somebody else has posted."""

    external_id: str
    lines: tuple[ForeignLine, ...]
    partner: str | None = None


def control_routes(sandbox: Sandbox) -> APIRouter:
    """Return the control routes of a sandbox."""
    router = APIRouter(prefix="/_control")
    _add_fault_routes(router, sandbox)
    _add_money_routes(router, sandbox)
    add_dispute_routes(router, sandbox)
    _add_setting_routes(router, sandbox)
    return router


def _add_fault_routes(router: APIRouter, sandbox: Sandbox) -> None:

    @router.get("/faults")
    def faults() -> dict[str, Any]:
        chance = sandbox.faults.chance
        return {
            "rules": [
                {**rule.model_dump(mode="json"), "met": met} for rule, met in sandbox.faults.rules()
            ],
            "random": None if chance is None else chance.model_dump(mode="json"),
        }

    @router.post("/faults")
    def add_faults(order: FaultOrder) -> dict[str, Any]:
        sandbox.faults.script(*order.rules)
        if order.random is not None:
            sandbox.faults.randomize(order.random)
        return faults()

    @router.delete("/faults")
    def clear_faults() -> dict[str, Any]:
        sandbox.faults.clear()
        return faults()

    @router.post("/deliver-late")
    def deliver_late() -> dict[str, str]:
        sandbox.deliver_late()
        return {"status": "ok"}


def _add_money_routes(router: APIRouter, sandbox: Sandbox) -> None:
    @router.get("/bookings")
    def bookings() -> dict[str, Any]:
        return {
            "bookings": [
                {
                    "external_id": booking.external_id,
                    "connection_id": booking.connection_id,
                    "currency": booking.currency,
                    "amount": str(booking.amount),
                    "settlement_id": booking.settlement_id,
                    "at": shown(stamp(booking.at)),
                    "kind": booking.kind,
                }
                for booking in sandbox.bookings()
            ]
        }

    @router.get("/settlements")
    def settlements() -> dict[str, Any]:
        return {"settlements": [settlement_view(s) for s in sandbox.settlements()]}

    @router.post("/fund")
    def fund(order: FundOrder) -> dict[str, str]:
        try:
            balance = sandbox.fund(order.currency, order.amount, order.connection_id, order.partner)
        except (LookupError, ValueError) as problem:
            raise HTTPException(400, str(problem)) from None
        return {"available": str(balance)}

    @router.post("/foreign")
    def foreign(order: ForeignOrder) -> dict[str, Any]:
        lines = [(line.connection_id, line.currency, line.amount) for line in order.lines]
        try:
            settlement = sandbox.book_foreign(order.external_id, lines, order.partner)
        except (LookupError, ValueError) as problem:
            raise HTTPException(400, str(problem)) from None
        return {"settlement": settlement_view(settlement)}


def _add_setting_routes(router: APIRouter, sandbox: Sandbox) -> None:
    @router.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "ok", "partners": [partner.name for partner in sandbox.world.partners]}

    @router.get("/settings")
    def settings() -> dict[str, Any]:
        return sandbox.settings.model_dump(mode="json")

    @router.post("/settings")
    def change_settings(changes: dict[str, Any]) -> dict[str, Any]:
        try:
            changed = Settings.model_validate({**sandbox.settings.model_dump(), **changes})
        except ValidationError as problem:
            raise HTTPException(400, str(problem)) from None
        sandbox.settings = changed
        return settings()
