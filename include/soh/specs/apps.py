"""Spark apps on YARN: what every one of them declares, and the batch apps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from soh.errors import BadDeclaration
from soh.specs._names import by_name, check_name
from soh.specs.fleets import FLEETS, FleetSpec


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


class BatchEngine(StrEnum):
    """What does the night of a table."""

    AUTO = "auto"
    """A process of the task's own where the day is small enough, else Spark."""
    LOCAL = "local"
    SPARK = "spark"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLimits:
    """What one process may be given to do, and the memory in which it must do it."""

    rows: int
    size: int
    """Bytes of data files."""
    memory: int
    """Bytes; a process that takes more is ended."""

    def exceeded_by(self, rows: int, size: int) -> str | None:
        """Why that much is not for one process; None where it is."""
        if rows <= self.rows and size <= self.size:
            return None
        mib = 1024**2
        return (
            f"{rows:,} rows in {size // mib:,} MiB; one process is given at most {self.rows:,} rows "
            f"or {self.size // mib:,} MiB"
        )


LOCAL_LIMITS = LocalLimits(rows=3_000_000, size=512 * 1024**2, memory=2 * 1024**3)
"""A day of 170 power facilities. Its readings are worked off file by file of 128 MiB, some 0.9 million of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingAppSpec(BatchAppSpec):
    """A batch app that trains the classifiers of its fleets one after the other and leaves what came of each."""

    fleets: tuple[FleetSpec, ...]
    driver_memory: str = "1g"

    def __post_init__(self) -> None:
        # Not super(): a slots dataclass is a new class, which the zero-argument form does not find.
        SparkAppSpec.__post_init__(self)
        if not self.fleets:
            raise BadDeclaration(f"training app {self.name} trains no fleet")

    @property
    def script(self) -> str:
        """The same for all of them."""
        return "train_soh.py"


def by_fleet(apps: Iterable[TrainingAppSpec], fleets: Iterable[FleetSpec]) -> dict[str, TrainingAppSpec]:
    """The one app that trains each fleet, by the fleet's name. Raises BadDeclaration unless it is exactly one."""
    apps = tuple(apps)
    index = {}
    for fleet in fleets:
        found = [app for app in apps if fleet in app.fleets]
        if len(found) != 1:
            names = " and ".join(app.name for app in found) or "none"
            raise BadDeclaration(f"fleet {fleet.name} is trained by {names}; exactly one training app must have it")
        index[fleet.name] = found[0]
    return index


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

# One for all fleets, for a start costs more than a training; where there are cores enough, declare one for each fleet.
TRAIN_SOH = TrainingAppSpec(
    name="train_soh",
    description="Train each fleet's classifier on the lake and let it become champion if it passes the gate.",
    fleets=tuple(FLEETS.values()),
)

TRAINING_APPS = by_name(TRAIN_SOH)
TRAINED_BY = by_fleet(TRAINING_APPS.values(), FLEETS.values())
"""The training app of each fleet, by the fleet's name."""

BATCH_APPS = by_name(COMPACT_DAY, FOLD_LANDING, *TRAINING_APPS.values())
