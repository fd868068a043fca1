"""Where things are: the only reader of the environment, and the addresses every part is given."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from soh.errors import BadInput

PROJECT = Path(__file__).resolve().parents[2]
S3_REGION = "us-east-1"
"""Any one: the object store is not in a region, but requests are signed for one."""


def child_environment(**changes: str) -> dict[str, str]:
    """Environment for a process that we start: ours, with `changes`."""
    return {**os.environ, **changes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person may set from outside; everything else is derived from it."""

    home: Path
    """State of one running copy: configuration, logs, data folders of its servers (`SOH_HOME`)."""
    port_base: int | None
    """First of the block of ports this copy listens on (`SOH_PORT_BASE`); None keeps what `home` holds."""
    data: Path
    """Folder with recorded sensor data (`SOH_DATA`)."""

    @classmethod
    def from_environment(cls) -> Settings:
        port_base = os.environ.get("SOH_PORT_BASE")
        if port_base is not None and not port_base.isdigit():
            raise BadInput(f"SOH_PORT_BASE is {port_base!r}; it must be a port number such as 21000")
        return cls(
            home=Path(os.environ.get("SOH_HOME", PROJECT / ".runtime")).expanduser().absolute(),
            port_base=int(port_base) if port_base else None,
            data=Path(os.environ.get("SOH_DATA", PROJECT.parent / "shared" / "data")).expanduser().absolute(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What Spark apps must know beside the addresses; never printed."""

    catalog_password: str = field(repr=False)
    registry_password: str = field(repr=False)
    s3_access_key: str = field(repr=False)
    s3_secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses of the platform's servers, without secrets.

    Airflow builds it from its connections (`soh.orchestration.connections`), `./soh` reads the
    copy that `./soh up` left in `SOH_HOME`.
    """

    kafka: str
    """`host:port,...` of the brokers."""
    webhdfs: str
    """`http://host:port` of the NameNode."""
    hdfs: str
    """`hdfs://host:port`, the prefix of every path."""
    hdfs_user: str
    yarn: str
    """`http://host:port` of the ResourceManager."""
    catalog_host: str
    catalog_port: int
    catalog_database: str
    catalog_user: str
    airflow: str
    """`http://host:port` of the Airflow api-server."""
    registry_host: str
    registry_port: int
    registry_database: str
    registry_user: str
    s3: str
    """`http://host:port` of the object store."""
    models: str
    """`s3://bucket`, where artefacts of models lie."""
    lake_bucket: str
    """`s3://bucket` of the landing and of the lake's tables on S3."""
    tsdb: str
    """`http://host:port` of InfluxDB."""
    tsdb_database: str

    ROOT: ClassVar[str] = "/soh"

    @property
    def warehouse(self) -> str:
        """Root of the Iceberg tables, as a URI."""
        return f"{self.hdfs}{self.ROOT}/warehouse"

    @classmethod
    def checkpoints(cls) -> str:
        """Folder of all checkpoints: a path on HDFS, without the scheme."""
        return f"{cls.ROOT}/checkpoints"

    @classmethod
    def checkpoint(cls, stream: str) -> str:
        """Checkpoint folder of a stream: its path on HDFS, without the scheme."""
        return f"{cls.checkpoints()}/{stream}"

    @classmethod
    def models_in_use(cls) -> str:
        """Folder on HDFS where each scoring stream says which model it grades with."""
        return f"{cls.ROOT}/models_in_use"

    @classmethod
    def model_in_use(cls, stream: str) -> str:
        """What one scoring stream says, as JSON: a path on HDFS."""
        return f"{cls.models_in_use()}/{stream}.json"

    def batch_result(self, run_id: str) -> str:
        """Path on HDFS where a batch app leaves its figures for the Dag run that started it."""
        return f"{self.ROOT}/results/{run_id}.json"

    @classmethod
    def training_results(cls, run_id: str) -> str:
        """Folder on HDFS where a training app leaves what came of each fleet's training, for the same."""
        return f"{cls.ROOT}/results/{run_id}"

    @classmethod
    def training_result(cls, run_id: str, fleet: str) -> str:
        """What came of one fleet's training, as JSON: a path on HDFS."""
        return f"{cls.training_results(run_id)}/{fleet}.json"

    @property
    def catalog_jdbc(self) -> str:
        return f"jdbc:postgresql://{self.catalog_host}:{self.catalog_port}/{self.catalog_database}"

    @property
    def registry(self) -> dict[str, Any]:
        """Where the model registry is, by the names that its reader takes; the password comes on top."""
        return {
            "host": self.registry_host,
            "port": self.registry_port,
            "database": self.registry_database,
            "user": self.registry_user,
        }

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Endpoints:
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            raise BadInput(f"{path} is missing: nothing is set up in {path.parent}; run ./soh up first") from None
        except (TypeError, ValueError) as error:
            raise BadInput(f"{path} is not the list of addresses that ./soh up writes: {error}") from None
