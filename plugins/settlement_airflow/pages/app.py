"""The application of the settlement pages. Every route is a GET, for people who are logged in.

What changes something goes to Airflow's own REST API, from the person's browser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI, HTTPException, Request, Response, status
from fastapi.responses import FileResponse, HTMLResponse

from settlement.errors import ConfigurationError, SettlementError
from settlement_airflow.pages import partner_routes, request_routes, tab_routes
from settlement_airflow.pages.markdown import runbook_page
from settlement_airflow.pages.render import page_of
from settlement_airflow.pages.shown import HERE

STATIC = {"style.css": "text/css", "script.js": "text/javascript"}
GUARDS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; frame-ancestors 'self'; form-action 'none'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Nothing from elsewhere is loaded, and nothing that a text may contain is run."""

app = FastAPI(
    title="Settlement pages",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(requires_access_view(AccessView.PLUGINS))],
)
for each in (partner_routes, request_routes, tab_routes):
    app.include_router(each.routes)


@app.middleware("http")
async def guarded(request: Request, call_next: Callable[[Request], Any]) -> Response:
    """Each answer says what a browser may do with it."""
    response: Response = await call_next(request)
    for name, value in GUARDS.items():
        response.headers[name] = value
    return response


@app.exception_handler(SettlementError)
def told(_: Request, error: SettlementError) -> HTMLResponse:
    """What is wrong, as a page: no ledger, no such request, a wrong partner file."""
    missing = isinstance(error, ConfigurationError)
    code = status.HTTP_404_NOT_FOUND if missing else status.HTTP_503_SERVICE_UNAVAILABLE
    return page_of("trouble.html", {"error": error}, code)


@app.get("/runbooks/{name}")
def runbook(name: str) -> HTMLResponse:
    """A runbook with a table of contents; its sections can be linked to."""
    page = runbook_page(name)
    if page is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such runbook")
    return page_of("runbook.html", {"runbook": page})


@app.get("/static/{name}")
def static(name: str) -> FileResponse:
    """Style and script."""
    if name not in STATIC:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such file")
    return FileResponse(HERE / "static" / name, media_type=STATIC[name])
