"""The partner's objects, read strictly where we use them and leniently everywhere else.

Partner API, sections 8 and 9. Whatever parses the content of an answer raises `UnreadableAnswer`
unless all that is needed is there: an answer that cannot be read proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from settlement.amounts import parse_base_units, parse_full_units
from settlement.strict_json import from_json

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
AnyModel = TypeVar("AnyModel", bound=BaseModel)
LONGEST_STATUS = 60
LARGEST_READ = 4 * 1024 * 1024
"""Bytes of an answer that are parsed at most: as objects they take forty times as much memory. A
full page, or a signing payload for thousands of connections, has less than one MiB."""


class UnreadableAnswer(ValueError):  # noqa: N818 (a finding about an answer, not a failure)
    """The content is not the object that was expected; the text says where it differs."""


def canonical_uuid(text: str) -> str:
    """The UUID in lower case, as ids are stored and compared.

    :raises ValueError: if the text is not a UUID
    """
    if not _UUID.fullmatch(text.lower()):
        raise ValueError("not a UUID")
    return text.lower()


def _instant(value: object) -> object:
    """Instant of an ISO 8601 text; a number would be read as seconds or milliseconds by guess."""
    if not isinstance(value, str):
        raise ValueError("not an ISO 8601 text")  # noqa: TRY004 (pydantic turns it into a finding)
    return datetime.fromisoformat(value)


Uuid = Annotated[str, AfterValidator(canonical_uuid)]
NonEmpty = Annotated[str, Field(min_length=1)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
SETTLEMENT_STATUSES = frozenset({"pending", "failed", "completed", "rejected"})
TRANSFER_STATUSES = frozenset(
    {
        "pending",
        "pending_onchain",
        "onchain_initiated",
        "onchain_failed",
        "completed",
        "failed",
        "rejected",
        "disputed",
        "pending_settlement_assignment",
    }
)
"""Statuses whose meaning we know. Others are never guessed at: see `Settlement.status`."""
PENDING = "pending"


class AnswerModel(BaseModel):
    """Base of the partner's objects: what we use is strict, everything else is let be."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", validate_by_name=True)


class Settlement(AnswerModel):
    """What the partner shows of one settlement. It carries no amounts; its transfers do."""

    id: Uuid
    external_id: NonEmpty = Field(alias="externalId")
    raw_status: NonEmpty = Field(alias="status")
    reason: str | None = None
    notes: str | None = None
    cutoff_at: Instant | None = Field(default=None, alias="cutoffAt")
    created_at: Instant = Field(alias="createdAt")

    @property
    def status(self) -> str:
        """One of the four that we know. Any other is pending: looked up until it is one of them."""
        return self.raw_status if self.raw_status in SETTLEMENT_STATUSES else PENDING

    @property
    def stated(self) -> str:
        """The status as the partner states it, for people: short and printable."""
        return self.raw_status if self.raw_status in SETTLEMENT_STATUSES else named(self.raw_status)

    @property
    def unknown_status(self) -> str | None:
        """The status by name, in words for people, if we do not know what it means."""
        if self.raw_status in SETTLEMENT_STATUSES:
            return None
        return status_not_known("settlement", self.raw_status)


class Transfer(AnswerModel):
    """One movement of a settlement.

    `quantity` is in base units; positive: from source to destination.
    """

    id: Uuid
    settlement_id: Uuid = Field(alias="settlementId")
    currency: NonEmpty
    quantity: int
    status: NonEmpty
    destination_network_account_id: Uuid = Field(alias="destinationNetworkAccountId")
    source_network_account_id: Uuid | None = Field(default=None, alias="sourceNetworkAccountId")
    dispute_closure_id: Uuid | None = Field(default=None, alias="disputeClosureId")

    @field_validator("quantity", mode="before")
    @classmethod
    def _base_units(cls, value: object, info: ValidationInfo) -> object:
        decimals: Mapping[str, int] | None = (info.context or {}).get("decimals")
        if not isinstance(value, str):
            raise ValueError("an amount is a text")  # noqa: TRY004 (pydantic finding)
        if decimals is None:
            return parse_base_units(value)
        currency = str(info.data.get("currency"))
        if currency not in decimals:
            raise ValueError(f"the decimals of {currency!a} are not in the partner file")
        return parse_full_units(value, decimals[currency])


class Connection(AnswerModel):
    """A client's connection; `network_account_id` is what transfers name."""

    id: Uuid
    network_account_id: Uuid = Field(alias="networkAccountId")
    active: bool
    name: str


class SettlementDetail(NamedTuple):
    """One settlement with one page of its transfers."""

    settlement: Settlement
    transfers: tuple[Transfer, ...]


def status_not_known(of_what: str, status: str) -> str:
    """What people read of a status that the published API does not have."""
    return f"the partner shows the {of_what} in status {named(status)}, which is not known here"


def named(status: str) -> str:
    """A status that we do not know, quoted, short and printable."""
    return ascii(status if len(status) <= LONGEST_STATUS else status[:LONGEST_STATUS])


def parse_settlements(content: bytes) -> tuple[Settlement, ...]:
    """Read one page of the list of settlements.

    :raises UnreadableAnswer: if one of them cannot be read
    """
    return models_in(Settlement, object_in(content), "settlements")


def parse_settlement_detail(
    content: bytes, decimals: Mapping[str, int] | None = None
) -> SettlementDetail:
    """Read one settlement and one page of its transfers.

    :param decimals: of each currency, for a partner configured for full units
    :raises UnreadableAnswer: if the settlement or a transfer cannot be read
    """
    answer = object_in(content)
    return SettlementDetail(
        model_in(Settlement, _member(answer, "settlement"), "settlement"),
        models_in(Transfer, answer, "settlementTransfers", decimals),
    )


def parse_connections(content: bytes) -> tuple[Connection, ...]:
    """Read one page of the list of connections.

    :raises UnreadableAnswer: if one of them cannot be read
    """
    return models_in(Connection, object_in(content), "connections")


def parse_signing_payload(content: bytes) -> str:
    """Read the text to sign, untouched.

    :raises UnreadableAnswer: if there is none
    """
    return _text(object_in(content), "payload")


def partners_word(content: bytes) -> dict[str, Any] | None:
    """What the partner itself says, or None: a page of something in between proves nothing.

    For every kind of answer, whatever its status: the partner says one JSON object, in UTF-8,
    without a key twice, NaN or half a character (partner API, sections 2 and 8).
    """
    try:
        return object_in(content)
    except UnreadableAnswer:
        return None


def object_in(content: bytes) -> dict[str, Any]:
    """The JSON object of an answer.

    :raises UnreadableAnswer: if it is none, or too large to be read
    """
    if len(content) > LARGEST_READ:
        raise UnreadableAnswer(
            f"the answer has {len(content):,} bytes, more than the {LARGEST_READ:,} that are read"
        )
    try:
        answer = from_json(content)
    except ValueError as error:
        raise UnreadableAnswer(f"the answer is not JSON: {error}") from None
    if not isinstance(answer, dict):
        raise UnreadableAnswer("the answer is not a JSON object")
    return answer


def _member(answer: dict[str, Any], name: str) -> Any:
    if name not in answer:
        raise UnreadableAnswer(f"the answer has no {name!r}")
    return answer[name]


def _text(answer: dict[str, Any], name: str) -> str:
    text = _member(answer, name)
    if not isinstance(text, str) or not text:
        raise UnreadableAnswer(f"{name!r} of the answer is not a text")
    return text


def models_in(
    model: type[AnyModel],
    answer: dict[str, Any],
    name: str,
    decimals: Mapping[str, int] | None = None,
) -> tuple[AnyModel, ...]:
    """The objects of a list in an answer.

    :raises UnreadableAnswer: if there is no such list, or one of them cannot be read
    """
    items = _member(answer, name)
    if not isinstance(items, list):
        raise UnreadableAnswer(f"{name!r} of the answer is not a list")
    return tuple(
        model_in(model, item, f"{name}[{place}]", decimals) for place, item in enumerate(items)
    )


def model_in(
    model: type[AnyModel], value: Any, where: str, decimals: Mapping[str, int] | None = None
) -> AnyModel:
    """One object of an answer; `where` it stands is named in an error.

    :raises UnreadableAnswer: if it cannot be read
    """
    try:
        return model.model_validate(value, context={"decimals": decimals})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join([where, *(str(part) for part in first["loc"])])
        raise UnreadableAnswer(f"{place}: {first['msg'].removeprefix('Value error, ')}") from None
