"""All breaks of the mutation check, in the order of the table."""

from __future__ import annotations

from mutation.evidence import EVIDENCE
from mutation.owed import OWED
from mutation.refusals import REFUSALS
from mutation.sending import SENDING
from mutation.trades import TRADES
from mutation.warehouse import WAREHOUSE

BREAKS = (*SENDING, *REFUSALS, *EVIDENCE, *OWED, *TRADES, *WAREHOUSE)
