"""Disputes as the partner shows them (partner API, section 9.5)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from settlement.amounts import parse_base_units
from settlement.partner.answers import (
    AnswerModel,
    Instant,
    NonEmpty,
    Uuid,
    models_in,
    object_in,
)


def _base_units(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("an amount is a text")  # noqa: TRY004 (pydantic turns it into a finding)
    return parse_base_units(value)


Amounts = dict[NonEmpty, Annotated[int, BeforeValidator(_base_units)]]


class DisputeClosure(AnswerModel):
    """How a dispute was closed; `adjusted`, in base units, is moved with a later settlement."""

    id: Uuid
    status: NonEmpty
    closed_by: NonEmpty = Field(alias="closedBy")
    notes: str
    adjusted: Amounts = Field(alias="adjustedTransfers")


class Dispute(AnswerModel):
    """A client's word against a settlement; `expected` in base units, positive: to receive."""

    id: Uuid
    connection_id: Uuid = Field(alias="connectionId")
    settlement_id: Uuid = Field(alias="disputedSettlementId")
    expected: Amounts = Field(alias="expectedTransfers")
    retracted: bool
    created_at: Instant = Field(alias="createdAt")
    reason: str | None = None
    settled_in: Uuid | None = Field(default=None, alias="settledInSettlementId")
    closure: DisputeClosure | None = Field(default=None, alias="disputeClosure")

    @property
    def status(self) -> str:
        """Where it stands, in words that the partner uses; of a closure, known here or not."""
        if self.retracted:
            return "retracted"
        return "open" if self.closure is None else f"closed, {self.closure.status}"


def parse_disputes(content: bytes) -> tuple[Dispute, ...]:
    """Read one page of the list of disputes.

    :raises UnreadableAnswer: if one of them cannot be read
    """
    return models_in(Dispute, object_in(content), "disputes")
