"""What happens to clients: the partner refuses one for days; where they may dispute, they do."""

from __future__ import annotations

import random

from simulation.kinds import PartnerKind
from simulation.world import SimulatedWorld

PER_DAY = 0.5
ENDED_SOON = 0.5
RETRACTED = 0.3
REVIEWED = 0.4
APPROVED = 0.7
REFUSED_PER_DAY = 0.08
ACCEPTED_AGAIN = 0.3


class Clients:
    """Draws disputes from the world's seed."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._chance = world.chance
        self._open: list[str] = []
        self._under_review: list[str] = []
        self._refused: dict[str, str] = {}
        self._refusing = random.Random(f"refusals of {world.seed}")

    def before_the_run(self) -> None:
        """The partner refuses a client, or accepts one again whom it has refused for days."""
        world, chance = self._world, self._refusing
        if chance.random() < REFUSED_PER_DAY:
            client = chance.choice(world.clients)
            named = client if chance.random() < 0.5 else "a client"
            world.tell(f"{client} is refused from now on")
            world.count("client refused by the partner for a while")
            self._refused[client] = f"the settlement of {named} cannot be processed"
        elif self._refused and chance.random() < ACCEPTED_AGAIN:
            self._refused.pop(chance.choice(sorted(self._refused)))
        self._tell_partner()

    def accept_all(self) -> None:
        """Whoever was refused is corrected."""
        self._refused.clear()
        self._tell_partner()

    def _tell_partner(self) -> None:
        sandbox = self._world.sandbox
        (partner,) = sandbox.world.partners
        connections = [
            each.changed(refused_with=self._refused.get(each.id)) for each in partner.connections
        ]
        sandbox.world = sandbox.world.changed(
            partners=(partner.changed(connections=tuple(connections)),)
        )

    def after_the_run(self) -> None:
        """A client disputes what is pending; older disputes get on."""
        if self._world.kind is not PartnerKind.DISPUTES:
            return
        if self._chance.random() < PER_DAY:
            self._dispute()
        if self._chance.random() < ENDED_SOON:
            self._get_on()

    def end_disputes(self) -> None:
        """Every dispute comes to its end."""
        while self._open or self._under_review:
            self._get_on()

    def _get_on(self) -> None:
        """Closures are reviewed; every open dispute is retracted, if still possible, or closed."""
        for dispute in self._taken(self._under_review):
            self._review(dispute)
        for dispute in self._taken(self._open):
            if self._chance.random() >= RETRACTED or not self._is_retracted(dispute):
                self._close(dispute)

    def _taken(self, disputes: list[str]) -> list[str]:
        taken, disputes[:] = disputes[:], []
        return taken

    def _review(self, dispute: str) -> None:
        approved = self._chance.random() < APPROVED
        self._world.sandbox.review_closure(dispute, approved=approved)
        self._world.tell(f"closure of dispute {dispute[:8]} is {approved=}")
        if not approved:
            self._world.count("closure of a dispute rejected")
            self._open.append(dispute)

    def _is_retracted(self, dispute: str) -> bool:
        try:
            self._world.sandbox.retract_dispute(dispute)
        except ValueError:
            self._world.tell(f"dispute {dispute[:8]} cannot be retracted any more")
            return False
        self._world.tell(f"dispute {dispute[:8]} is retracted")
        return True

    def _close(self, dispute: str) -> None:
        adjusted = {"BTC": self._chance.choice([5, -5])}
        reviewed = self._chance.random() < REVIEWED
        self._world.sandbox.close_dispute(dispute, adjusted, "admin", reviewed=reviewed)
        self._world.tell(f"dispute {dispute[:8]} is closed: {adjusted}, {reviewed=}")
        if reviewed:
            self._under_review.append(dispute)

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
