"""Memory and processor time of a copy's processes, by group; the reading of /proc is in `bench.memory`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SPARK, BROKERS, AIRFLOW, HDFS, YARN, OTHERS = "spark", "brokers", "airflow", "hdfs", "yarn", "others"
GROUPS = (SPARK, BROKERS, AIRFLOW, HDFS, YARN, OTHERS)

_OF_SERVICES = {
    "kafka-": BROKERS,
    "airflow-": AIRFLOW,
    "namenode": HDFS,
    "datanode-": HDFS,
    "resourcemanager": YARN,
    "nodemanager-": YARN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One process at one look."""

    pid: int
    started: float
    """With the pid it makes a process unique: pids come again."""
    group: str
    memory: int
    """Bytes; a page that several processes share counts as a part for each."""
    spent: float
    """Seconds of a core since its start, without those of its children."""


def group_of(service: str | None, *, in_container: bool) -> str:
    """The group of a process by the service that it descends from; containers of YARN are Spark's."""
    if in_container:
        return SPARK
    for prefix, group in _OF_SERVICES.items():
        if service and service.startswith(prefix):
            return group
    return OTHERS


def service_of(pid: int, services: Mapping[int, str], parents: Mapping[int, int]) -> str | None:
    """The service that a process is or descends from; None where that is none."""
    seen: set[int] = set()
    while pid in parents and pid not in seen:
        if pid in services:
            return services[pid]
        seen.add(pid)
        pid = parents[pid]
    return services.get(pid)


def largest(looks: Sequence[Iterable[Seen]]) -> dict[str, int]:
    """Bytes of each group at the look at which all of them together took most."""
    sums: list[Counter[str]] = [Counter() for _ in looks]
    for memory, look in zip(sums, looks, strict=True):
        for process in look:
            memory[process.group] += process.memory
    most = max(sums, key=lambda memory: memory.total(), default=Counter())
    return {group: most[group] for group in GROUPS}


def cores(looks: Sequence[Sequence[Seen]], seconds: float) -> dict[str, float]:
    """Cores that each group took from the first look to the last.

    A process that came in between counts from its start, one that ended up to the last look at it.
    """
    before = {(process.pid, process.started): process.spent for process in looks[0]} if looks else {}
    last = {(process.pid, process.started): process for look in looks for process in look}
    spent = dict.fromkeys(GROUPS, 0.0)
    for key, process in last.items():
        spent[process.group] += process.spent - before.get(key, 0.0)
    return {group: spent[group] / seconds for group in GROUPS}
