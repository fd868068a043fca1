"""Whose memory and processor time it is, and what is counted of processes that come and go."""

import pytest
from bench.parts.footprint import (
    AIRFLOW,
    BROKERS,
    HDFS,
    OTHERS,
    SPARK,
    YARN,
    Seen,
    cores,
    group_of,
    largest,
    service_of,
)


def seen(pid, spent=0.0, *, started=0.0, group=AIRFLOW, memory=0):
    return Seen(pid=pid, started=started, group=group, memory=memory, spent=spent)


@pytest.mark.parametrize(
    ("service", "in_container", "group"),
    [
        ("kafka-1", False, BROKERS),
        ("airflow-scheduler", False, AIRFLOW),
        ("namenode", False, HDFS),
        ("datanode-2", False, HDFS),
        ("resourcemanager", False, YARN),
        ("nodemanager-1", False, YARN),
        ("nodemanager-1", True, SPARK),
        (None, True, SPARK),
        ("scores-to-s3", False, OTHERS),
        (None, False, OTHERS),
    ],
)
def test_a_process_belongs_to_what_its_service_is_part_of_and_a_container_to_spark(service, in_container, group):
    assert group_of(service, in_container=in_container) == group


def test_a_process_belongs_to_the_nearest_service_above_it():
    services, parents = {10: "airflow-scheduler"}, {10: 1, 11: 10, 12: 11, 20: 2}
    assert [service_of(pid, services, parents) for pid in (10, 12, 20)] == [
        "airflow-scheduler",
        "airflow-scheduler",
        None,
    ]


def test_memory_is_that_of_the_look_at_which_all_together_took_most():
    first = [seen(1, memory=5, group=SPARK), seen(2, memory=1)]
    second = [seen(1, memory=4, group=SPARK), seen(2, memory=3), seen(3, memory=2)]
    found = largest([first, second])
    assert (found[SPARK], found[AIRFLOW], found[BROKERS]) == (4, 5, 0)


def test_processor_time_is_counted_of_those_that_came_and_of_those_that_ended():
    looks = [
        [seen(1, 100.0), seen(2, 7.0)],
        [seen(1, 103.0), seen(2, 8.0), seen(3, 0.5)],
        [seen(1, 104.0), seen(3, 2.0, started=9.0)],
    ]
    # 4 of the first, 1 of the one that ended, 0.5 and 2 of two that had the same pid one after the other.
    assert cores(looks, 10.0)[AIRFLOW] == pytest.approx(0.75)
