from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from soh.errors import BadDeclaration
from soh.specs import tables, topics
from soh.specs.streams import HEAT_TO_LAKE, LAKE, STREAM_APPS, STREAMS, StreamAppSpec, StreamSpec
from soh.specs.tables import TABLES, TableSpec
from soh.specs.topics import TOPICS

REFUSED = {
    "bad-name": ({"name": "heat to lake"}, "stream 'heat to lake'"),
    "topic-without-a-schema": ({"reads": topics.PLATFORM_CHECK}, "platform_check has no schema"),
    "table-of-another-schema": ({"writes": tables.HYDRAULIC_RAW}, "heat and hydraulic_raw differ in schema"),
    "stall-before-the-second-trigger": (
        {"trigger_every": timedelta(seconds=40), "stall_after": timedelta(seconds=60)},
        "at least two triggers",
    ),
}


@pytest.mark.parametrize(("differing", "complaint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_stream_that_contradicts_itself_or_its_ends_is_refused(differing, complaint):
    good = {"name": "heat_to_lake", "description": "Append.", "reads": topics.HEAT, "writes": tables.HEAT_RAW}
    with pytest.raises(BadDeclaration, match=complaint):
        StreamSpec(**(good | differing))


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_a_slower_stream_differs_in_its_pace_alone_and_never_seems_to_stall(stream):
    slower = stream.paced(5)
    assert slower.trigger_every == min(5 * stream.trigger_every, stream.stall_after / 2)
    assert slower.trigger_every > stream.trigger_every
    assert replace(slower, trigger_every=stream.trigger_every) == stream
    assert stream.paced(1) == stream


REFUSED_APPS = {
    "no-stream": ({"streams": ()}, "runs no stream"),
    "what-no-app-may-be": ({"executors": 0}, "at least 1"),
    "bad-name": ({"name": "The Lake"}, "app 'The Lake'"),
}


@pytest.mark.parametrize(("differing", "complaint"), REFUSED_APPS.values(), ids=REFUSED_APPS.keys())
def test_a_stream_app_that_contradicts_itself_is_refused(differing, complaint):
    good = {"name": "lake", "description": "Archive.", "streams": (HEAT_TO_LAKE,)}
    with pytest.raises(BadDeclaration, match=complaint):
        StreamAppSpec(**(good | differing))


def test_a_stream_app_has_a_dag_script_and_tag_by_its_name():
    assert (LAKE.dag_id, LAKE.script, LAKE.yarn_tag) == ("stream__lake", "lake.py", "soh_app_lake")


def test_every_stream_runs_in_exactly_one_app():
    run = [stream.name for app in STREAM_APPS.values() for stream in app.streams]
    assert sorted(run) == sorted(STREAMS)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_reads_and_writes_what_is_declared(stream):
    assert TOPICS[stream.reads.name] == stream.reads
    declared = TABLES if isinstance(stream.writes, TableSpec) else TOPICS
    assert declared[stream.writes.name] == stream.writes


def test_no_two_streams_write_to_one_place():
    written = [(type(stream.writes), stream.writes.name) for stream in STREAMS.values()]
    assert len(written) == len(set(written))
