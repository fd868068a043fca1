"""The page's app as Airflow mounts it, asked over ASGI by users of Airflow's own auth manager."""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.fakes import airflow_home

airflow_home.prepare()

with warnings.catch_warnings():
    # One of Airflow's libraries imports a test client that warns of its own future.
    warnings.simplefilter("ignore")
    import airflow.api_fastapi.core_api.security  # noqa: F401


@dataclass(frozen=True)
class Visitor:
    """Somebody with a browser: a cookie, or none."""

    app: Any
    cookies: dict[str, str]

    def ask(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        async def asking() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://airflow", cookies=self.cookies
            ) as client:
                return await client.request(method, path, **options)

        return asyncio.run(asking())


@pytest.fixture
def app(connections):
    """The page of a platform whose servers are all down, but for a YARN and HDFS that know nothing."""
    from airflow import settings
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.models.revoked_token import RevokedToken

    from soh.orchestration.views.app import build
    from soh.orchestration.views.fleet_page import FleetPage
    from soh.orchestration.views.servers import Servers

    # Airflow looks up there whether a token was signed out.
    RevokedToken.__table__.create(settings.get_engine(), checkfirst=True)
    create_auth_manager()
    return build(FleetPage(Servers(), patience=timedelta(seconds=0.3)))


@pytest.fixture
def anonymous(app):
    return Visitor(app, {})


@pytest.fixture
def viewer(app):
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username="viewer", role="viewer")
    return Visitor(app, {COOKIE_NAME_JWT_TOKEN: get_auth_manager().generate_jwt(user)})
