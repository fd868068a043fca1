"""What spark-submit is told about an app: derived from its declaration and the cluster's addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from soh.errors import BadInput
from soh.settings import S3_REGION, Endpoints, Secrets
from soh.specs import BatchAppSpec, ScoringStreamSpec, SparkAppSpec, StreamAppSpec
from soh.specs.tables import CATALOG

MEMORY_OVERHEAD = "384m"
"""Beside the heap: metaspace, threads, direct buffers, and the driver's Python."""

SERIAL = "-XX:+UseSerialGC"
"""A small heap and a core, which collectors with threads of their own would only share."""
DRIVER_JAVA = f"{SERIAL} -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=128m"
"""A driver plans a little of everything, seldom twice: compiling that for speed costs more than it ever gives back.
With one compiler Java has room for 48 MiB of code, of which a stream's driver has used 44 after a quarter of an hour.
"""


def spark_settings(
    app: SparkAppSpec,
    endpoints: Endpoints,
    run_tag: str,
    cluster_conf: Mapping[str, str],
    secrets: Secrets,
    *,
    work_tag: str | None = None,
) -> dict[str, str]:
    """Every Spark setting of one launch, the secrets included: for a 0600 properties file only.

    `cluster_conf` holds the cluster's own settings (jars, Python, environment) and cannot overrule
    those on which supervision rests.
    """
    return {
        **_sizes(app),
        **_sql(),
        **cluster_conf,
        **catalog_settings(endpoints, secrets),
        **model_settings(endpoints, secrets),
        **_supervision(app, run_tag, work_tag),
    }


def _sizes(app: SparkAppSpec) -> dict[str, str]:
    return {
        "spark.driver.cores": "1",
        "spark.driver.memory": app.driver_memory,
        "spark.driver.memoryOverhead": MEMORY_OVERHEAD,
        "spark.driver.extraJavaOptions": SERIAL if app.plans_all_the_time else DRIVER_JAVA,
        "spark.dynamicAllocation.enabled": "false",
        "spark.executor.instances": str(app.executors),
        "spark.executor.cores": str(app.executor_cores),
        "spark.executor.memory": app.executor_memory,
        "spark.executor.memoryOverhead": MEMORY_OVERHEAD,
        "spark.executor.extraJavaOptions": executor_java(app),
        "spark.scheduler.mode": "FAIR",
        "spark.sql.shuffle.partitions": str(2 * app.executors * app.executor_cores),
    }


def executor_java(app: SparkAppSpec) -> str:
    """Java's options for the executors of `app`: all of their cores collect garbage, while the tasks on them wait."""
    if app.executor_cores == 1:
        return SERIAL
    return f"-XX:+UseParallelGC -XX:ParallelGCThreads={app.executor_cores}"


def _sql() -> dict[str, str]:
    return {
        "spark.python.daemon.module": "soh_spark.worker_daemon",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.session.timeZone": "UTC",
    }


def catalog_settings(endpoints: Endpoints, secrets: Secrets) -> dict[str, str]:
    """The Iceberg catalog of the lake, one over HDFS and S3, as Spark is told of it."""
    prefix = f"spark.sql.catalog.{CATALOG}"
    return {
        prefix: "org.apache.iceberg.spark.SparkCatalog",
        f"{prefix}.type": "jdbc",
        f"{prefix}.uri": endpoints.catalog_jdbc,
        f"{prefix}.jdbc.user": endpoints.catalog_user,
        f"{prefix}.jdbc.password": secrets.catalog_password,
        f"{prefix}.jdbc.schema-version": "V1",
        f"{prefix}.warehouse": endpoints.warehouse,
        f"{prefix}.io-impl": "org.apache.iceberg.io.ResolvingFileIO",
        f"{prefix}.s3.endpoint": endpoints.s3,
        f"{prefix}.s3.path-style-access": "true",
        f"{prefix}.s3.access-key-id": secrets.s3_access_key,
        f"{prefix}.s3.secret-access-key": secrets.s3_secret_key,
        f"{prefix}.client.region": S3_REGION,
        # A quarter of a minute; then the task or the app says that the store is away, and is tried again.
        f"{prefix}.s3.retry.num-retries": "3",
        # In which a table is made whose declaration says S3.
        "spark.soh.lake": endpoints.lake_bucket,
    }


def model_settings(endpoints: Endpoints, secrets: Secrets) -> dict[str, str]:
    """Where models are registered and their artefacts lie, as apps read it from their Spark settings."""
    return {
        **{f"spark.soh.registry.{name}": str(value) for name, value in endpoints.registry.items()},
        "spark.soh.registry.password": secrets.registry_password,
        "spark.soh.s3.endpoint": endpoints.s3,
        "spark.soh.s3.access.key": secrets.s3_access_key,
        "spark.soh.s3.secret.key": secrets.s3_secret_key,
        "spark.soh.models": endpoints.models,
    }


def _supervision(app: SparkAppSpec, run_tag: str, work_tag: str | None) -> dict[str, str]:
    tags = [app.yarn_tag, *([work_tag] if work_tag else []), run_tag]
    return {
        "spark.app.name": f"soh {app.name}",
        "spark.yarn.tags": ",".join(tags),
        # One hand restarts: a second attempt would run under the same id, invisible to Airflow.
        "spark.yarn.maxAppAttempts": "1",
        "spark.yarn.submit.waitAppCompletion": "false",
    }


def spark_arguments(app: StreamAppSpec, endpoints: Endpoints) -> list[str]:
    """Arguments of a stream app's script; secrets and the catalog are never among them."""
    return [
        "--app",
        app.name,
        "--kafka",
        endpoints.kafka,
        "--checkpoints",
        f"{endpoints.hdfs}{endpoints.checkpoints()}",
        *_in_use(app, endpoints),
    ]


def _in_use(app: StreamAppSpec, endpoints: Endpoints) -> list[str]:
    if not any(isinstance(stream, ScoringStreamSpec) for stream in app.streams):
        return []
    return ["--models-in-use", f"{endpoints.hdfs}{endpoints.models_in_use()}"]


def batch_arguments(app: BatchAppSpec, endpoints: Endpoints, arguments: Sequence[str], run_tag: str) -> list[str]:
    """Arguments of a batch app's script: its own, and where its figures go."""
    for argument in arguments:
        if not argument:
            raise BadInput(f"batch app {app.name}: an empty argument in {list(arguments)}; give each a value")
    return [*arguments, "--result", f"{endpoints.hdfs}{endpoints.batch_result(run_tag)}"]


def properties(settings: Mapping[str, str]) -> str:
    """Text of a Java properties file that `spark-submit --properties-file` reads back as `settings`."""
    return "".join(f"{key}={_escaped(key, value)}\n" for key, value in sorted(settings.items()))


def _escaped(key: str, value: str) -> str:
    if any(character in value for character in "\n\r"):
        raise BadInput(f"Spark setting {key} has a line break in its value; put it on one line")
    escaped = value.replace("\\", "\\\\")
    # Leading blanks would be taken for the gap between key and value.
    return f"\\{escaped}" if escaped[:1].isspace() else escaped
