"""Kafka's topics, made equal to their declarations: created when missing, reported when different.

**Runs** every hour. `plan__topics` logs and returns what is missing, what differs and which topics nobody
declared; `create__topics` creates the missing ones; `check__drift` is red when a declared topic has other
partitions, replication or settings than `soh.specs.topics` says; where there are fewer brokers than declared
replicas, one a broker is right. Nothing is ever deleted or changed.

**If a task fails**: `check__drift` lists each setting as it is and as it is declared, and where the broker has
it from: decide which of the two is right, and change that one by hand. `create__topics` fails when fewer
brokers are up than a topic has replicas: see `platform_check`.

**Re-running** is safe at any time: a run on a broker that is in order writes nothing.
"""

from airflow.sdk import DAG

from soh.orchestration.defaults import DEFAULT_ARGS, START_DATE, Tag
from soh.orchestration.topics import check_drift, create_topics, plan_topics

with DAG(
    dag_id="kafka_topics",
    description="Create the declared topics that are missing, and report those that differ.",
    schedule="@hourly",
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.PLATFORM, Tag.RERUN_TRIGGER],
    doc_md=__doc__,
):
    plan_topics() >> create_topics() >> check_drift()
