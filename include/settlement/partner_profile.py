"""What the partner says about itself and its currencies (partner API, section 9.6)."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from settlement.errors import OutcomeUnknownError
from settlement.partner_api import Answer, PartnerApi
from settlement.partner_file import PartnerFile
from settlement.partner_reads import enterprise_path

_Model = TypeVar("_Model", bound=BaseModel)


class PartnerProfile(BaseModel):
    """The partner as the API shows it. With a dispute window, only version 2 settles for it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    id: str
    name: str
    active: bool
    enterprise_id: Annotated[str | None, Field(alias="enterpriseId")] = None
    dispute_window_minutes: Annotated[
        int | None, Field(alias="clientDisputeWindowMinutes", ge=0)
    ] = None


class _Partners(BaseModel):
    partners: list[PartnerProfile]


class _Currency(BaseModel):
    names: Annotated[list[str], Field(alias="partnerNames")]


class _Currencies(BaseModel):
    supported: Annotated[dict[str, list[_Currency]], Field(alias="supportedCurrencies")]


def profiles_in(answer: Answer) -> list[PartnerProfile]:
    """The partners of the enterprise.

    :raises OutcomeUnknownError: if the answer cannot be read
    """
    return _read(_Partners, answer).partners


def supported_currencies(api: PartnerApi, partner: PartnerFile, partner_id: str) -> set[str]:
    """Names by which the partner calls the currencies that it can settle.

    :raises TransportError: without an answer
    :raises OutcomeUnknownError: if the answer cannot be read
    """
    path = f"{enterprise_path(partner)}/supportedCurrencies"
    answer = api.exchange("GET", path, query=[("partnerIds", partner_id)])
    found = _read(_Currencies, answer).supported.get(partner_id, [])
    return {name for each in found for name in each.names}


def _read(model: type[_Model], answer: Answer) -> _Model:
    try:
        return model.model_validate_json(answer.body)
    except ValidationError as error:
        raise OutcomeUnknownError(
            f"HTTP {answer.status}: the answer is not what the API documents "
            f"({error.errors(include_url=False)[0]['msg']}): try again"
        ) from None
