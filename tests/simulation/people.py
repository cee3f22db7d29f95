"""What people do: holds, the stop flag, funds, and decisions about what nobody here has sent."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from partner_sandbox.accounts import Accounts
from partner_sandbox.finalisation import run_when_due
from settlement.ledger.people.holds import held_connections, lift_hold, put_on_hold
from settlement.ledger.people.question import Choice, Question, Subject
from settlement.ledger.people.questions import open_questions
from settlement.ledger.people.stop import lower_stop, raise_stop
from settlement.steps.decide import decide
from settlement.steps.desk import Desk
from settlement.steps.foreign_settlements import ignore_named, record_settlement
from settlement.values import Actor
from simulation.kinds import Accident, PartnerKind
from simulation.run import Ended
from simulation.world import SimulatedWorld

PERSON = Actor("a person")
WHY = "as the seed says"
PATIENCE = 0.5
"""Share of looks at trades that have gone from another date after which a person waits."""


class People:
    """Draws what people do from the world's seed."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._chance = world.chance
        self._drained: list[tuple[str, str | None, int]] = []
        self._left: defaultdict[date, set[str]] = defaultdict(set)
        """Trades left to another date: a lost ledger forgets them, people do not."""

    def before_the_run(self, day: date) -> None:
        """Clients are held, the partner is stopped, funds run out, somebody settles by hand."""
        world, chance = self._world, self._chance
        if world.happens(Accident.HOLD):
            world.happened(Accident.HOLD)
            self.hold()
        if world.happens(Accident.STOP):
            world.happened(Accident.STOP)
            self.stop()
        if world.happens(Accident.FUNDS):
            account = chance.choice([None, *world.clients])
            self._drain(chance.choice(["BTC", "BTC", "ETH", "USD"]), account)
        if world.happens(Accident.BY_HAND):
            self._settle_by_hand(day)

    def after_the_run(self) -> None:
        """Most of it is put right, sooner or later."""
        self.release(0.5)
        if self._maybe(0.7):
            self.fund()
        if self._maybe(0.6):
            self.decide()

    def release(self, probability: float) -> None:
        """End holds and the stop, each with this probability."""
        world = self._world
        with world.ledger.transaction() as tx:
            held = sorted(held_connections(tx, world.partner.name))
        for client in held:
            if self._maybe(probability):
                world.tell(f"{client} is released")
                with world.ledger.transaction() as tx:
                    lift_hold(tx, world.partner.name, client, WHY, PERSON)
        if world.watch.rows("SELECT 1 FROM stop_flag WHERE partner = 'demo'") and self._maybe(
            probability
        ):
            world.tell("the stop flag goes down")
            with world.ledger.transaction() as tx:
                lower_stop(tx, world.partner.name, WHY, PERSON)

    def escalate(self) -> None:
        """The partner is asked about what stays pending past its windows, and lets it run.

        Version 2 never posts a pending settlement again, so nothing else would.
        """
        world = self._world
        sandbox, now = world.sandbox, world.clock()
        with world.store.transaction():
            for settlement in sandbox.settlements():
                if settlement.status == "pending" and settlement.held_back:
                    world.tell(f"{settlement.external_id} is escalated")
                    run_when_due(
                        world.store, sandbox.settings, sandbox.world.partner(), settlement, now
                    )

    def fund(self) -> None:
        """Give back what was taken from accounts."""
        for currency, account, amount in self._drained:
            self._world.tell(f"{currency} of {account or 'the partner account'} is funded")
            self._world.sandbox.fund(currency, amount, account)
        self._drained.clear()

    def decide(self) -> None:
        """Take diverged slots as booked; record for a date, or ignore, what was settled by hand."""
        world = self._world
        with world.ledger.transaction() as tx:
            questions = open_questions(tx, world.name)
        for question in questions:
            if question.subject is Subject.OTHER_DATE:
                self._answer_whose(question)
            else:
                self._answer(question)
        known = {row[0] for row in world.watch.rows("SELECT external_id FROM slot")}
        for name, day in world.by_hand.items():
            if day is None:
                self._ignore(name)
            elif name not in known:
                self._record(name, day)

    def _answer(self, question: Question) -> None:
        """What is shown under a diverged slot is booked; trades that changed are settled."""
        world = self._world
        if question.subject is Subject.DIVERGED and self._maybe(0.5):
            self._record(str(question.external_id), question.business_date)
            return
        choice = Choice.ADOPT if question.subject is Subject.DIVERGED else Choice.SETTLE
        if self._is_decided(question, choice) and question.subject is Subject.HISTORY:
            world.decided.changes_settled.add(question.business_date)

    def _answer_whose(self, question: Question) -> None:
        """Trades that another date has, or may have, are left out; nobody else's are settled.

        What has gone from the other date waits until that has been taken back there.
        """
        world, day = self._world, question.business_date
        trades = self._asked_about(question)
        others = {each: self._holders(each, day) for each in trades}
        if not any(others.values()):
            if self._is_decided(question, Choice.SETTLE):
                world.decided.left_out[day] -= set(trades)
                self._left[day] -= set(trades)
            return
        there = {
            each.trade_id
            for other in world.days
            if other != day
            for each in world.warehouse.trades_of(other)
        }
        going = [each for each, held in others.items() if held and each not in there]
        if going and self._maybe(PATIENCE):
            world.tell(f"  a person waits until {', '.join(going)} is taken back elsewhere")
        elif self._is_decided(question, Choice.LEAVE):
            world.decided.left_out[day] |= set(trades)
            world.decided.ever_left_out[day] |= set(trades)
            self._left[day] |= set(trades)

    def _holders(self, trade_id: str, day: date) -> set[date]:
        """Other dates that have the trade in the books, or in their window and not left out of it.

        A twin that is booked nowhere is still to be settled once: in the date that asks last.
        """
        world = self._world
        twins = {
            other
            for other in world.days
            if trade_id not in self._left[other]
            and any(each.trade_id == trade_id for each in world.warehouse.trades_of(other))
        }
        return (world.trade_books.holders(trade_id) | twins) - {day}

    def _asked_about(self, question: Question) -> list[str]:
        """The trades of a question: it names a few, of more those are meant that others hold."""
        named: list[str] = question.facts["examples"]
        if len(named) == question.facts["trades"]:
            return named
        world, day = self._world, question.business_date
        ids = [each.trade_id for each in world.warehouse.trades_of(day)]
        held = [each for each in ids if world.trade_books.holders(each) - {day}]
        return sorted({*named, *held})

    @property
    def _desk(self) -> Desk:
        """People ask the partner itself, whatever address the runs are given."""
        world = self._world
        return Desk(world.ledger, world.partner, lambda: world.partner_side, PERSON)

    def _is_decided(self, question: Question, choice: Choice) -> bool:
        world = self._world

        def answer() -> None:
            decide(self._desk, question.digest, choice, WHY)

        about = question.external_id or question.business_date
        ended = world.attempt(f"a person decides about {about}: {choice}", answer)
        return ended is Ended.DONE

    def _record(self, external_id: str, day: date) -> None:
        world = self._world

        def record() -> None:
            record_settlement(self._desk, external_id, day, WHY)
            world.books.recorded(external_id)

        world.attempt(f"record {external_id} for {day}", record)

    def _ignore(self, external_id: str) -> None:
        world = self._world
        world.attempt(
            f"ignore {external_id}",
            lambda: ignore_named(self._desk, external_id, WHY),
        )

    def hold(self) -> None:
        """A client is held."""
        world = self._world
        client = self._chance.choice(world.clients)
        world.tell(f"  {client} is held")
        with world.ledger.transaction() as tx:
            put_on_hold(tx, world.partner.name, client, WHY, None, PERSON)

    def stop(self) -> None:
        """The stop flag goes up."""
        world = self._world
        world.tell("  the stop flag goes up")
        with world.ledger.transaction() as tx:
            raise_stop(tx, world.partner.name, WHY, PERSON)

    def _drain(self, currency: str, account: str | None) -> None:
        world = self._world
        world.sandbox.settlements()  # works off what is due, which moves balances
        accounts = Accounts(world.store, world.sandbox.world.partner())
        amount = accounts.available(account or accounts.own, currency)
        if amount > 0:
            world.happened(Accident.FUNDS, f"{currency} of {account or 'the partner account'}")
            world.sandbox.fund(currency, -amount, account)
            self._drained.append((currency, account, amount))

    def _settle_by_hand(self, day: date) -> None:
        world, chance = self._world, self._chance
        name = f"by hand {len(world.by_hand) + 1}"
        one, other = chance.sample(world.clients, 2)
        lines = [(one, "USD", chance.choice([5, -5]))]
        if world.kind is PartnerKind.BROKER:
            lines.append((other, "USD", -lines[0][2]))
        world.sandbox.book_foreign(name, lines)
        world.by_hand[name] = chance.choice([day, None])
        world.happened(Accident.BY_HAND, f"{name}: {lines}, for {world.by_hand[name]}")

    def _maybe(self, probability: float) -> bool:
        return self._chance.random() < probability
