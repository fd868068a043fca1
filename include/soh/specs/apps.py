"""Spark apps on YARN: what every one of them declares, and the batch apps."""

from __future__ import annotations

from dataclasses import dataclass

from soh.errors import BadDeclaration
from soh.specs._names import by_name, check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkAppSpec:
    """One script in `spark_apps/` and the size of its driver and executors."""

    name: str
    description: str
    driver_memory: str = "768m"
    executors: int = 1
    executor_cores: int = 1
    executor_memory: str = "640m"
    plans_all_the_time: bool = False
    """True for a driver that plans the same batches over and over for months: what it runs is compiled for speed."""

    def __post_init__(self) -> None:
        check_name("app", self.name)
        if self.executors < 1 or self.executor_cores < 1:
            raise BadDeclaration(f"app {self.name}: executors and executor_cores must be at least 1")

    @property
    def script(self) -> str:
        """File in `spark_apps/`."""
        return f"{self.name}.py"

    @property
    def yarn_tag(self) -> str:
        """The tag by which the ResourceManager finds every run of this app."""
        return f"soh_app_{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAppSpec(SparkAppSpec):
    """A Spark app that ends by itself and leaves its figures as JSON on HDFS."""


BATCH_POOL = "spark_batch"
"""The Airflow pool with one slot, deferred tasks included: batch apps run one at a time."""

COMPACT_DAY = BatchAppSpec(
    name="compact_day",
    description="Pack the small files of one day, prove that nothing changed, and refresh the day's views.",
)

FOLD_LANDING = BatchAppSpec(
    name="fold_landing",
    description="Bring the grades that have landed on S3 into their table, each once; pack and view the day there.",
)

TRAIN_SOH = BatchAppSpec(
    name="train_soh",
    description="Train a fleet's classifier on the lake and let it become champion if it passes the gate.",
    driver_memory="1g",
)

BATCH_APPS = by_name(COMPACT_DAY, FOLD_LANDING, TRAIN_SOH)
