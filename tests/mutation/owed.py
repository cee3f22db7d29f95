"""Breaks of what is owed, and of the slot that carries it."""

from __future__ import annotations

from mutation.definition import Break

DIFFERENCE = "include/settlement/slot/difference.py"
FOLD = "include/settlement/slot/state.py"

OWED = (
    Break(
        "in-flight-not-counted",
        "What is under way counts as still owed, and is sent again under the next id.",
        FOLD,
        "IN_EFFECT = OPEN | {State.COMPLETED}\n",
        "IN_EFFECT = frozenset({State.COMPLETED})\n",
    ),
    Break(
        "refused-id-burned",
        "A refused slot is not filled again: its amounts leave the partner's fence behind.",
        FOLD,
        "FREE = frozenset({State.PREPARED, State.REFUSED, State.WITHDRAWN})\n",
        "FREE = frozenset({State.PREPARED, State.WITHDRAWN})\n",
    ),
    Break(
        "free-slots-left-behind",
        "New slots are opened above a refused one: what is under way there has no fence.",
        DIFFERENCE,
        "    free = [slot.external_id for slot in slots if slot.free]\n",
        "    free: list[str] = []\n",
    ),
    Break(
        "highest-number-plus-one",
        "After a lost ledger a gap in the numbers stays: a request under way there has no fence.",
        "include/settlement/request/external_id.py",
        "    for n in count(1):\n",
        "    found = [parse_external_id(each) for each in taken]\n"
        "    for n in count(1 + max((each.n for each in found if each), default=0)):\n",
    ),
    Break(
        "against-an-open-slot",
        "Money is taken back that is not booked yet: if it never is, a client is charged for it.",
        DIFFERENCE,
        "    return any(other * amount < 0 for other in held)\n",
        "    return False\n",
    ),
    Break(
        "history-ignored",
        "A half-loaded warehouse takes back what was settled yesterday.",
        "include/settlement/warehouse/history.py",
        "    if previous_count == count_until and not changed:\n",
        "    if True:\n",
    ),
    Break(
        "window-from-the-file",
        "A new ledger takes windows from the edited partner file: trades settle on two dates.",
        "include/settlement/steps/compute.py",
        "    _learn_windows(desk, business_date)\n",
        "",
    ),
    Break(
        "window-recomputed",
        "An edit of the partner file moves a settled date's window: trades settle on two dates.",
        "include/settlement/ledger/dates.py",
        "    return FrozenDate(partner, business_date, frozen.window, generation)\n",
        "    window = BusinessCalendar(partner_file).window(business_date)\n"
        "    return FrozenDate(partner, business_date, window, generation)\n",
    ),
    Break(
        "cut-off-on-both-sides",
        "A trade at the very cut-off belongs to two dates.",
        "include/sql/trades.sql",
        "executed_at < :window_end",
        "executed_at <= :window_end",
    ),
    Break(
        "house-ignored",
        "Clients' positions that do not cancel out against the house's are paid nevertheless.",
        "include/settlement/steps/compute.py",
        "    require_balanced(positions.sums, reading.house_positions())\n",
        "    require_balanced({}, {})\n",
    ),
    Break(
        "float-in-the-ledger",
        "Amounts above 2^53 base units (a hundredth of an ether) lose their last digits.",
        "include/settlement/ledger/schema.py",
        "        return Decimal(value)\n",
        "        return Decimal(float(value))\n",
    ),
)
