"""One request on its way through the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from partner_sandbox.faults import Fault, FaultKind
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from partner_sandbox.world import Partner


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one request is handled with: the partner it speaks for and the sandbox's parts.

    `item` is the id at the end of the path, if there is one.
    """

    store: Store
    settings: Settings
    partner: Partner
    user_id: str
    now: datetime
    item: str | None = None
    fault: Fault | None = None

    def meets(self, kind: FaultKind) -> bool:
        """Whether this exchange meets a fault of that kind."""
        return self.fault is not None and self.fault.fault == kind
