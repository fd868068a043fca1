"""Routes of the page Fleet: GET only, all of them behind the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from soh.orchestration.views.fleet_page import FleetPage
from soh.orchestration.views.gate import SignedInOnly
from soh.orchestration.views.history import Span
from soh.specs import FLEETS

STATIC = Path(__file__).with_name("static")


def build(page: FleetPage) -> FastAPI:
    """The page's app; its pages of documentation are off, since they fetch scripts from elsewhere."""
    app = FastAPI(title="Fleet", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(SignedInOnly)

    @app.get("/", include_in_schema=False)
    def html() -> FileResponse:
        return FileResponse(STATIC / "fleet.html", media_type="text/html")

    # Not `async`: both wait for servers, in threads of their own.
    @app.get("/api/overview")
    def overview() -> dict[str, Any]:
        return page.overview()

    @app.get("/api/fleets/{fleet}/facilities/{facility}")
    def history(
        fleet: str,
        facility: Annotated[int, InPath(ge=0, lt=2**63)],
        span: Annotated[Span, Query()] = Span.HOUR,
    ) -> dict[str, Any]:
        if fleet not in FLEETS:
            raise HTTPException(404, f"no fleet {fleet!r}; there are {', '.join(FLEETS)}")
        return page.history(FLEETS[fleet], facility, span)

    app.mount("/static", StaticFiles(directory=STATIC))
    return app
