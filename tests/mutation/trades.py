"""Breaks of whose a trade is: each trade once, whatever the warehouse does to it."""

from __future__ import annotations

from mutation.definition import Break

COMPUTE = "include/settlement/steps/compute.py"
OWN = "include/settlement/steps/own_trades.py"
FORGOTTEN = "include/settlement/steps/forgotten_trades.py"
MEMORY = "include/settlement/ledger/trade_memory.py"

TRADES = (
    Break(
        "other-dates-not-asked",
        "A trade that moves across a cut-off, or is delivered again, is settled under both dates.",
        OWN,
        "        held_by_memory = dates_holding(tx, name, ids, day)\n",
        "        held_by_memory = dict[date, Hashes]()\n",
    ),
    Break(
        "trades-not-remembered",
        "The ids of a snapshot are not stored with it: no other date can know whose they are.",
        COMPUTE,
        "trusted.own.remember(tx, desk.partner, day, take_back=take_back)\n",
        '""\n',
    ),
    Break(
        "left-trades-settled",
        "What a person has left to another date is settled in this one all the same.",
        OWN,
        "    if len(left_out):\n        reading = ",
        "    if False:\n        reading = ",
    ),
    Break(
        "taken-meanwhile",
        "Two dates computed at once both freeze a trade that moved while they read.",
        COMPUTE,
        "        trusted.own.require_own(tx, desk.partner.name, day)\n",
        "",
    ),
    Break(
        "memory-unlocked",
        "Two dates that freeze at the same moment do not see each other's trades.",
        COMPUTE,
        "        lock_trades(tx, desk.partner.name)\n",
        "",
    ),
    Break(
        "gone-is-forgotten",
        "A trade that went from a settled date is nobody's: the next date settles it again.",
        MEMORY,
        "        gone = np.setdiff1d(held, now, assume_unique=True)\n",
        "        gone = NONE\n",
    ),
    Break(
        "free-before-taken-back",
        "While money is still on its way back, the trade is settled under its new date.",
        MEMORY,
        "            becomes = Role.TAKEN_BACK if take_back else role\n",
        "            if take_back:\n                return\n            becomes = role\n",
    ),
    Break(
        "holes-not-looked-for",
        "After a lost ledger, a trade that moved from a settled date is settled again.",
        FORGOTTEN,
        "_may_be_gone(fresh.trades, change) if change and not all_its_own else NONE\n",
        "NONE\n",
    ),
    Break(
        "twins-not-looked-for",
        "After a lost ledger, a trade that is there twice is settled under both dates.",
        FORGOTTEN,
        "            twins = members(fresh.ids.hashes, past_ids.hashes)\n",
        "            twins = NONE\n",
    ),
    Break(
        "found-later-ignored",
        "A settlement found after the trades were read: whose these were is never asked.",
        "include/settlement/steps/build.py",
        "        if found_since(tx, desk.partner.name, business_date, look_back, taken_at):\n",
        "        if False:\n",
    ),
    Break(
        "read-before-taken-for-asked",
        "What a date read before a settlement was found elsewhere is settled under both.",
        "include/settlement/steps/own_trades.py",
        "members(known if news else claimed, before.read)",
        "members(claimed, before.read)",
    ),
    Break(
        "remembers-what-came-since",
        "A trade that moved into a date of a lost ledger is taken for its own, and settled twice.",
        FORGOTTEN,
        "settled.frozen and not _has_more(past, settled)\n",
        "settled.frozen\n",
    ),
    Break(
        "twins-taken-for-read",
        "Who settled a trade because another window had it too has it settled after it was read.",
        OWN,
        '                *(f"read by {day}" for day in sorted(read_by & self.held.keys())),\n',
        "",
    ),
    Break(
        "late-commit-hides-an-edit",
        "Beside a trade that was committed late, a deleted or edited one moves money unasked.",
        "include/settlement/steps/history.py",
        "        change = _change(ledger, WithoutTrades(reading, added), previous,"
        " previous.watermark)\n",
        "        change = None\n",
    ),
    Break(
        "recorded-ahead-accepted",
        "One recorded_at in 2031, and no late trade of that date is noticed any more.",
        COMPUTE,
        "    _require_recorded_by_now(fresh.trades, frozen, ledger.now())\n",
        "",
    ),
    Break(
        "decimals-unbound",
        "One digit edited in the partner file moves a hundred times the amount.",
        "include/settlement/ledger/bound_currencies.py",
        "    if conflict is not None:\n"
        "        raise BindingConflictError(conflict, partner=partner.name)\n",
        "",
    ),
)
