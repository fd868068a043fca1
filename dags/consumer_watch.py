"""The watch: one task per stream, and per consumer group and topic, red when it has unread records and does not move.

**Runs** every two minutes; the tasks live in the triggerer and hold no worker slot. A stream is judged by its
checkpoint on HDFS against Kafka's offsets, a consumer group by its commits: the reader itself is not asked.
Green comes as soon as a reader is seen to move, or has nothing to read: within seconds, or a minute for
`scores_to_s3`, which commits once a minute. Red comes after it has stood still for the `stall_after` of its
declaration. It does not matter why: **a stream that was stopped on purpose is red too, as long as records wait
for it**. A fleet that is off has no records, and is green.

**If a task fails**, its log and its return value say which partition, how many records, and since when:
*stall* or *stop*: it does not read. *rewind*: it went back. *truncated*: retention deleted what it had not
read. *gone*: its checkpoint or topic vanished. A stream's own Dag repairs a stall by itself, by a new driver,
within minutes; act on a stream when the red stays, or on the last three words, which no restart mends. A task
that fails with an error instead of a verdict could not reach HDFS or Kafka: see `platform_check`. A consumer
group is a service that is started again by itself when it dies: when it is red, its log names what it waits for.

**Re-running**: never needed, the next look comes in two minutes.
"""

from datetime import timedelta

from airflow.sdk import DAG

from soh.orchestration.defaults import DEFAULT_ARGS, START_DATE, Tag
from soh.orchestration.reader_watch import ReaderSensor
from soh.specs import CONSUMER_GROUPS, STREAMS

with DAG(
    dag_id="consumer_watch",
    description="A verdict on every reader of Kafka: red for one that has unread records and does not move.",
    schedule="*/2 * * * *",
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=15),
    default_args=DEFAULT_ARGS,
    tags=[Tag.WATCH, Tag.RERUN_TRIGGER],
    doc_md=__doc__,
):
    for name in STREAMS:
        ReaderSensor(task_id=f"watch__{name}", stream=name)
    for name, group in CONSUMER_GROUPS.items():
        for topic in group.reads:
            ReaderSensor(task_id=f"watch__{name}__{topic.name}", group=name, topic=topic.name)
