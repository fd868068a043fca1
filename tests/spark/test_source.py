from datetime import timedelta

import pytest

from soh.specs.topics import HEAT
from soh_spark.source import Batches, source_options


def test_a_topic_is_read_from_its_beginning_with_headers_in_bounded_batches():
    options = source_options(HEAT, "broker:9092")
    assert (options["subscribe"], options["startingOffsets"], options["includeHeaders"]) == ("heat", "earliest", "true")
    assert int(options["maxOffsetsPerTrigger"]) > 0


@pytest.mark.parametrize(("accept_loss", "fails"), [(False, "true"), (True, "false")])
def test_lost_records_end_the_query_unless_a_person_said_otherwise(accept_loss, fails):
    assert source_options(HEAT, "broker:9092", accept_loss=accept_loss)["failOnDataLoss"] == fails


def test_a_stream_may_bound_its_batches_itself():
    assert source_options(HEAT, "broker:9092", batches=Batches(largest=7))["maxOffsetsPerTrigger"] == "7"


def test_a_stream_that_waits_for_more_begins_when_there_is_enough_or_the_time_is_over():
    batches = Batches(largest=9, enough=7, patience=timedelta(seconds=20))
    options = source_options(HEAT, "broker:9092", batches=batches)
    assert (options["minOffsetsPerTrigger"], options["maxTriggerDelay"]) == ("7", "20000ms")
    assert "minOffsetsPerTrigger" not in source_options(HEAT, "broker:9092")


def test_a_full_batch_falls_into_more_parts_than_the_topic_has_partitions():
    options = source_options(HEAT, "broker:9092")
    assert int(options["maxOffsetsPerTrigger"]) / int(options["maxRecordsPerPartition"]) > HEAT.partitions
