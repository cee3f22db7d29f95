"""A second partner, whose clients may dispute: what it settles is pending until its windows end."""

from __future__ import annotations

import json
from datetime import timedelta

from partner_sandbox.demo_trades import seed_day
from partner_sandbox.demo_world import (
    DEMO_CURRENCIES,
    DEMO_ENTERPRISE,
    DEMO_TOKEN,
    demo_connections,
    demo_world_with_disputes,
)
from partner_sandbox.world import Partner, Token
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import load_partner
from settlement.partner.profile import DisputeWindows
from settlement_airflow.up.place import FIRST_DATE, Place

DISPUTING = "disputing"
DISPUTING_DAG = f"settle_{DISPUTING}"
ENTERPRISE = "disputing-enterprise"
TOKEN = f"{DEMO_TOKEN}-disputing"
"""Begins with the demo's, so that whoever searches for that one finds this one too."""
WINDOWS = DisputeWindows(dispute=timedelta(minutes=60), top_up=timedelta(minutes=30))
CONNECTIONS = demo_connections(106)[100:]
"""Clients that the demo has not."""
KEYS = """\
api_version = "v2"
api_conn_id = "disputing_api"
"""


def disputing_partner(public_key: str) -> Partner:
    """An hour for disputes, half an hour to top up."""
    (demo,) = demo_world_with_disputes().partners
    return demo.changed(
        name=DISPUTING,
        enterprise_id=ENTERPRISE,
        public_key=public_key,
        tokens=(Token(value=TOKEN, user_id=DISPUTING),),
        connections=CONNECTIONS,
    )


def prepare_disputing(place: Place, trades: int) -> dict[str, str]:
    """Its partner file, from the newest date on, and that date's trades; its Airflow connection."""
    partners, day = place.home / "partners", place.days[-1]
    demo = (partners / "demo.toml").read_text().replace(DEMO_ENTERPRISE, ENTERPRISE)
    dated = FIRST_DATE.sub(f"first_business_date = {day.isoformat()}", demo)
    (partners / f"{DISPUTING}.toml").write_text(KEYS + dated)
    window = BusinessCalendar(load_partner(DISPUTING, partners)).window(day)
    clients = [each.id for each in CONNECTIONS]
    warehouse = place.home / "warehouse.duckdb"
    seed_day(warehouse, DISPUTING, window, clients, DEMO_CURRENCIES, trades=trades)
    demo_api = json.loads(place.environment["AIRFLOW_CONN_PARTNER_API"])
    return {"AIRFLOW_CONN_DISPUTING_API": json.dumps({**demo_api, "password": TOKEN})}
