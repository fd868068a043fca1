"""What the tests of the containers share: the compose file as docker resolves it, and the services of one machine."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import compose
import pytest

from soh.local.home import Home
from soh.local.options import FleetOptions
from soh.local.services import Service, all_services
from soh.settings import PROJECT

COMPOSE = Path(compose.__file__).parent / "docker-compose"
"""The real thing: the wrapper that lies on PATH ends with 0 whatever happens."""
SECRETS = re.findall(r"^([A-Z][A-Z0-9_]+)=$", (PROJECT / ".env.example").read_text(), re.M)


def config(secrets: dict[str, str], *arguments: str, file: Path = PROJECT / "docker-compose.yml"):
    """`docker compose config` with these variables and no others."""
    command = (COMPOSE, "--env-file", "/dev/null", "--file", file, "--profile", "recorded", "config", *arguments)
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", **secrets}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def load(name: str) -> ModuleType:
    """A script of the folder `docker`, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docker_{name}", PROJECT / "docker" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def model() -> dict[str, Any]:
    """The compose file as docker reads it."""
    done = config(dict.fromkeys(SECRETS, "fake"), "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def services(model) -> dict[str, Any]:
    return model["services"]


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Home:
    folder = tmp_path_factory.mktemp("home")
    made = Home(path=folder, port_base=22000)
    made.make()
    return made


@pytest.fixture(scope="session")
def local(home) -> dict[str, Service]:
    """The services of one machine by name."""
    return {service.name: service for service in all_services(home, FleetOptions(data="/data"))}


@pytest.fixture(scope="session")
def init() -> ModuleType:
    """The set-up that the containers run once."""
    return load("init")
