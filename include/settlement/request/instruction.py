"""A settlement request: what is asked of the partner, its exact bytes, and the payload check.

Partner API, sections 4 to 7.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from settlement.amounts import to_base_units_text, to_full_units_text
from settlement.errors import ConfigurationError, PayloadMismatchError
from settlement.request.broker import client_to_client
from settlement.strict_json import from_json, to_json
from settlement.values import Line, Window

_AMOUNT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_ZERO = re.compile(r"-?0(\.0+)?", re.ASCII)
_SHOWN_LENGTH = 80


def _amount(text: str) -> str:
    if not _AMOUNT.fullmatch(text) or _ZERO.fullmatch(text):
        raise ValueError("an amount is a plain decimal number other than zero")
    return text


NonEmpty = Annotated[str, Field(min_length=1)]
AmountText = Annotated[str, AfterValidator(_amount)]
CurrencyAmounts = Annotated[dict[NonEmpty, AmountText], Field(min_length=1)]
ConnectionLiabilities = Annotated[dict[NonEmpty, CurrencyAmounts], Field(min_length=1)]
ConnectionToConnection = Annotated[dict[NonEmpty, ConnectionLiabilities], Field(min_length=1)]


class SettlementInstruction(BaseModel):
    """What one settlement request asks for; everything but payload and signature.

    `settlement_amounts` is connection to currency to amount (form 1: positive, the client
    receives) or source connection to destination connection to currency to amount (form 2).
    `cutoff_at` is the time of the newest trade that is settled; version 2 of the API needs it.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", validate_by_name=True)

    external_id: NonEmpty = Field(alias="externalId")
    notes: NonEmpty | None = None
    settlement_amounts: ConnectionLiabilities | ConnectionToConnection = Field(
        alias="settlementAmounts"
    )
    nonce: NonEmpty
    cutoff_at: NonEmpty | None = Field(default=None, alias="cutoffAt")

    @classmethod
    def from_lines(  # noqa: PLR0913 - the fields of the request
        cls,
        external_id: str,
        lines: Iterable[Line],
        notes: str | None,
        nonce: str,
        cutoff_at: datetime | None = None,
        *,
        decimals: Mapping[str, int] | None = None,
        between_clients: bool = False,
    ) -> Self:
        """Build the request of the lines: of form 1, or of form 2 for a broker.

        :param decimals: of each currency, for a partner configured for full units; without it
            amounts are written in base units
        :param between_clients: every amount is from one client to another (form 2)
        :raises ValueError: if there are no lines, two have the same connection and currency, an
            amount is zero, or, between clients, a currency does not net to zero
        :raises ConfigurationError: if the decimals of a currency are needed and not known
        """
        lines = sorted(lines)
        for line, following in pairwise(lines):
            if line.key == following.key:
                raise ValueError(f"two lines for {line.connection_id} {line.currency}")
        form = _from_client_to_client if between_clients else _of_connections
        return cls(
            external_id=external_id,
            notes=notes,
            settlement_amounts=form(lines, decimals),
            nonce=nonce,
            cutoff_at=None if cutoff_at is None else _timestamp(cutoff_at),
        )

    def signing_request_bytes(self) -> bytes:
        """Exact body of the request for the signing payload."""
        return to_json(self._fields())

    def settlement_request_bytes(self, payload: str, signature: str) -> bytes:
        """Exact body of the request that settles; `payload` is the partner's text, untouched."""
        return to_json({**self._fields(), "payload": payload, "signature": signature})

    def _fields(self) -> dict[str, Any]:
        """Fields in the order they are sent in; the ones that are absent are left out."""
        fields = {
            "externalId": self.external_id,
            "notes": self.notes,
            "settlementAmounts": _sorted(self.settlement_amounts),
            "nonce": self.nonce,
            "cutoffAt": self.cutoff_at,
        }
        return {name: value for name, value in fields.items() if value is not None}


def check_payload(instruction: SettlementInstruction, payload: str) -> None:
    """Make sure that a signing payload says exactly what was asked for.

    Order of keys and spacing are the partner's choice; everything else must be the same, since
    the signature vouches for it.

    :raises PayloadMismatchError: naming the first field that differs
    """
    try:
        given = from_json(payload)
    except ValueError as error:
        differs = f"it is not one plain JSON text: {error}"
        raise PayloadMismatchError(instruction.external_id, differs=differs) from None
    difference = _difference("", instruction._fields(), given)
    if difference is not None:
        raise PayloadMismatchError(instruction.external_id, differs=difference)


def digest(lines: Iterable[Line]) -> str:
    """SHA-256, in hex, of the lines in canonical order."""
    return _sha256(_canonical(lines))


def nonce_of(
    external_id: str,
    lines: Iterable[Line],
    cutoff_at: datetime | None = None,
    window: Window | None = None,
) -> str:
    """Nonce of a body: SHA-256, in hex, of its externalId, amounts, `cutoffAt` and window.

    The same difference in the same slot gives the same nonce, so a re-run sends the same bytes.

    :param cutoff_at: if the body has one
    :param window: of the trades that it settles; None if nobody knows which these are
    """
    cut_off = [] if cutoff_at is None else [_timestamp(cutoff_at)]
    bounds = [] if window is None else [window.start, window.end]
    times = [*cut_off, *(each.astimezone(UTC).isoformat() for each in bounds)]
    return _sha256([external_id, _canonical(lines), *times])


def _of_connections(
    lines: Iterable[Line], decimals: Mapping[str, int] | None
) -> dict[str, dict[str, str]]:
    amounts: dict[str, dict[str, str]] = {}
    for line in lines:
        text = _amount_text(line.amount, line.currency, decimals)
        amounts.setdefault(line.connection_id, {})[line.currency] = text
    return amounts


def _from_client_to_client(
    lines: Iterable[Line], decimals: Mapping[str, int] | None
) -> dict[str, dict[str, dict[str, str]]]:
    amounts: dict[str, dict[str, dict[str, str]]] = {}
    for each in client_to_client(lines):
        of_pair = amounts.setdefault(each.source, {}).setdefault(each.destination, {})
        of_pair[each.currency] = _amount_text(each.amount, each.currency, decimals)
    return amounts


def _amount_text(amount: int, currency: str, decimals: Mapping[str, int] | None) -> str:
    if decimals is None:
        return to_base_units_text(amount)
    if currency not in decimals:
        raise ConfigurationError(
            f"the decimals of {currency!a} are not known, and amounts are sent in full units. "
            "Add the currency to [currencies] of the partner file",
            currency=currency,
        )
    return to_full_units_text(amount, decimals[currency])


def _canonical(lines: Iterable[Line]) -> list[list[str]]:
    return [
        [line.connection_id, line.currency, to_base_units_text(line.amount)]
        for line in sorted(lines)
    ]


def _sha256(value: object) -> str:
    return hashlib.sha256(to_json(value)).hexdigest()


def _timestamp(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z: the spelling that JavaScript gives back."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no UTC offset")
    in_utc = instant.astimezone(UTC).replace(tzinfo=None)
    return in_utc.isoformat(timespec="milliseconds") + "Z"


def _sorted(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _sorted(inner) if isinstance(inner, Mapping) else inner
        for key, inner in sorted(value.items())
    }


def _difference(path: str, asked: object, given: object) -> str | None:
    """First difference of a JSON value from what was asked for; nothing if they are equal."""
    name = path or "the payload"
    if not isinstance(asked, dict):
        if type(given) is type(asked) and given == asked:
            return None
        return f"{name} is {_shown(given)}, but {_shown(asked)} was asked for"
    if not isinstance(given, dict):
        return f"{name} is {_shown(given)}, not an object"
    prefix = f"{path}." if path else ""
    for key in asked:
        if key not in given:
            return f"{prefix}{key} is missing"
        found = _difference(f"{prefix}{key}", asked[key], given[key])
        if found is not None:
            return found
    extra = next((key for key in given if key not in asked), None)
    return None if extra is None else f"{prefix}{_key(extra)} was not asked for"


def _key(key: str) -> str:
    return ascii(key)[1:-1][:_SHOWN_LENGTH]


def _shown(value: object) -> str:
    """Value as it may appear in a message: ASCII, and cut when it is long."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = f"the text {value!a}" if isinstance(value, str) else f"{value} (not a text)"
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "..."
