"""`SOH_HOME`: the folder with all state of one running copy, and what must be remembered in it."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from soh.errors import BadInput
from soh.local import profile as profiles
from soh.local.ports import DEFAULT_BASE, Ports
from soh.local.profile import STANDARD, Profile
from soh.settings import Endpoints, Secrets, Settings

SECRETS = (
    *("airflow_admin", "airflow_viewer", "airflow_db", "catalog_db", "postgres", "api_secret", "jwt_secret"),
    *("registry_db", "s3_access_key", "s3_secret_key", "tsdb_admin", "tsdb_writer", "tsdb_reader"),
)


@dataclass(frozen=True, kw_only=True)
class Home:
    """Paths, ports, addresses and secrets of one copy."""

    path: Path
    port_base: int
    profile: Profile = STANDARD

    @classmethod
    def of(cls, settings: Settings) -> Home:
        """The copy that the settings name; a port base given once is remembered, and so is a profile."""
        remembered = settings.home / "port_base"
        if settings.port_base is not None:
            base = settings.port_base
        elif remembered.exists():
            base = int(remembered.read_text())
        else:
            base = DEFAULT_BASE
        return cls(path=settings.home, port_base=base, profile=profiles.remembered(settings.home))

    def with_profile(self, name: str | None) -> Home:
        """This copy with the profile that was asked for, if any.

        Raises BadInput for an unknown one, and for another one than that of the data which is there already.
        """
        if name is None or name == self.profile.name:
            return self
        asked = profiles.named(name)
        if any(self.data.glob("kafka-*/meta.properties")):
            raise BadInput(
                f"{self.path} holds data of the profile {self.profile.name}, and brokers keep their number: "
                f"{len(self.profile.brokers)}, not {len(asked.brokers)}. ./soh down --purge forgets the data, then "
                f"./soh up --profile {name} starts anew; or name another folder with SOH_HOME"
            )
        return replace(self, profile=asked)

    def make(self) -> None:
        """Make the folders; PostgreSQL's user must be able to pass through, so the top is not closed."""
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in (self.conf, self.logs, self.data, self.temporary, self.airflow):
            folder.mkdir(exist_ok=True)
        for folder in (self.conf, self.logs, self.airflow):
            folder.chmod(0o700)
        (self.path / "port_base").write_text(str(self.port_base))
        (self.path / "profile").write_text(self.profile.name)
        known = json.loads(self._secrets_file.read_text()) if self._secrets_file.exists() else {}
        if missing := {name: secrets.token_urlsafe(24) for name in SECRETS if name not in known}:
            self._write_private(self._secrets_file, json.dumps(known | missing))

    @property
    def conf(self) -> Path:
        return self.path / "conf"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def airflow(self) -> Path:
        return self.path / "airflow"

    @property
    def fleet_state(self) -> Path:
        return self.data / "fleet"

    @property
    def s3_data(self) -> Path:
        """Folder of the object store, with a folder for each bucket."""
        return self.data / "s3"

    @property
    def tsdb_data(self) -> Path:
        return self.data / "influxdb"

    @property
    def temporary(self) -> Path:
        """What Java servers unpack for themselves."""
        return self.data / "tmp"

    @property
    def hadoop_conf(self) -> Path:
        """What clients of HDFS and YARN read (`HADOOP_CONF_DIR`)."""
        return self.conf / "hadoop"

    @property
    def endpoints_file(self) -> Path:
        return self.path / "endpoints.json"

    @property
    def supervisor_socket(self) -> Path:
        """A Unix socket's path has 107 bytes at most, so a deep folder gets one in /tmp."""
        near = self.path / "supervisor.sock"
        if len(os.fsencode(near)) < 100:
            return near
        return Path("/tmp") / f"soh-{self._digest}.sock"  # noqa: S108

    @cached_property
    def postgres_data(self) -> Path:
        """Folder of the PostgreSQL cluster, where its user can reach it.

        As root the server runs as `postgres`, which cannot pass a closed parent such as /root.
        """
        closed = [folder for folder in (self.path, *self.path.parents) if folder.exists() and not _passable(folder)]
        if os.geteuid() == 0 and closed:
            return Path("/var/lib/soh") / self._digest / "postgres"
        return self.data / "postgres"

    @property
    def server_user(self) -> str:
        return getpass.getuser()

    @property
    def postgres_user(self) -> str:
        """The account that PostgreSQL runs under; it refuses root."""
        return "postgres" if os.geteuid() == 0 else self.server_user

    @cached_property
    def ports(self) -> Ports:
        return Ports.block(self.port_base)

    @cached_property
    def secrets(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._secrets_file.read_text())
        return found

    @cached_property
    def endpoints(self) -> Endpoints:
        ports = self.ports
        return Endpoints(
            kafka=",".join(f"127.0.0.1:{getattr(ports, f'kafka_{broker}')}" for broker in self.profile.brokers),
            webhdfs=f"http://127.0.0.1:{ports.namenode_http}",
            hdfs=f"hdfs://127.0.0.1:{ports.namenode}",
            hdfs_user=self.server_user,
            yarn=f"http://127.0.0.1:{ports.yarn_http}",
            catalog_host="127.0.0.1",
            catalog_port=ports.postgres,
            catalog_database="lake_catalog",
            catalog_user="lake_catalog",
            airflow=f"http://127.0.0.1:{ports.airflow}",
            registry_host="127.0.0.1",
            registry_port=ports.postgres,
            registry_database="model_registry",
            registry_user="model_registry",
            s3=f"http://127.0.0.1:{ports.s3}",
            models="s3://soh-models",
            lake_bucket="s3://lake",
            tsdb=f"http://127.0.0.1:{ports.tsdb}",
            tsdb_database="soh",
        )

    @property
    def app_secrets(self) -> Secrets:
        """What Spark apps must know beside the addresses."""
        return Secrets(
            catalog_password=self.secrets["catalog_db"],
            registry_password=self.secrets["registry_db"],
            s3_access_key=self.secrets["s3_access_key"],
            s3_secret_key=self.secrets["s3_secret_key"],
        )

    def write_private(self, name: str, text: str) -> Path:
        """Write a configuration file that only its owner can read."""
        path = self.conf / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write_private(path, text)
        return path

    def purge(self) -> None:
        """Forget everything: data, secrets, configuration."""
        if self.postgres_data != self.data / "postgres":
            shutil.rmtree(self.postgres_data.parent, ignore_errors=True)
        shutil.rmtree(self.path, ignore_errors=True)

    @staticmethod
    def _write_private(path: Path, text: str) -> None:
        partial = path.with_name(f".{path.name}.partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        partial.replace(path)

    @property
    def _secrets_file(self) -> Path:
        return self.path / "secrets.json"

    @property
    def _digest(self) -> str:
        return hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]


def _passable(folder: Path) -> bool:
    return bool(folder.stat().st_mode & 0o001)
