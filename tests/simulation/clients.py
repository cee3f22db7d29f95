"""What clients do whose partner lets them dispute: raise, retract, and what closes a dispute."""

from __future__ import annotations

from simulation.kinds import PartnerKind
from simulation.world import SimulatedWorld

PER_DAY = 0.5
ENDED_SOON = 0.5


class Clients:
    """Draws disputes from the world's seed."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._chance = world.chance
        self._open: list[str] = []

    def after_the_run(self) -> None:
        """A client disputes what is pending; an older dispute ends."""
        if self._world.kind is not PartnerKind.DISPUTES:
            return
        if self._chance.random() < PER_DAY:
            self._dispute()
        if self._chance.random() < ENDED_SOON:
            self.end_disputes()

    def end_disputes(self) -> None:
        """Every open dispute is retracted, where that is still possible, or closed."""
        sandbox = self._world.sandbox
        for dispute in self._open:
            adjusted = {"BTC": self._chance.choice([5, -5])}
            try:
                if self._chance.random() < 0.3:
                    sandbox.retract_dispute(dispute)
                    self._world.tell(f"dispute {dispute[:8]} is retracted")
                    continue
            except ValueError:
                self._world.tell(f"dispute {dispute[:8]} cannot be retracted any more")
            sandbox.close_dispute(dispute, adjusted, "admin")
            self._world.tell(f"dispute {dispute[:8]} is closed: {adjusted}")
        self._open.clear()

    def _dispute(self) -> None:
        world, chance = self._world, self._chance
        pending = [each for each in world.sandbox.settlements() if each.status == "pending"]
        if not pending:
            return
        settlement = chance.choice(pending)
        client = chance.choice(world.store.transfers_of(settlement.id)).destination
        try:
            raised = world.sandbox.raise_dispute(settlement.external_id, client, {"BTC": 5})
        except (ValueError, LookupError) as problem:
            world.tell(f"{settlement.external_id} cannot be disputed: {problem}")
            return
        world.tell(f"{client} disputes {settlement.external_id}")
        world.count("settlement disputed")
        self._open.append(raised.id)
