from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from soh.kafka.plan import BrokerTopic, ConfigValue, Difference, Plan, plan
from soh.specs import TopicSpec

READINGS = TopicSpec(name="readings", description="Readings.", retention=timedelta(hours=24))
GRADES = TopicSpec(name="grades", description="Grades.", partitions=1)


def on_broker(topic: TopicSpec, *, source: str = "DYNAMIC_TOPIC_CONFIG", **settings: str) -> BrokerTopic:
    """The topic as a broker has it that was given the declaration, with other `settings` (dots as underscores)."""
    values = topic.config | {name.replace("_", "."): value for name, value in settings.items()}
    return BrokerTopic(
        partitions=topic.partitions,
        replication=topic.replication,
        config={name: ConfigValue(value=value, source=source) for name, value in values.items()},
    )


def difference(setting: str, declared: str, actual: str | None, source: str = "DYNAMIC_TOPIC_CONFIG") -> Difference:
    return Difference(topic="readings", setting=setting, declared=declared, actual=actual, source=source)


IN_ORDER = Plan(create=(), differences=(), foreign=())

CASES = {
    "as-declared": ([READINGS], {"readings": on_broker(READINGS)}, IN_ORDER),
    "nothing-there": ([READINGS, GRADES], {}, replace(IN_ORDER, create=(READINGS, GRADES))),
    "one-missing": ([READINGS, GRADES], {"readings": on_broker(READINGS)}, replace(IN_ORDER, create=(GRADES,))),
    "nothing-declared": ([], {"readings": on_broker(READINGS)}, replace(IN_ORDER, foreign=("readings",))),
    "foreign-topics-sorted-without-kafka's-own": (
        [READINGS],
        {
            "readings": on_broker(READINGS),
            "tests": on_broker(GRADES),
            "old": on_broker(GRADES),
            "__consumer_offsets": on_broker(GRADES),
            "__transaction_state": on_broker(GRADES),
        },
        replace(IN_ORDER, foreign=("old", "tests")),
    ),
    "fewer-partitions": (
        [READINGS],
        {"readings": replace(on_broker(READINGS), partitions=1)},
        replace(IN_ORDER, differences=(difference("partitions", "3", "1", "TOPIC"),)),
    ),
    "more-partitions": (
        [READINGS],
        {"readings": replace(on_broker(READINGS), partitions=6)},
        replace(IN_ORDER, differences=(difference("partitions", "3", "6", "TOPIC"),)),
    ),
    "fewer-replicas": (
        [READINGS],
        {"readings": replace(on_broker(READINGS), replication=1)},
        replace(IN_ORDER, differences=(difference("replication", "3", "1", "TOPIC"),)),
    ),
    "shorter-retention": (
        [READINGS],
        {"readings": on_broker(READINGS, retention_ms="3600000")},
        replace(IN_ORDER, differences=(difference("retention.ms", "86400000", "3600000"),)),
    ),
    "setting-inherited-from-the-broker": (
        [READINGS],
        {"readings": on_broker(READINGS, source="DEFAULT_CONFIG", retention_ms="604800000")},
        replace(IN_ORDER, differences=(difference("retention.ms", "86400000", "604800000", "DEFAULT_CONFIG"),)),
    ),
    "same-value-inherited": ([READINGS], {"readings": on_broker(READINGS, source="DEFAULT_CONFIG")}, IN_ORDER),
    "setting-the-broker-does-not-know": (
        [READINGS],
        {
            "readings": replace(
                on_broker(READINGS),
                config={k: v for k, v in on_broker(READINGS).config.items() if k != "retention.ms"},
            )
        },
        replace(IN_ORDER, differences=(difference("retention.ms", "86400000", None, "UNKNOWN_CONFIG"),)),
    ),
    "settings-nobody-declared": ([READINGS], {"readings": on_broker(READINGS, segment_ms="1000")}, IN_ORDER),
}


@pytest.mark.parametrize(("declared", "actual", "expected"), CASES.values(), ids=CASES.keys())
def test_plan(declared, actual, expected):
    assert plan(declared, actual) == expected


FULL = plan(
    [GRADES, READINGS],
    {"readings": on_broker(READINGS, retention_ms="3600000"), "old": on_broker(GRADES)},
)


def test_a_plan_as_json_survives_json():
    assert json.loads(json.dumps(FULL.as_json())) == {
        "create": [{"name": "grades", "partitions": 1, "replication": 3, "config": GRADES.config}],
        "differences": [
            {
                "topic": "readings",
                "setting": "retention.ms",
                "declared": "86400000",
                "actual": "3600000",
                "source": "DYNAMIC_TOPIC_CONFIG",
            }
        ],
        "foreign": ["old"],
    }


def test_a_plan_as_text_has_one_line_a_finding():
    assert FULL.as_text().splitlines() == [
        "create grades: 1 partitions, replication 3",
        "differs readings: retention.ms is 3600000 (DYNAMIC_TOPIC_CONFIG), declared is 86400000",
        "foreign old: not declared, left alone",
    ]


def test_a_plan_without_findings_says_so():
    assert IN_ORDER.as_text() == "every declared topic is on the broker as declared"
