"""The stream app that grades every facility: one driver on YARN with one query per fleet."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from soh.errors import SohError
from soh.specs import STREAM_APPS, ScoringStreamSpec, StreamAppSpec
from soh_spark.beginning import EARLIEST, wait_for_history
from soh_spark.champion import ModelOfStream
from soh_spark.command import stream_app_parser
from soh_spark.files import TextFile, begun_batch, is_new
from soh_spark.model_store import artefacts, registry
from soh_spark.queries import supervise
from soh_spark.scoring import SETTINGS, LateReadings, start
from soh_spark.session import open_session, pace
from soh_spark.source import read_topic
from soh_spark.topics import existing_topics, wait_for_topics

log = logging.getLogger(__name__)


def run(app: StreamAppSpec, kafka: str, checkpoints: str, models_in_use: str, accept_loss: Sequence[str]) -> None:
    """Run every stream of `app` until one dies (QueryDied) or SIGTERM comes."""
    spark = open_session(SETTINGS)
    streams = [stream.paced(pace(spark)) for stream in app.streams if isinstance(stream, ScoringStreamSpec)]
    topics = {topic for stream in streams for topic in (stream.fleet.readings.name, stream.fleet.scores.name)}
    wait_for_topics(topics, lambda: existing_topics(spark, kafka))
    spark.streams.addListener(LateReadings())
    champions, store = registry(spark), artefacts(spark)
    queries = []
    for stream in streams:
        note = TextFile(spark=spark, uri=f"{models_in_use}/{stream.name}.json")
        checkpoint = f"{checkpoints}/{stream.name}"
        begun = begun_batch(spark, checkpoint)
        first = wait_for_history(spark, kafka, stream.fleet) if is_new(spark, checkpoint) else EARLIEST
        model = ModelOfStream(stream.name, stream.fleet, champions, store, note, begun=begun)
        lossy = stream.name in accept_loss
        records = read_topic(spark, stream.reads, kafka, accept_loss=lossy, first_offsets=first)
        queries.append(start(stream, records, model, kafka, checkpoints))
        log.info("%s: from topic %s to %s", stream.name, stream.reads.name, stream.writes.name)
    supervise(spark, queries)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the app that the command line names; a failure is the last line of the log."""
    parser = stream_app_parser(__doc__)
    parser.add_argument("--models-in-use", required=True, help="URI of the folder where each stream names its model")
    given = parser.parse_args(arguments)
    try:
        run(STREAM_APPS[given.app], given.kafka, given.checkpoints, given.models_in_use, given.accept_loss)
    except SohError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
