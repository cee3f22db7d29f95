"""What the partner says about itself and its currencies (partner API, section 9.6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BeforeValidator, Field

from settlement.config.partner_file import PartnerFile
from settlement.errors import CredentialsError, OutcomeUnknownError
from settlement.partner.answers import AnswerModel, UnreadableAnswer, model_in, object_in
from settlement.partner.exchange import (
    Answer,
    Exchange,
    ExchangeKind,
    PartnerApi,
    Read,
    TransportError,
)
from settlement.partner.paths import enterprise_path
from settlement.partner.words import refuses_to_show, words_of

_Model = TypeVar("_Model", bound=AnswerModel)
MANY = 10_000_000
"""Minutes that no dispute or top-up window has: nineteen years."""


def _whole(value: object) -> object:
    """A whole number that is written with a fraction of zero, as 5.0, is that number."""
    if isinstance(value, Decimal) and value == value.to_integral_value() and abs(value) < MANY:
        return int(value)
    return value


Minutes = Annotated[int, BeforeValidator(_whole), Field(ge=0, lt=MANY)]


class PartnerProfile(AnswerModel):
    """The partner as the API shows it. With a dispute window, only version 2 settles for it."""

    id: str
    name: str
    active: bool
    enterprise_id: str | None = Field(default=None, alias="enterpriseId")
    licensed: object = Field(default=None, alias="isLicensedForPartner")
    dispute_window_minutes: Minutes | None = Field(default=None, alias="clientDisputeWindowMinutes")
    top_up_window_minutes: Minutes | None = Field(default=None, alias="topUpWindowMinutes")


class DisputeWindows(NamedTuple):
    """How long clients may dispute a settlement, and then top up; none on version 1 of the API."""

    dispute: timedelta = timedelta(0)
    top_up: timedelta = timedelta(0)


class _Partners(AnswerModel):
    partners: list[PartnerProfile]


class _Currency(AnswerModel):
    names: list[str] = Field(alias="partnerNames")


class _Currencies(AnswerModel):
    supported: dict[str, list[_Currency]] = Field(alias="supportedCurrencies")


def profiles_in(answer: Answer) -> list[PartnerProfile]:
    """The partners of the enterprise.

    :raises OutcomeUnknownError: if the answer cannot be read
    """
    return _read(_Partners, answer).partners


def profiles_of(partner: PartnerFile, profiles: Iterable[PartnerProfile]) -> list[PartnerProfile]:
    """Those that can be the partner of the partner file: exactly one, unless something is wrong."""
    return [each for each in profiles if each.enterprise_id in {None, partner.enterprise_id}]


def dispute_windows_of(exchange: Exchange, partner: PartnerFile) -> DisputeWindows:
    """The partner's dispute window and top-up window (partner API, section 7).

    :raises OutcomeUnknownError: if the partner does not say, or gives no answer
    :raises CredentialsError: if it refuses to show anything
    :raises UntrustedHostError: as the exchange does
    """
    if not partner.api_version.staged_by_dispute_window:
        return DisputeWindows()
    try:
        answer = exchange(Read(ExchangeKind.PROFILE, f"{enterprise_path(partner)}/partners"))
    except TransportError as error:
        raise OutcomeUnknownError(
            f"{partner.name}: no answer to GET partners ({error})", partner=partner.name
        ) from error
    if refuses_to_show(answer):
        raise CredentialsError(
            f"{partner.name}: GET partners answers HTTP {answer.status}: {words_of(answer)}. Check "
            f"the access token of Airflow connection {partner.api_conn_id} and its scopes",
            partner=partner.name,
            status=answer.status,
            conn_id=partner.api_conn_id,
        )
    ours = profiles_of(partner, profiles_in(answer))
    if len(ours) != 1:
        raise OutcomeUnknownError(
            f"{partner.name}: GET partners shows {len(ours)} partners for enterprise "
            f"{partner.enterprise_id}, so the dispute window is not known: it is asked again",
            partner=partner.name,
        )
    return DisputeWindows(
        timedelta(minutes=ours[0].dispute_window_minutes or 0),
        timedelta(minutes=ours[0].top_up_window_minutes or 0),
    )


def supported_currencies(api: PartnerApi, partner: PartnerFile, partner_id: str) -> set[str]:
    """Names by which the partner calls the currencies that it can settle.

    :raises TransportError, UntrustedHostError: as `PartnerApi.exchange` does
    :raises OutcomeUnknownError: if the answer cannot be read
    """
    path = f"{enterprise_path(partner)}/supportedCurrencies"
    answer = api.exchange("GET", path, query=[("partnerIds", partner_id)])
    found = _read(_Currencies, answer).supported.get(partner_id, [])
    return {name for each in found for name in each.names}


def _read(model: type[_Model], answer: Answer) -> _Model:
    try:
        return model_in(model, object_in(answer.content), "the answer")
    except UnreadableAnswer as error:
        raise OutcomeUnknownError(
            f"HTTP {answer.status}: the answer is not what the API documents ({error}): try again",
            status=answer.status,
        ) from None
