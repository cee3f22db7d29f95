"""Settlements that this project did not make: a person records one for a date, or puts it aside."""

from __future__ import annotations

from datetime import date

from settlement.errors import ConfigurationError
from settlement.ledger.bound_currencies import bind_decimals
from settlement.ledger.folding import take_as_booked
from settlement.ledger.people.divergence import Divergence, ask_about
from settlement.ledger.people.ignored import ignore_settlement
from settlement.ledger.people.question import Choice
from settlement.ledger.people.questions import record_choice
from settlement.ledger.slots import load_slot, open_slot, require_slot
from settlement.partner.answers import Settlement
from settlement.partner.reads import PartnerReader
from settlement.request.external_id import SlotIdentity
from settlement.slot.evidence import Shown
from settlement.slot.state import Slot, State
from settlement.steps.desk import Desk
from settlement.steps.look_up import connections_by_account, shown_by


def record_settlement(desk: Desk, external_id: str, business_date: date, reason: str) -> Slot:
    """Take what the partner shows under an externalId as booked for a date.

    The next difference of that date counts it. Also ends a diverged slot, and answers the question
    about it: theirs is taken.

    :raises ConfigurationError: as `shown_now` does, or if the slot belongs to another date
    :raises OutcomeUnknownError, CredentialsError: as `shown_now` does
    """
    shown = shown_now(desk.reader, external_id)
    with desk.ledger.transaction() as tx:
        if load_slot(tx, external_id) is None:
            open_slot(
                tx, SlotIdentity(desk.partner.name, business_date, 0), external_id=external_id
            )
        slot = require_slot(tx, external_id, lock=True)
        if slot.state is State.DIVERGED:
            divergence = Divergence(slot, shown)
            asked = ask_about(tx, divergence, desk.partner.name, business_date, desk.actor)
            if asked.choice is None:
                record_choice(tx, desk.partner.name, asked.digest, Choice.ADOPT, reason, desk.actor)
        booked = take_as_booked(tx, external_id, shown, business_date, reason, desk.actor)
        bind_decimals(tx, desk.partner, shown.currencies, desk.actor)
        return booked


def shown_now(reader: PartnerReader, external_id: str) -> Shown:
    """What the partner shows under an externalId, to be taken as booked.

    :raises ConfigurationError: if it shows nothing, several settlements, or one without transfers
    :raises OutcomeUnknownError, CredentialsError: if it does not answer, or refuses to show
    """
    settlement = _the_one_named(reader, external_id)
    shown = shown_by(reader, settlement, connections_by_account(reader.connections()))
    if not shown.positions:
        raise ConfigurationError(
            f"the partner shows no transfers of {external_id} ({shown.status}): there is nothing "
            "to record; try again later, or put it aside with `settlement ignore`",
            external_id=external_id,
        )
    return shown


def ignore_named(desk: Desk, external_id: str, reason: str) -> Settlement:
    """Put a foreign settlement aside: builds go on as if it did not exist.

    :raises ConfigurationError: if it is not foreign, or the partner shows not just one such
    :raises OutcomeUnknownError, CredentialsError: as `shown_now` does
    """
    with desk.ledger.transaction() as tx:
        if load_slot(tx, external_id) is not None:
            raise ConfigurationError(
                f"{external_id} is a slot of ours and cannot be ignored: look at it with "
                "`settlement show`",
                external_id=external_id,
            )
    settlement = _the_one_named(desk.reader, external_id)
    with desk.ledger.transaction() as tx:
        ignore_settlement(tx, desk.partner.name, settlement, reason, desk.actor)
    return settlement


def _the_one_named(reader: PartnerReader, external_id: str) -> Settlement:
    found = reader.settlements_named(external_id)
    if len(found) != 1:
        raise ConfigurationError(
            f"the partner shows {len(found)} settlements under {external_id}, not one: check the "
            "externalId in the error of the run that stopped",
            external_id=external_id,
        )
    return found[0]
