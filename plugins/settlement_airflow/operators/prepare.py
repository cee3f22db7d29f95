"""From the warehouse to signed requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context

from settlement.amounts import displayed
from settlement.errors import SupersededError
from settlement.ledger.database import Ledger
from settlement.ledger.people.question import totals_text
from settlement.ledger.slots import load_slots
from settlement.steps.build import build_requests
from settlement.steps.sign import sign_requests
from settlement.values import as_lines
from settlement_airflow.connections import open_warehouse, opened_desk
from settlement_airflow.operators.base import GatedOperator, Work

MOST_SINGLE = 32
SLICE = 500
"""Requests of a task, at the partner's limit about a minute and a half of sending. They are sent
one after the other whichever task sends them, and to start a task takes as long as to send some
ten: a task for each request is for days of few, where the grid then shows each."""

SIGNER_QUEUE = "signer"


class ComputeNetPositionsOperator(GatedOperator):
    """Reads the date's trades in one snapshot, checks them, and freezes the net positions."""

    def step(self, work: Work, context: Context) -> dict[str, object]:  # noqa: ARG002
        """Freeze the positions; what is returned is for the build and for the reader only."""
        from settlement.steps.compute import compute_net_positions  # noqa: PLC0415 - only here: numpy

        warehouse = open_warehouse(work.partner.warehouse_conn_id)
        with opened_desk(work.partner, work.actor) as desk:
            computed = compute_net_positions(desk, warehouse, work.business_date)
        self.log.info(
            "%d trades give %d net positions", computed.trade_count, computed.position_count
        )
        return {
            "business_date": work.business_date.isoformat(),
            "generation": computed.generation,
            "snapshot_id": computed.snapshot_id,
            "trade_count": computed.trade_count,
            "position_count": computed.position_count,
        }


class BuildRequestsOperator(GatedOperator):
    """Builds the requests that settle the difference and fetches their signing payloads.

    :param computed: result of compute_net_positions of the same run (templated)
    """

    template_fields = ("computed",)

    def __init__(self, *, computed: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.computed = computed

    def step(self, work: Work, context: Context) -> dict[str, object]:  # noqa: ARG002
        """Fill the slots of the date, or nothing of it if a newer run has taken the date."""
        partner = work.partner
        with opened_desk(partner, work.actor) as desk:
            built = build_requests(desk, work.business_date, _generation(self.computed))
            self._log_what_is_to_be_sent(desk.ledger, work, built.external_ids)
        if built.superseded:
            self.log.warning(
                "Nothing is built here: a newer run has taken %s, or a settlement of another date "
                "was found at the partner after its trades were read. In the second case clear "
                "compute_net_positions with its downstream tasks",
                work.business_date,
            )
        for hold in built.held:
            self.log.warning("On hold: %s (%s, %s)", hold.connection_id, hold.who, hold.reason)
        if built.shortfalls is None:
            self.log.warning("Balances could not be read: nobody knows whether funds suffice")
        short = [each.text(partner.currencies) for each in built.shortfalls or ()]
        for text in short:
            self.log.warning("Short of funds: %s", text)
        if built.refused is not None:
            self.log.warning("%s Only the requests before it are sent", built.refused)
        for key, amount in built.waiting.items():
            self.log.warning(
                "%s %s %s waits for an older request",
                key.connection_id,
                displayed(amount, key.currency, partner.currencies),
                key.currency,
            )
        return {
            "external_ids": built.external_ids,
            "superseded": built.superseded,
            "held": [hold.connection_id for hold in built.held],
            "waiting": len(built.waiting),
            "shortfalls": short,
        }

    def _log_what_is_to_be_sent(
        self, ledger: Ledger, work: Work, external_ids: Sequence[str]
    ) -> None:
        """Requests, and gross and net amounts per currency in full units."""
        with ledger.transaction() as tx:
            slots = load_slots(tx, work.partner.name, work.business_date)
        wanted = set(external_ids)
        bodies = [each.current for each in slots if each.external_id in wanted and each.current]
        lines = [line for body in bodies for line in as_lines(body.positions)]
        self.log.info(
            "%d request(s), %d amounts: %s", len(bodies), len(lines), _first_to_last(external_ids)
        )
        for text in totals_text(lines, work.partner.currencies):
            self.log.info("%s", text)


def _first_to_last(external_ids: Sequence[str]) -> str:
    """The ends of a list that may be long."""
    if not external_ids:
        return "nothing is to be sent"
    return " to ".join(dict.fromkeys([external_ids[0], external_ids[-1]]))


class SignRequestsOperator(GatedOperator):
    """Signs the payloads that the ledger holds for the date. Never talks to the partner.

    Runs on the queue `signer`, so that only workers of that queue need the signing key.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("queue", SIGNER_QUEUE)
        super().__init__(**kwargs)

    def step(self, work: Work, context: Context) -> list[list[str]]:  # noqa: ARG002
        """Sign; the externalIds to submit, in slices of one mapped task each."""
        from settlement_airflow.signers import open_signer  # noqa: PLC0415 - only here: requests

        signer = open_signer(work.partner.signing_conn_id)
        with opened_desk(work.partner, work.actor) as desk:
            ready = sign_requests(desk, signer, work.business_date)
        self.log.info("Signed: %s", ", ".join(ready) or "nothing")
        return slices_of(ready)


def _generation(computed: object) -> int:
    if not isinstance(computed, Mapping) or not isinstance(computed.get("generation"), int):
        raise SupersededError(
            "compute_net_positions left no result in this run.",
            to_do="clear it with its downstream tasks",
        )
    generation: int = computed["generation"]
    return generation


def slices_of(external_ids: Sequence[str]) -> list[list[str]]:
    """Slices in order: one request each up to 32 requests, else 500 each."""
    size = 1 if len(external_ids) <= MOST_SINGLE else SLICE
    return [list(external_ids[at : at + size]) for at in range(0, len(external_ids), size)]
