"""Breaks of how the warehouse is read, and of what the watch compares in it."""

from __future__ import annotations

from mutation.definition import Break

NAMES = "include/sql/exact_trades.sql"
COMPARISON = "include/settlement/watch/date_changes.py"
CHECKS = "include/settlement/watch/checks.py"

WAREHOUSE = (
    Break(
        "taken-over-unbound",
        "After a lost ledger, an edit of decimals turns what is sent next into another amount.",
        "include/settlement/steps/listing.py",
        "            bind_decimals(tx, desk.partner, evidence.currencies, desk.actor)\n",
        "",
    ),
    Break(
        "names-compared-by-the-database",
        "A currency in a column that ignores case passes every check as btc, past BTC's limits.",
        NAMES,
        '    CAST(base_currency AS VARCHAR) COLLATE "C" AS base_currency,\n',
        "    base_currency,\n",
    ),
    Break(
        "ids-compared-by-the-database",
        "Two trades whose ids differ in case only are one trade to a column that ignores it.",
        NAMES,
        '    CAST(trade_id AS VARCHAR) COLLATE "C" AS trade_id,\n',
        "    trade_id,\n",
    ),
    Break(
        "repetitions-accepted",
        "A trade that is there twice in its window is settled twice.",
        "include/settlement/warehouse/hashed_ids.py",
        "    repeated = ids.repeated()\n",
        "    repeated = NONE\n",
    ),
    Break(
        "trades-not-copied",
        "A file that arrives between two questions is in the positions and in no check.",
        "include/settlement/warehouse/one_state.py",
        "    return all(_is_own_table(leaf, database) for node in nodes",
        "    return True or all(_is_own_table(leaf, database) for node in nodes",
    ),
    Break(
        "fees-in-the-quote-currency",
        "A commission of 12.50 BNB is settled as 12.50 USD.",
        "include/sql/net_positions.sql",
        "    SELECT buyer_connection_id, buyer_fee_currency, -buyer_fee\n",
        "    SELECT buyer_connection_id, quote_currency, -buyer_fee\n",
    ),
    Break(
        "counts-not-compared",
        "Trades that cancel out come to a settled date, and the watch says nothing.",
        COMPARISON,
        "        return self.same_positions and (\n",
        "        return self.same_positions or (\n",
    ),
    Break(
        "positions-not-compared",
        "A settled trade is edited, and the watch says nothing.",
        COMPARISON,
        "        return self.same_positions and (\n"
        "            self.count.trades == self.count.read == self.snapshot.trade_count\n"
        "        )\n",
        "        return self.count.trades == self.count.read == self.snapshot.trade_count\n",
    ),
    Break(
        "uncovered-not-looked-for",
        "A trade executed in 1970 or 2126 is never settled, and nobody hears of it.",
        CHECKS,
        '    Check("trades that no date covers", read_uncovered, uncovered_trades),\n',
        "",
    ),
    Break(
        "runs-for-any-change",
        "The watch starts a run for trades that are another date's, or beside an edit.",
        "include/settlement/watch/trade_changes.py",
        "            settles_by_itself=not undecided and not self._others,\n",
        "            settles_by_itself=True,\n",
    ),
    Break(
        "repeated-hour-settled-once",
        "In an hour that the clocks repeat, a run settles another date than its own.",
        "include/settlement/config/calendar.py",
        "            if instant in {self.cut_off(near), self.scheduled_at(near)}:\n",
        "            if instant == self.cut_off(near):\n",
    ),
)
