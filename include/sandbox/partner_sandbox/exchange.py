"""One request on its way through the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from partner_sandbox.faults import Fault, FaultKind
from partner_sandbox.records import SettlementStatus
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from partner_sandbox.world import Partner

_FORCED: dict[FaultKind, tuple[SettlementStatus, str | None]] = {
    FaultKind.PENDING: ("pending", None),
    FaultKind.FAILED: ("failed", "insufficient balance: the partner's account lacks funds"),
    FaultKind.REJECTED: ("rejected", "rejected by the custodian"),
}


class ForcedOutcome(NamedTuple):
    """What a fault makes of a settlement; pending ends after so many look-ups, if any."""

    status: SettlementStatus
    reason: str | None
    look_ups: int | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one request is handled with: the partner it speaks for and the sandbox's parts.

    `version` is that of the endpoint; `item` is the id at the end of the path, if there is one.
    """

    store: Store
    settings: Settings
    partner: Partner
    user_id: str
    now: datetime
    version: int = 1
    item: str | None = None
    fault: Fault | None = None

    def meets(self, kind: FaultKind) -> bool:
        """Whether this exchange meets a fault of that kind."""
        return self.fault is not None and self.fault.fault == kind

    def forced_outcome(self) -> ForcedOutcome | None:
        """What a fault makes of the settlement, in place of what it would come to."""
        if self.fault is None or self.fault.fault not in _FORCED:
            return None
        return ForcedOutcome(*_FORCED[self.fault.fault], self.fault.look_ups)
