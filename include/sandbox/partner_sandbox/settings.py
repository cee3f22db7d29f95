"""Switches for what the partner API leaves undocumented (partner API, section 14).

The defaults are the suggestions of that section; they are assumptions, not facts about BitGo.
A client that passes with every combination relies on none of them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """How this sandbox decides each point that the public documentation leaves open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payload_order: Literal["documented", "sorted", "reversed"] = "documented"
    """Order of the fields in the signing payload."""
    payload_spaces: bool = False
    """Whether the signing payload has spaces after its commas and colons."""
    only_issued_payloads: bool = False
    """Accept only payload texts that the signing route has issued, byte for byte."""
    signing_answers_conflict: bool = True
    """Whether the signing route answers 409 when the externalId has other properties."""
    malformed_signature_status: Literal[400, 401] = 400
    """Answer to a signature that is not 130 hex characters."""
    bad_signature_status: Literal[400, 401] = 401
    """Answer to a signature that does not verify."""
    failed_status: Literal[401, 500] = 401
    """Status that carries a failed settlement."""
    pending_status: Literal[401, 500] = 500
    """Status that carries a pending settlement."""
    rejected_status: Literal[401, 500] = 401
    """Status that carries a rejected settlement."""
    nonce_is_compared: bool = False
    """Whether another nonce under the same externalId is a different property (409)."""
    nonce_reuse: Literal["accept", "refuse"] = "accept"
    """What a nonce gets that another externalId has used; refused with 400."""
    zero_amounts: Literal["refuse", "drop"] = "refuse"
    """Whether an amount of zero is refused with 400 or left out."""
    unknown_fields: Literal["ignore", "refuse"] = "ignore"
    """What unknown fields of a request body get; refused with 400."""
    missing_scope_status: Literal[401, 403] = 403
    """Answer to a token without the scope that a route needs."""
    default_page_size: int = Field(default=100, ge=1)
    """Page size where the request names none."""
    max_page_size: int = Field(default=500, ge=1)
    """Largest page that is given."""
    oversized_page: Literal["cap", "refuse"] = "cap"
    """Whether a larger `pageSize` is cut down silently or refused with 400."""
    list_order: Literal["ascending", "descending"] = "ascending"
    """Order of settlements, by createdAt and then id."""
    array_filters: Literal["both", "repeated", "comma_separated"] = "both"
    """Spelling of array filters that is understood."""
    show_partner_balances: bool = True
    """Whether the balances route shows the partner's own account."""
    disputed_settlement: Literal["completes", "stays_pending"] = "completes"
    """Whether a settlement completes without its disputed transfers, or waits for the disputes."""
    zero_window_answer: Literal["completed", "pending"] = "completed"
    """How version 2 answers where the windows last no time: run already, or about to."""
    unprocessable_is_stored: bool = False
    """Whether version 2 keeps a failed settlement behind when it answers 422."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Requests of one user that are answered within any 60 seconds; more get 429. None: all."""
    max_body_bytes: int = Field(default=20 * 1024 * 1024, ge=1)
    """Largest request body; a larger one gets 413."""

    @model_validator(mode="after")
    def _pages_fit(self) -> Settings:
        if self.default_page_size > self.max_page_size:
            raise ValueError(
                f"default_page_size {self.default_page_size} exceeds max_page_size "
                f"{self.max_page_size}; lower the first or raise the second"
            )
        return self
