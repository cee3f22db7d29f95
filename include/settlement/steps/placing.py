"""Placing foreign settlements: a person records one for a date, or puts it aside."""

from __future__ import annotations

from datetime import date

from settlement.errors import ConfigurationError
from settlement.external_id import SlotIdentity
from settlement.ledger.database import Ledger
from settlement.ledger.folding import take_as_booked
from settlement.ledger.people import ignore_settlement
from settlement.ledger.slots import load_slot, open_slot
from settlement.partner_answers import Settlement
from settlement.partner_api import PartnerApi
from settlement.partner_file import PartnerFile
from settlement.partner_reads import PartnerReader
from settlement.reconciliation import connections_by_account, shown_by
from settlement.slot_state import Slot
from settlement.values import Actor


def record_settlement(
    ledger: Ledger,
    api: PartnerApi,
    partner: PartnerFile,
    external_id: str,
    business_date: date,
    reason: str,
    actor: Actor,
) -> Slot:
    """Take what the partner shows under an externalId as booked for a date.

    The next difference of that date counts it. Also ends a diverged slot: theirs is taken.

    :raises ConfigurationError: if the partner shows nothing, or several, under the id
    """
    reader = PartnerReader(ledger, api, partner, actor)
    settlement = _the_one_named(reader, external_id)
    shown = shown_by(reader, settlement, connections_by_account(reader.connections()))
    if not shown.positions:
        raise ConfigurationError(
            f"the partner shows no transfers of {external_id} ({shown.status}): there is nothing "
            "to record; try again later, or put it aside with `settlement ignore`"
        )
    with ledger.transaction() as tx:
        if load_slot(tx, external_id) is None:
            open_slot(tx, SlotIdentity(partner.name, business_date, 0), external_id=external_id)
        return take_as_booked(tx, external_id, shown, business_date, reason, actor)


def ignore_named(
    ledger: Ledger,
    api: PartnerApi,
    partner: PartnerFile,
    external_id: str,
    reason: str,
    actor: Actor,
) -> Settlement:
    """Put a foreign settlement aside: builds go on as if it did not exist.

    :raises ConfigurationError: if it is not foreign, or the partner shows no such settlement
    """
    with ledger.transaction() as tx:
        if load_slot(tx, external_id) is not None:
            raise ConfigurationError(
                f"{external_id} is a slot of ours and cannot be ignored: look at it with "
                "`settlement show`"
            )
    settlement = _the_one_named(PartnerReader(ledger, api, partner, actor), external_id)
    with ledger.transaction() as tx:
        ignore_settlement(tx, partner.name, settlement.id, external_id, reason, actor)
    return settlement


def _the_one_named(reader: PartnerReader, external_id: str) -> Settlement:
    found = reader.settlements_named(external_id)
    if len(found) != 1:
        raise ConfigurationError(
            f"the partner shows {len(found)} settlements under {external_id}, not one: check the "
            "externalId in the error of the run that stopped"
        )
    return found[0]
