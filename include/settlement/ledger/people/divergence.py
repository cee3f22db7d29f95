"""What a person is asked about a diverged slot: our bodies, and what the partner shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from settlement.ledger.people.question import Question, Subject, digest_over, lines_in_facts
from settlement.ledger.people.questions import NewQuestion, ask
from settlement.slot.evidence import Answered, Shown
from settlement.slot.state import Slot
from settlement.values import Actor, PartnerName, as_lines


@dataclass(frozen=True, slots=True)
class Divergence:
    """A slot beside what the partner shows under it; other facts, other digest."""

    slot: Slot
    shown: Shown

    @classmethod
    def by(cls, slot: Slot, evidence: Shown | Answered) -> Divergence:
        """What the evidence shows; an answer shows the body that it answers, as completed."""
        if isinstance(evidence, Shown):
            return cls(slot, evidence)
        answered = next((each for each in slot.bodies if each.number == evidence.body_number), None)
        positions = answered.positions if answered else {}
        return cls(
            slot,
            Shown(evidence.settlement_id or "", evidence.verdict.value, positions, True),
        )

    @property
    def digest(self) -> str:
        """Names the question: over everything that a person compares."""
        facts = self.facts()
        del facts["why"]
        return digest_over(Subject.DIVERGED, self.slot.external_id, facts)

    def facts(self) -> dict[str, Any]:
        """Both sides, amounts as text in base units."""
        return {
            "why": self.slot.reason,
            "known_settlement_id": self.slot.settlement_id,
            "settlement_id": self.shown.settlement_id,
            "status": self.shown.status,
            "transfers_completed": self.shown.transfers_completed,
            "theirs": lines_in_facts(as_lines(self.shown.positions)),
            "current_body": self.slot.current_body,
            "ours": [
                {
                    "body": each.number,
                    "sent": each.sent,
                    "lines": lines_in_facts(as_lines(each.positions)),
                }
                for each in self.slot.bodies
            ],
        }


def ask_about(
    tx: Connection, divergence: Divergence, partner: PartnerName, business_date: date, actor: Actor
) -> Question:
    """Ask whether what the partner shows is taken as booked, under the lock of the slot."""
    return ask(
        tx,
        NewQuestion(
            partner=partner,
            digest=divergence.digest,
            subject=Subject.DIVERGED,
            business_date=business_date,
            external_id=divergence.slot.external_id,
            facts=divergence.facts(),
        ),
        actor,
    )
