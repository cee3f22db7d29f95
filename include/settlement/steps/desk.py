"""Where the steps of one partner are done: what all of them need, beside what each is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from settlement.config.partner_file import PartnerFile
from settlement.ledger.database import Ledger
from settlement.ledger.partner_reader import recorded_reader
from settlement.partner.exchange import PartnerApi
from settlement.partner.reads import PartnerReader
from settlement.values import Actor


@dataclass(frozen=True)
class Desk:
    """One partner's settlement desk: its file, its ledger, the way to its API, and who acts.

    The API is opened by the step that needs it. Signing needs none, nor does a stop.
    """

    ledger: Ledger
    partner: PartnerFile
    open_api: Callable[[], PartnerApi]
    actor: Actor

    @cached_property
    def api(self) -> PartnerApi:
        """The partner API, opened once."""
        return self.open_api()

    @cached_property
    def reader(self) -> PartnerReader:
        """Reads of the partner API, each of them an attempt of the ledger."""
        return recorded_reader(self.ledger, self.api, self.partner, self.actor)
