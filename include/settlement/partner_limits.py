"""What a partner file says about how much may move: hard limits, and what a person must approve."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from settlement.partner_fields import duration

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
