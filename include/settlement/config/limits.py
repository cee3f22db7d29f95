"""What a partner file says about how much may move: hard limits, and what a person must approve."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from settlement.config.fields import duration, nearest

Requests = Annotated[int, Field(ge=1)]
Gross = dict[Annotated[str, Field(min_length=1)], Annotated[int, Field(ge=0)]]
"""Sum of the absolute amounts per currency, in base units."""

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class Limits(BaseModel):
    """Caps that no run passes: per business date, and per rolling day over all dates and runs.

    A currency without a cap has none. Nobody can approve more; the partner file must be edited.
    """

    model_config = _STRICT

    requests_per_date: Requests = 200
    requests_per_day: Requests = 1000
    gross_per_date: Gross = Field(default_factory=dict)
    gross_per_day: Gross = Field(default_factory=dict)


class Approval(BaseModel):
    """Above which totals of a business date a person must approve before anything is signed.

    `wait`: how long a run waits for the answer before it ends red.
    """

    model_config = _STRICT

    requests: Requests | None = None
    gross: Gross = Field(default_factory=dict)
    wait: Annotated[timedelta, BeforeValidator(duration)] = timedelta(hours=4)

    @property
    def asks_nothing(self) -> bool:
        """Whether no total at all needs an approval."""
        return self.requests is None and not self.gross


def unknown_currencies(
    limits: Limits, approval: Approval, currencies: Collection[str]
) -> list[str]:
    """One fault for each cap on a currency that the partner file does not know: it caps nothing."""
    caps = {
        "limits.gross_per_date": limits.gross_per_date,
        "limits.gross_per_day": limits.gross_per_day,
        "approval.gross": approval.gross,
    }
    return [
        f"{key}.{currency}: there is no such currency in [currencies]"
        f"{nearest(currency, currencies)}. Correct or remove it"
        for key, gross in caps.items()
        for currency in gross
        if currency not in currencies
    ]
