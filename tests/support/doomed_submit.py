"""A worker of its own process that submits one slot and stops for ever at a given moment.

Usage: python -m support.doomed_submit LEDGER_URL PARTNER_URL EXTERNAL_ID MOMENT
It tells its moments on its standard output.
"""

from __future__ import annotations

import sys

from settlement.ledger.database import Ledger
from settlement.steps.submit import submit_request
from settlement.values import Actor
from support.day import demo_partner, desk_of
from support.doomed import LastMoment
from support.plain_http import PlainHttpApi


def main(ledger_url: str, partner_url: str, external_id: str, last_moment: str) -> None:
    """Submit, as far as it goes."""

    def tell(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    ledger = Ledger.connect(ledger_url)
    api = PlainHttpApi(partner_url, LastMoment(tell, last_moment).passed)
    submit_request(desk_of(ledger, api, demo_partner(), Actor("doomed")), external_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
