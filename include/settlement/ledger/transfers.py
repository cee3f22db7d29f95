"""What the partner shows it has moved, or will, for a settlement whose clients may dispute it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from enum import StrEnum

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from settlement.ledger.database import NOW
from settlement.ledger.schema import transfer
from settlement.slot.evidence import ShownTransfer


class TransferKind(StrEnum):
    """Whose amount it is: one that we asked for, or the outcome of a dispute."""

    TRADING = "trading"
    ADJUSTMENT = "adjustment"


_FIELDS = tuple(ShownTransfer.__dataclass_fields__)
_STORE = insert(transfer).values(updated_at=NOW)
_STORE = _STORE.on_conflict_do_update(
    index_elements=["id"], set_={"status": _STORE.excluded.status, "updated_at": NOW}
)
_OF_SLOT = (
    select(*(transfer.c[name] for name in _FIELDS))
    .where(transfer.c.external_id == bindparam("of_slot"))
    .order_by(transfer.c.id)
)


def kind_of(shown: ShownTransfer) -> TransferKind:
    """An adjustment comes from closing a dispute; everything else is what a request asked for."""
    return TransferKind.ADJUSTMENT if shown.dispute_closure_id else TransferKind.TRADING


def store_transfers(tx: Connection, external_id: str, shown: Iterable[ShownTransfer]) -> None:
    """Keep what the partner shows under a slot; of a known transfer, its status."""
    rows = [
        {name: getattr(each, name) for name in _FIELDS}
        | {"external_id": external_id, "kind": kind_of(each).value}
        for each in shown
    ]
    if rows:
        tx.execute(_STORE, rows)


def load_transfers(tx: Connection, external_id: str) -> list[ShownTransfer]:
    """What the partner showed last under a slot, by id."""
    return [ShownTransfer(*row) for row in tx.execute(_OF_SLOT, {"of_slot": external_id})]


def digest_of_transfers(transfers: Sequence[ShownTransfer]) -> str:
    """SHA-256, in hex, as events name the transfers that were shown with them."""
    lines = ("\t".join(str(getattr(each, name)) for name in _FIELDS) for each in transfers)
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
