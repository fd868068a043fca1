"""How large a copy is: how many servers of a kind, how much memory each, how often streams look. One choice of two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from soh.errors import BadInput
from soh.submit import DRIVER_JAVA, SERIAL

GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Heaps:
    """Largest heap of each Java server, in Java's words."""

    kafka: str = "512m"
    namenode: str = "384m"
    datanode: str = "256m"
    resourcemanager: str = "384m"
    nodemanager: str = "256m"
    s3proxy: str = "192m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What differs between a copy on an ordinary machine and one on a machine with little memory."""

    name: str
    needed_memory: int
    """Bytes available before the start; the whole platform with two stream apps takes a little less."""
    brokers: tuple[int, ...] = (1, 2, 3)
    datanodes: tuple[int, ...] = (1, 2)
    nodemanagers: tuple[int, ...] = (1, 2)
    containers_memory: int = 6144
    """MiB that a NodeManager may promise to containers: two stream apps and a batch app must fit into all of them."""
    heaps: Heaps = field(default_factory=Heaps)
    spark: Mapping[str, str] = field(default_factory=dict)
    """Spark settings of every app beside those of its declaration. `spark.soh.pace` is how many times longer than
    declared a stream waits between two batches."""
    airflow_slots: int = 4
    """Tasks that run at once. Streams, waits and batch apps hold none while they run."""
    scheduler_rest: float | None = None
    """Seconds that Airflow's scheduler rests when there was nothing to do; None keeps Airflow's own."""
    parse_every: int = 120
    """Seconds between two readings of a Dag's file."""

    @property
    def replicas(self) -> int:
        """Copies of what brokers keep of their own: groups, transactions."""
        return min(3, len(self.brokers))

    @property
    def min_insync(self) -> int:
        """Copies that must have a record before it counts as written: one broker may be lost, where there are more."""
        return max(1, self.replicas - 1)

    @property
    def block_copies(self) -> int:
        """Copies of a block on HDFS."""
        return min(2, len(self.datanodes))


_LITTLE_HEAP = "-XX:MinHeapFreeRatio=15 -XX:MaxHeapFreeRatio=30"

STANDARD = Profile(name="standard", needed_memory=9 * GIB)
SMALL = Profile(
    name="small",
    needed_memory=13 * GIB // 2,
    brokers=(1,),
    datanodes=(1,),
    nodemanagers=(1,),
    containers_memory=8192,
    heaps=Heaps(
        kafka="320m", namenode="192m", datanode="160m", resourcemanager="256m", nodemanager="192m", s3proxy="128m"
    ),
    spark={
        "spark.soh.pace": "5",
        # Free heap is given back to the machine at once.
        "spark.driver.extraJavaOptions": f"{DRIVER_JAVA} {_LITTLE_HEAP}",
        "spark.executor.extraJavaOptions": f"{SERIAL} {_LITTLE_HEAP}",
        # Otherwise each thread that asks may get an arena of native memory, which is never given back.
        **{f"spark.{role}.MALLOC_ARENA_MAX": "2" for role in ("yarn.appMasterEnv", "executorEnv")},
    },
    airflow_slots=2,
    scheduler_rest=3.0,
    parse_every=600,
)

PROFILES = {profile.name: profile for profile in (STANDARD, SMALL)}


def named(name: str) -> Profile:
    """The profile of this name; BadInput for any other word."""
    if name not in PROFILES:
        raise BadInput(f"no profile {name!r}; there are: {', '.join(PROFILES)}")
    return PROFILES[name]


def remembered(home: Path) -> Profile:
    """The profile that the copy in this folder was made with; a copy that remembers none is a standard one."""
    file = home / "profile"
    return named(file.read_text().strip()) if file.exists() else STANDARD
