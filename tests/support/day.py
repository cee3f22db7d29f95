"""A partner's day in one process: ledger, sandbox and warehouse, and the steps of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import DEMO_XPRV, demo_connections, demo_world
from partner_sandbox.faults import FaultKind, FaultRule
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from partner_sandbox.world import World as PartnerWorld
from settlement.config.partner_file import CutOff, PartnerFile
from settlement.errors import SettlementError
from settlement.ledger.database import Ledger
from settlement.ledger.slots import load_slots, require_slot
from settlement.partner.exchange import PartnerApi
from settlement.signing.signer import LocalSigner
from settlement.slot.state import Slot
from settlement.steps.build import build_requests
from settlement.steps.compute import compute_net_positions
from settlement.steps.desk import Desk
from settlement.steps.reconcile import look_up_pending, reconcile_conflicts
from settlement.steps.sign import sign_requests
from settlement.steps.submit import submit_request
from settlement.steps.verify import Settled, verify_settled
from settlement.values import Actor, PositionKey
from settlement.warehouse import TradeRow
from support.in_process import MemoryWarehouse, SandboxApi

DAY = date(2026, 3, 3)
CONNECTIONS = [each.id for each in demo_connections(6)]
ALICE, BOB, CAROL, DAVE, ERIN, FRANK = CONNECTIONS
ACTOR = Actor("test")


def demo_partner(**changes: object) -> PartnerFile:
    """The demo's partner with six clients, as its file would say."""
    values: dict[str, object] = {
        "name": "demo",
        "enterprise_id": "demo-enterprise",
        "timezone": "America/New_York",
        "cut_offs": (CutOff.model_validate({"at": "17:00", "calendar": "all-days"}),),
        "first_business_date": date(2026, 3, 2),
        "max_connections_per_request": 40,
        "currencies": {"BTC": 8, "ETH": 18, "USD": 2},
    }
    return PartnerFile.model_validate(values | changes)


def desk_of(ledger: Ledger, api: PartnerApi, partner: PartnerFile, actor: Actor = ACTOR) -> Desk:
    """What the steps work with, its API open."""
    return Desk(ledger, partner, lambda: api, actor)


@dataclass
class World:
    """Everything one partner's settlement touches, all of it real but the sockets and the DAG."""

    ledger: Ledger
    partner: PartnerFile = field(default_factory=demo_partner)
    warehouse: MemoryWarehouse = field(default_factory=MemoryWarehouse)
    store: Store = field(default_factory=Store)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    kind_of_partner: PartnerWorld = field(default_factory=lambda: demo_world(count=6))
    trade_numbers: int = 0

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(self.store, self.clock, Settings(), self.kind_of_partner)
        self.api = SandboxApi(self.sandbox)
        self.signer = LocalSigner.from_xprv(DEMO_XPRV)

    @property
    def desk(self) -> Desk:
        """What the steps work with, as the world is now."""
        return self.desk_of(ACTOR)

    def desk_of(self, actor: Actor) -> Desk:
        """The same for somebody else."""
        return desk_of(self.ledger, self.api, self.partner, actor)

    def trade(
        self,
        buyer: str,
        seller: str,
        quantity: int,
        price: int = 3,
        *,
        day: date = DAY,
        recorded_at: datetime | None = None,
        base: str = "BTC",
        quote: str = "USD",
    ) -> TradeRow:
        """Load one trade of the day into the warehouse."""
        self.trade_numbers += 1
        executed = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
        executed += timedelta(seconds=self.trade_numbers)
        row = TradeRow(
            trade_id=f"t{self.trade_numbers:06d}",
            executed_at=executed,
            recorded_at=recorded_at or executed + timedelta(seconds=1),
            buyer_connection_id=buyer,
            seller_connection_id=seller,
            base_currency=base,
            quote_currency=quote,
            base_quantity=quantity,
            quote_quantity=quantity * price,
            buyer_fee=1,
            seller_fee=-1,
            buyer_fee_currency=quote,
            seller_fee_currency=quote,
        )
        self.warehouse.trades.append(row)
        return row

    def fault(self, fault: FaultKind, **measures: object) -> None:
        """Script one fault of the partner."""
        self.sandbox.faults.script(FaultRule.model_validate({"fault": fault} | measures))

    def prepare(self, day: date = DAY) -> list[str]:
        """Compute, build and sign; the externalIds to submit."""
        computed = compute_net_positions(self.desk, self.warehouse, day)
        build_requests(self.desk, day, computed.generation)
        return sign_requests(self.desk, self.signer, day)

    def submit(self, external_id: str) -> Slot:
        """Submit one slot once."""
        submit_request(self.desk, external_id)
        return self.slot(external_id)

    def run(self, day: date = DAY) -> Settled:
        """One run of the day without retries: the first error ends it, as verify would."""
        errors: list[SettlementError] = []
        for external_id in self.prepare(day):
            try:
                self.submit(external_id)
            except SettlementError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        reconcile_conflicts(self.desk, day)
        look_up_pending(self.desk, day)
        return self.verify(day)

    def verify(self, day: date = DAY) -> Settled:
        """The gate of the run."""
        return verify_settled(self.desk, day, since=None)

    def slots(self, day: date = DAY) -> list[Slot]:
        """The slots of the day as the ledger holds them."""
        with self.ledger.transaction() as tx:
            return load_slots(tx, self.partner.name, day)

    def slot(self, external_id: str) -> Slot:
        """One slot."""
        with self.ledger.transaction() as tx:
            return require_slot(tx, external_id)

    def states(self, day: date = DAY) -> dict[str, str]:
        """State per externalId."""
        return {each.external_id: each.state.value for each in self.slots(day)}

    def booked(self) -> dict[PositionKey, int]:
        """What the partner booked, summed per connection and currency."""
        booked = self.sandbox.booked_positions()
        return {PositionKey(*key): amount for key, amount in booked.items()}
