"""The promises of the project, checked against the sandbox's own books.

Nothing here trusts the ledger's code: what is booked comes from the sandbox, what is owed from
plain sums over the trades, and the ledger's tables are read from outside.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from settlement.ledger.chain import require_unbroken
from settlement.request.external_id import parse_external_id
from settlement.steps.verify import Settled
from simulation.books import Net
from simulation.broken import require
from simulation.ledger_watch import ALL_BODIES, as_net
from simulation.partner import Exchange, is_settlement_request

if TYPE_CHECKING:
    from simulation.lookout import Lookout
    from simulation.world import SimulatedWorld

REQUEST = """
    SELECT b.nonce, b.snapshot_id,
           b.sent_at IS NOT NULL AND EXISTS (
               SELECT 1 FROM attempt a
               WHERE a.external_id = b.external_id AND a.body = b.number AND a.kind = 'submit'
                 AND a.finished_at IS NULL AND a.request_digest = %s),
           EXISTS (SELECT 1 FROM stop_flag WHERE partner = 'demo'),
           ARRAY(SELECT connection_id FROM hold WHERE partner = 'demo'),
           s.business_date, d.window_start, d.window_end
    FROM body b JOIN slot s USING (external_id) JOIN business_date d USING (partner, business_date)
    WHERE b.external_id = %s AND b.request = %s
"""
GREEN = """
    SELECT (SELECT id FROM snapshot WHERE partner = 'demo' AND business_date = %s
            ORDER BY generation DESC LIMIT 1),
           ARRAY(SELECT external_id FROM slot WHERE partner = 'demo' AND business_date = %s
                 AND state NOT IN ('completed', 'rejected', 'refused', 'withdrawn')),
           ARRAY(SELECT connection_id FROM hold WHERE partner = 'demo'),
           (SELECT listed_until FROM listing WHERE partner = 'demo'),
           ARRAY(SELECT external_id FROM slot WHERE partner = 'demo'
                 AND state NOT IN ('refused', 'withdrawn'))
"""
STATE = "SELECT state FROM slot WHERE external_id = %s"


class Promises:
    """What must hold in a world, at each of its moments."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._sent: dict[tuple[str, str], bytes] = {}

    def check(self) -> None:
        """After every step: never twice, only evidence closes a request, the chain is whole."""
        self._world.books.look()
        self._world.watch.look()
        self._world.trade_books.look()

    def request_leaves(self, exchange: Exchange) -> None:
        """Write ahead: these bytes are about to reach the partner."""
        self._world.word.asked(exchange)
        if not is_settlement_request(exchange):
            return
        request = exchange[3] or b""
        content = json.loads(request)
        external_id, nonce = content["externalId"], content["nonce"]
        asked = {key: content[key] for key in content if key not in {"payload", "signature"}}
        said = json.loads(content["payload"])
        require(said == asked, f"{external_id}: what is signed is not what is asked: {said}")
        digest = hashlib.sha256(request).hexdigest()
        rows = self._world.watch.rows(REQUEST, digest, external_id, request)
        require(bool(rows), f"{external_id} is sent, but its bytes were never stored")
        attempted = [row for row in rows if row[2]]
        require(bool(attempted), f"{external_id} is sent without an attempt's row")
        before = self._sent.setdefault((external_id, nonce), request)
        require(before == request, f"{external_id} is replayed with other bytes")
        for stored_nonce, snapshot_id, _, stopped, held, *window in attempted:
            require(stored_nonce == nonce, f"{external_id} has another nonce than its body")
            require(not stopped, f"{external_id} is sent while the stop flag is up")
            on_hold = set(held) & set(content["settlementAmounts"])
            require(not on_hold, f"{external_id} is sent with a connection on hold")
            if snapshot_id is not None:
                net = self._world.watch.net_of(snapshot_id)
                self._world.books.built_from(external_id, nonce, net)
                self._world.trading_time.sent_for(external_id, nonce, *window)

    def green(self, settled: Settled) -> None:
        """A run says that its date is settled.

        What the partner made later than it was last listed, under an id for which the ledger knows
        of nothing under way, nobody here can know of: the next listing finds it, and at the end of
        the world it has to be right.
        """
        day, world = settled.business_date, self._world
        row = world.watch.rows(GREEN, day, day)[0]
        snapshot_id, open_slots, held, listed_until, known = row
        require(snapshot_id is not None, f"{day} is green without a snapshot")
        require(not open_slots, f"{day} is green, but {open_slots} are open")
        net = world.watch.net_of(snapshot_id)
        unseen = world.books.made_since(listed_until) - set(known) if listed_until else set()
        booked = world.books.booked(day, left_out=unseen)
        require(world.books.is_a_reading(day, net), f"{day}: the net positions are not exact")
        off = {
            key: (net.get(key, 0), booked.get(key, 0))
            for key in sorted(net.keys() | booked.keys())
            if net.get(key, 0) != booked.get(key, 0) and key.connection_id not in held
        }
        require(not off, f"{day} is green, but owed and booked differ: {off}")

    def nothing_sent_since(self, requests: int) -> None:
        """An account that is not ours gets nothing."""
        require(
            self._world.partner_side.requests == requests,
            "something was sent though the partner file points elsewhere",
        )

    # at the end of a world

    def is_settled(self, day: date, owed: Net) -> bool:
        """Whether what is booked for a date is what its trades come to."""
        return self._world.books.booked(day) == owed

    def settled(self, day: date, owed: Net) -> None:
        """What is booked for a date is what its trades come to."""
        booked = self._world.books.booked(day)
        require(self.is_settled(day, owed), f"{day}: owed {owed}, booked {booked}")

    def every_trade_has_a_date(self, days: Sequence[date]) -> None:
        """No trade was left between two windows.

        What an edited file made a trade of the last date may be one of the date after it.
        """
        warehouse, windows = self._world.warehouse, self._world.watch.windows()
        settled = [each.trade_id for day in days for each in warehouse.trades_of(day)]
        start = min(windows[day][0] for day in days)
        end = max(windows[day][1] for day in days)
        between = [each.trade_id for each in warehouse.trades if start <= each.executed_at < end]
        require(sorted(settled) == sorted(between), f"trades of {between}, settled: {settled}")

    def every_trade_once(self, days: Sequence[date], lookout: Lookout) -> None:
        """Each trade of the warehouse is booked under exactly one date; or somebody knows why not.

        A person has left it out of the date in which it is, the watch names it, or it is traded
        so late that its date is not over yet.
        """
        world = self._world
        last = max(end for _, end in world.watch.windows().values())
        for trade in world.warehouse.trades:
            under = world.trade_books.booked_under(trade.trade_id, days)
            is_left_out = any(trade.trade_id in world.decided.left_out[day] for day in days)
            later = last <= trade.executed_at <= world.clock()
            known = is_left_out or later or lookout.names(trade.trade_id)
            require(
                len(under) == 1 or (not under and known),
                f"{trade.trade_id}, executed at {trade.executed_at}, is booked under "
                f"{len(under)} dates, and nobody knows",
            )

    def explained(self) -> None:
        """Every amount booked under our ids is in a body of the ledger; its chain is unbroken."""
        world = self._world
        for external_id, booked in world.books.by_id.items():
            if parse_external_id(external_id) is None:
                continue
            states = world.watch.rows(STATE, external_id)
            require(bool(states), f"{external_id} is booked and not in the ledger")
            bodies: dict[int, list[tuple[object, ...]]] = {}
            for row in world.watch.rows(ALL_BODIES, external_id):
                bodies.setdefault(row[0], []).append(row)
            held = any(as_net(rows) == booked for rows in bodies.values())
            require(held or states[0][0] == "diverged", f"{external_id} is booked as no body says")
        with world.ledger.transaction() as tx:
            require_unbroken(tx, world.partner.name)
