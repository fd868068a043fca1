"""The model registry and the artefacts, by the addresses and keys in an app's Spark settings."""

from __future__ import annotations

from pyspark.sql import SparkSession

from soh.classifier.registry import Registry
from soh.classifier.store import ArtefactStore

_REGISTRY = "spark.soh.registry"
_S3 = "spark.soh.s3"
_MODELS = "spark.soh.models"


def registry(spark: SparkSession) -> Registry:
    """Where versions of models are read; asked nothing yet."""
    conf = spark.conf
    return Registry(
        host=conf.get(f"{_REGISTRY}.host"),
        port=int(conf.get(f"{_REGISTRY}.port")),
        database=conf.get(f"{_REGISTRY}.database"),
        user=conf.get(f"{_REGISTRY}.user"),
        password=conf.get(f"{_REGISTRY}.password"),
    )


def artefacts(spark: SparkSession) -> ArtefactStore:
    """Where artefacts lie; asked nothing yet."""
    conf = spark.conf
    return ArtefactStore(
        endpoint=conf.get(f"{_S3}.endpoint"),
        access_key=conf.get(f"{_S3}.access.key"),
        secret_key=conf.get(f"{_S3}.secret.key"),
        root=conf.get(_MODELS),
    )
