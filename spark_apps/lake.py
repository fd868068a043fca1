"""The stream app that archives every fleet: one driver on YARN with one query per declared stream."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from soh.errors import SohError
from soh.specs import STREAM_APPS, StreamAppSpec, TableSpec, TopicSpec
from soh_spark.command import stream_app_parser
from soh_spark.queries import supervise
from soh_spark.schema import ensure_table
from soh_spark.session import STREAMING, open_session, pace
from soh_spark.sinks import batches, start
from soh_spark.source import read_topic
from soh_spark.topics import existing_topics, wait_for_topics

log = logging.getLogger(__name__)


def run(app: StreamAppSpec, kafka: str, checkpoints: str, accept_loss: Sequence[str]) -> None:
    """Run every stream of `app` until one dies (QueryDied) or SIGTERM comes."""
    spark = open_session(STREAMING)
    streams = [stream.paced(pace(spark)) for stream in app.streams]
    ends = [end for stream in streams for end in (stream.reads, stream.writes)]
    topics = {end.name for end in ends if isinstance(end, TopicSpec)}
    wait_for_topics(topics, lambda: existing_topics(spark, kafka))
    for end in ends:
        if isinstance(end, TableSpec):
            ensure_table(spark, end)
    queries = []
    for stream in streams:
        lossy = stream.name in accept_loss
        records = read_topic(spark, stream.reads, kafka, accept_loss=lossy, batches=batches(stream))
        queries.append(start(stream, records, kafka, checkpoints))
        log.info("%s: from topic %s to %s", stream.name, stream.reads.name, stream.writes.name)
    supervise(spark, queries)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the app that the command line names; a failure is the last line of the log."""
    given = stream_app_parser(__doc__).parse_args(arguments)
    try:
        run(STREAM_APPS[given.app], given.kafka, given.checkpoints, given.accept_loss)
    except SohError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
