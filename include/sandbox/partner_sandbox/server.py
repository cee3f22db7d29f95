"""The sandbox behind HTTP, and the command that starts it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI

from partner_sandbox.connection_dropping import (
    DroppingProtocol,
    Receive,
    Scope,
    Send,
    drop_connection,
)
from partner_sandbox.control import control_routes
from partner_sandbox.core import Sandbox
from partner_sandbox.defaults import DEFAULT_HOST, DEFAULT_PORT, DEFAULT_WORLD
from partner_sandbox.messages import ConnectionDropped, Request, Response
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from partner_sandbox.world import World
from partner_sandbox.worlds import WORLDS, world_called

_log = logging.getLogger("partner_sandbox")


class _PartnerApi:
    """The partner API as an ASGI application: whatever the control routes do not answer."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = _request(scope, await _body(receive))
        try:
            response = self._sandbox.handle(request)
        except ConnectionDropped as drop:
            _log.info("%s %s: %s", request.method, request.path, drop)
            await drop_connection(scope, receive)
            return
        await _send(response, send)


def create_app(sandbox: Sandbox) -> FastAPI:
    """Return the sandbox as an application; drops need `serve`, or http=DroppingProtocol."""
    app = FastAPI(title="Partner API sandbox", openapi_url=None, redirect_slashes=False)
    app.include_router(control_routes(sandbox))
    app.mount("/", _PartnerApi(sandbox))
    return app


def serve(
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    store_path: Path | None = None,
    world: World | None = None,
) -> None:
    """Serve a sandbox until interrupted; without a path, it forgets everything at the end."""
    store = Store(store_path)
    sandbox = Sandbox(
        store, lambda: datetime.now(UTC), Settings(), world or world_called(DEFAULT_WORLD)
    )
    try:
        uvicorn.run(
            create_app(sandbox), host=host, port=port, http=DroppingProtocol, log_level="info"
        )
    finally:
        store.close()


@contextmanager
def running(sandbox: Sandbox, host: str = DEFAULT_HOST, port: int = 0) -> Iterator[str]:
    """Serve a sandbox from a thread and give its base URL; port 0 takes any free one."""
    config = uvicorn.Config(
        create_app(sandbox),
        http=DroppingProtocol,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server((host, port)) as listening:
        # clients may connect at once: they queue up until the server has started
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://{host}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m partner_sandbox`; returns 2 for a world or store file that cannot be read."""
    parser = argparse.ArgumentParser(
        prog="partner_sandbox",
        description="A stand-in for the partner API to rehearse settlements with.",
    )
    parser.add_argument("--host", default=DEFAULT_HOST)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--store", type=Path, help="SQLite file; in memory if left out")
    parser.add_argument(
        "--world", default=DEFAULT_WORLD, help=f"{', '.join(WORLDS)}, or a file of TOML"
    )
    arguments = parser.parse_args(argv)
    try:
        world = world_called(arguments.world)
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"{arguments.world}: {problem}\n")
        return 2
    try:
        serve(arguments.host, arguments.port, arguments.store, world)
    except sqlite3.Error as problem:
        sys.stderr.write(f"{arguments.store}: {problem}; name a new file or an earlier store\n")
        return 2
    return 0


def _request(scope: Scope, body: bytes) -> Request:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Request(scope["method"], scope["path"], query, headers, body)


async def _body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _send(response: Response, send: Send) -> None:
    await asyncio.sleep(response.delay_seconds)
    headers = {**response.headers, "Content-Length": str(len(response.body))}
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    if response.drip_seconds:
        pause = response.drip_seconds / max(len(response.body), 1)
        for position in range(len(response.body)):
            await send(_part(response.body[position : position + 1], more=True))
            await asyncio.sleep(pause)
        await send(_part(b"", more=False))
    else:
        await send(_part(response.body, more=False))


def _part(body: bytes, *, more: bool) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": more}
