"""What the partner does wrong, and where money is short, as the seed says."""

from __future__ import annotations

import random

from partner_sandbox.accounts import Accounts
from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import DEMO_CURRENCIES, demo_connections
from partner_sandbox.faults import FaultKind, RandomFaults
from partner_sandbox.store import Store
from support.fault_kinds import EVERYWHERE

NO_DRIP = tuple(kind for kind in EVERYWHERE if kind is not FaultKind.DRIP)
ON_SUBMIT = (
    FaultKind.LATE,
    FaultKind.PENDING,
    FaultKind.FAILED,
    FaultKind.REJECTED,
    FaultKind.CONFLICT,
    FaultKind.LAG,
    FaultKind.WRONG_EXTERNAL_ID,
    FaultKind.WRONG_PAYLOAD,
)
LONGEST_ANSWER_S = 1


class Partner:
    """The partner's side of the site."""

    def __init__(self, chance: random.Random, sandbox: Sandbox, store: Store) -> None:
        self._chance = chance
        self._sandbox = sandbox
        self._accounts = Accounts(store, sandbox.world.partner())
        self._drained: list[tuple[str, str | None, int]] = []

    def fail(self) -> str:
        """Other faults by chance from now on."""
        chance = self._chance
        kinds = chance.sample(NO_DRIP, 3) + chance.sample(ON_SUBMIT, 2)
        rates = {kind: chance.choice([0.03, 0.1]) for kind in kinds}
        seed = chance.randrange(2**32)
        self._sandbox.faults.randomize(
            RandomFaults(seed=seed, rates=rates, seconds=LONGEST_ANSWER_S)
        )
        return ", ".join(f"{kind} {rate}" for kind, rate in sorted(rates.items()))

    def drain(self) -> str:
        """An account has nothing left in one currency."""
        clients = [each.id for each in demo_connections()]
        account = self._chance.choice([None, self._chance.choice(clients)])
        currency = self._chance.choice(sorted(DEMO_CURRENCIES))
        amount = self._accounts.available(account or self._accounts.own, currency)
        try:
            self._sandbox.fund(currency, -amount, account)
        except ValueError:
            return "nothing: a settlement took from it meanwhile"
        self._drained.append((currency, account, amount))
        return f"{currency} of {account or 'the partner'}"

    def fund(self) -> str:
        """Give back all that was taken."""
        for currency, account, amount in self._drained:
            self._sandbox.fund(currency, amount, account)
        funded = len(self._drained)
        self._drained.clear()
        return f"{funded} accounts"

    def be_well(self) -> None:
        """No faults, all that was on its way arrives, funds are there."""
        self._sandbox.faults.clear()
        self._sandbox.deliver_late()
        self.fund()
