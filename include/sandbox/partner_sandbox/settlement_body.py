"""Reading the body of a settlement request and the payload that goes with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias

from partner_sandbox.amounts import parse_amount
from partner_sandbox.messages import Refusal
from partner_sandbox.records import bound
from partner_sandbox.settings import Settings
from partner_sandbox.world import Partner

Form: TypeAlias = Literal[1, 2]

SIGNED_FIELDS = ("externalId", "notes", "settlementAmounts", "nonce", "cutoffAt")
SIGNATURE_FIELDS = ("payload", "signature")


class AskedTransfer(NamedTuple):
    """One amount of a request, in signed base units; no source: the partner's own account."""

    source: str | None
    destination: str
    currency: str
    quantity: int


@dataclass(frozen=True, slots=True)
class SettlementBody:
    """The part of a settlement request that is signed (partner API, sections 4 to 6)."""

    external_id: str
    nonce: str
    notes: str | None
    cutoff_at: str | None
    form: Form
    transfers: tuple[AskedTransfer, ...]
    """Sorted, so that two requests with equal content are equal."""

    def properties(self) -> str:
        """Canonical JSON of what has to be equal under the same externalId."""
        return properties_of(self.form, self.transfers, self.notes, self.cutoff_at)


def properties_of(
    form: Form,
    transfers: Iterable[AskedTransfer],
    notes: str | None = None,
    cutoff_at: str | None = None,
) -> str:
    """Canonical JSON of a settlement's properties; amounts compare as numbers."""
    amounts = [[t.source, t.destination, t.currency, str(t.quantity)] for t in transfers]
    content = {"form": form, "amounts": amounts, "notes": notes, "cutoffAt": cutoff_at}
    return json.dumps(content, separators=(",", ":"))


def json_object(text: bytes | str, what: str) -> dict[str, Any]:
    """Return a JSON object from text, refused with 400 if it is anything else."""
    try:
        # lone surrogates would have no UTF-8 form to sign
        content = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as problem:
        raise Refusal(400, f"{what} is not valid JSON: {problem}") from None
    if not isinstance(content, dict):
        raise Refusal(400, f"{what} is not a JSON object")
    return content


def read_body(
    content: Mapping[str, Any],
    partner: Partner,
    settings: Settings,
    also_allowed: tuple[str, ...] = (),
) -> SettlementBody:
    """Return the signed part of a request's content; anything malformed is refused with 400."""
    unknown = sorted(set(content) - {*SIGNED_FIELDS, *also_allowed})
    if unknown and settings.unknown_fields == "refuse":
        raise Refusal(400, f"unknown field: {unknown[0]}")
    form, transfers = _transfers(content.get("settlementAmounts"), partner, settings)
    return SettlementBody(
        external_id=required_text(content, "externalId"),
        nonce=required_text(content, "nonce"),
        notes=required_text(content, "notes") if "notes" in content else None,
        cutoff_at=_instant(content) if "cutoffAt" in content else None,
        form=form,
        transfers=tuple(sorted(transfers, key=lambda t: (t.source or "", *t[1:]))),
    )


def payload_text(content: Mapping[str, Any], settings: Settings) -> str:
    """Return the text to sign for a request's content, in the order that the settings ask for."""
    names = [name for name in SIGNED_FIELDS if name in content]
    if settings.payload_order == "sorted":
        names.sort()
    elif settings.payload_order == "reversed":
        names.reverse()
    separators = (", ", ": ") if settings.payload_spaces else (",", ":")
    signed = {name: content[name] for name in names}
    return json.dumps(signed, ensure_ascii=False, separators=separators)


def require_same_content(
    payload: str, body: SettlementBody, partner: Partner, settings: Settings
) -> None:
    """Refuse with 400 a payload that says anything else than the body it came with."""
    content = json_object(payload, "payload")
    extra = sorted(set(content) - set(SIGNED_FIELDS))
    if extra:
        raise Refusal(400, f"payload has a field that the request has not: {extra[0]}")
    try:
        signed = read_body(content, partner, settings)
    except Refusal as refusal:
        raise Refusal(400, f"payload: {refusal.message}") from None
    if signed != body:
        raise Refusal(400, "payload differs from the request data")


def required_text(content: Mapping[str, Any], name: str) -> str:
    """Return a field that is a string of length 1 or more, else refused with 400."""
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"{name} is required: a string of length 1 or more")
    return value


def _instant(content: Mapping[str, Any]) -> str:
    text = required_text(content, "cutoffAt")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, "cutoffAt is not an ISO 8601 date-time") from None
    if instant.tzinfo is None:
        raise Refusal(400, "cutoffAt has no time zone")
    return bound(instant)


def _transfers(
    amounts: object, partner: Partner, settings: Settings
) -> tuple[Form, list[AskedTransfer]]:
    if not isinstance(amounts, dict) or not amounts:
        raise Refusal(400, "settlementAmounts is required: a record of connections, not empty")
    form: Form = 2 if _depth(amounts) == 3 else 1  # noqa: PLR2004 (levels: partner API, section 4)
    transfers = []
    for source, destination, currency, text in _flat(amounts, form):
        quantity = _quantity(text, currency, partner)
        if quantity == 0 and settings.zero_amounts == "refuse":
            raise Refusal(
                400, f"invalid format for settlement amounts: zero {currency} for {destination}"
            )
        if quantity != 0:
            transfers.append(AskedTransfer(source, destination, currency, quantity))
    return form, transfers


def _depth(value: object) -> int:
    depth = 0
    while isinstance(value, dict) and value:
        depth += 1
        value = next(iter(value.values()))
    return depth


def _flat(amounts: Mapping[str, Any], form: Form) -> Iterator[tuple[str | None, str, str, object]]:
    levels = {None: amounts} if form == 1 else amounts
    for source, destinations in levels.items():
        for destination, currencies in _record(destinations).items():
            for currency, text in _record(currencies).items():
                yield source, destination, currency, text


def _record(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise Refusal(400, "invalid format for settlement amounts: a level is empty or missing")
    return value


def _quantity(text: object, currency: str, partner: Partner) -> int:
    if not isinstance(text, str):
        raise Refusal(400, "invalid format for settlement amounts: amounts are strings")
    if currency not in partner.currencies:
        raise Refusal(400, f"currency {currency} is not supported")
    try:
        return parse_amount(text, partner.unit, partner.currencies[currency])
    except ValueError as problem:
        raise Refusal(400, f"invalid format for settlement amounts: {problem}") from None


def require_usable_connections(body: SettlementBody, partner: Partner) -> None:
    """Refuse with 400 what the partner's connections do not allow (partner API, section 14)."""
    for transfer in body.transfers:
        for connection_id in (transfer.source, transfer.destination):
            if connection_id is not None:
                _require_usable(connection_id, partner)
        if transfer.source == transfer.destination:
            raise Refusal(400, f"connection {transfer.source} is its own counterparty")
    if partner.broker and body.form == 1:
        _require_netting(body)


def require_settleable(body: SettlementBody, partner: Partner) -> None:
    """Refuse with 422 what cannot be processed for one of its clients, in that client's words."""
    for transfer in body.transfers:
        for connection_id in (transfer.source, transfer.destination):
            connection = partner.connection_by_id.get(connection_id or "")
            if connection is not None and connection.refused_with is not None:
                raise Refusal(422, connection.refused_with)


def _require_usable(connection_id: str, partner: Partner) -> None:
    connection = partner.connection_by_id.get(connection_id)
    if connection is None:
        raise Refusal(400, f"connection {connection_id} is unknown")
    if not connection.active:
        raise Refusal(400, f"connection {connection_id} is inactive")


def _require_netting(body: SettlementBody) -> None:
    sums: dict[str, int] = {}
    for transfer in body.transfers:
        sums[transfer.currency] = sums.get(transfer.currency, 0) + transfer.quantity
    for currency, total in sorted(sums.items()):
        if total:
            raise Refusal(400, f"a broker's {currency} amounts must sum to 0, not {total}")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key occurs twice")
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
