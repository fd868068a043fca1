"""Writing to the model registry, through MLflow's own client straight to its database: no server in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from mlflow.entities import Metric, Param
from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.telemetry import set_telemetry_client
from mlflow.tracking import MlflowClient
from pyspark.sql import SparkSession
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from soh.classifier.registry import PROMOTED_AT
from soh.errors import ServerUnreachable
from soh.specs.models import CHAMPION, ModelSpec

MLFLOW_DISABLE_TELEMETRY.set(True)
# The client that the import made would report to its makers what is registered.
set_telemetry_client()


class Enrolment:
    """Registers versions of models. Every method raises ServerUnreachable when the database does not answer."""

    def __init__(self, uri: URL, artefacts: str) -> None:
        """`uri` of the database, its password included; `artefacts`: `s3://bucket`, the home of what runs produce."""
        self._address = uri.render_as_string(hide_password=True)
        self._artefacts = artefacts
        text = uri.render_as_string(hide_password=False)
        with self._asking("be opened"):
            self._client = MlflowClient(tracking_uri=text, registry_uri=text)

    def register(
        self,
        spec: ModelSpec,
        artefact: str,
        trained_at: datetime,
        *,
        parameters: Mapping[str, object],
        metrics: Mapping[str, float],
        tags: Mapping[str, object],
    ) -> int:
        """Note one training as a run and its artefact (a URI) as the next version of the model; returns its number."""
        with self._asking(f"take a version of {spec.name}"):
            run = self._client.create_run(
                self._experiment(spec.name), start_time=_milliseconds(trained_at), run_name=trained_at.isoformat()
            )
            self._client.log_batch(
                run.info.run_id,
                metrics=[Metric(key, value, _milliseconds(trained_at), 0) for key, value in metrics.items()],
                params=[Param(key, str(value)) for key, value in parameters.items()],
            )
            self._client.set_terminated(run.info.run_id)
            self._ensure_model(spec)
            version = self._client.create_model_version(
                spec.name,
                artefact,
                run_id=run.info.run_id,
                tags={key: str(value) for key, value in tags.items()},
                await_creation_for=0,
            )
            return int(version.version)

    def promote(self, spec: ModelSpec, version: int) -> None:
        """Make a version the champion: from then on it grades."""
        with self._asking(f"make version {version} of {spec.name} the champion"):
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._client.set_model_version_tag(spec.name, str(version), PROMOTED_AT, now)
            self._client.set_registered_model_alias(spec.name, CHAMPION, str(version))

    def _experiment(self, name: str) -> str:
        if found := self._client.get_experiment_by_name(name):
            return str(found.experiment_id)
        return self._client.create_experiment(name, artifact_location=f"{self._artefacts}/{name}")

    def _ensure_model(self, spec: ModelSpec) -> None:
        try:
            self._client.create_registered_model(spec.name, description=spec.description)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        try:
            yield
        except (MlflowException, SQLAlchemyError) as error:
            raise ServerUnreachable(f"the model registry at {self._address} did not {what}: {error}") from error


def enrolment(spark: SparkSession) -> Enrolment:
    """The registry in the app's Spark settings. Raises ServerUnreachable."""
    conf = spark.conf
    uri = URL.create(
        "postgresql+psycopg2",
        username=conf.get("spark.soh.registry.user"),
        password=conf.get("spark.soh.registry.password"),
        host=conf.get("spark.soh.registry.host"),
        port=int(conf.get("spark.soh.registry.port")),
        database=conf.get("spark.soh.registry.database"),
    )
    return Enrolment(uri, conf.get("spark.soh.models"))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
