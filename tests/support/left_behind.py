"""Everything that a run leaves behind, and every form in which a secret could show in it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL, create_engine, inspect, text

from partner_sandbox.demo_world import DEMO_TOKEN
from settlement.signing.extended_key import private_key_of
from support.encrypted_key import ENCRYPTED_KEY

HEX_BYTES = re.compile(r"\\\\x([0-9a-f]+)")


def secrets() -> dict[str, bytes]:
    """Every form in which a secret of this run could show."""
    key = private_key_of(ENCRYPTED_KEY.xprv).secret
    return {
        "token": DEMO_TOKEN.encode(),
        "authorization header": b"Bearer ",
        "xprv": ENCRYPTED_KEY.xprv.encode(),
        "passphrase": ENCRYPTED_KEY.passphrase.encode(),
        "raw key in hex": key.hex().encode(),
        "raw key in base64": base64.b64encode(key),
        "raw key in url-safe base64": base64.urlsafe_b64encode(key).rstrip(b"="),
        "raw key": key,
        "encrypted key": json.loads(ENCRYPTED_KEY.encrypted_xprv)["ct"].encode(),
    }


def rows_of(url: URL) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of a database as text; what is stored as bytes is decoded too."""
    engine = create_engine(url)
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            for (row,) in connection.execute(text(f'SELECT row_to_json(t)::text FROM "{table}" t')):
                decoded = b"".join(bytes.fromhex(found) for found in HEX_BYTES.findall(row))
                yield f"{url.database}.{table}", row.encode() + decoded
    engine.dispose()


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every log file."""
    for path in sorted(folder.rglob("*.log")):
        yield str(path.relative_to(folder)), path.read_bytes()
