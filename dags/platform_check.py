"""Touch every server of the platform once, the way its users do.

**Runs** every six hours, and by hand: CI triggers it after `./soh up` and asserts that it is green. Kafka: every
broker answers, and one record goes through all replicas and back. HDFS: one file is written, read and
deleted, and no DataNode is dead. YARN: all NodeManagers take work. Catalog: PostgreSQL lists the lake's
tables. Registry: PostgreSQL tells the champion of every model. S3: one object is written, read and deleted.
Time-series database: it lets its reader in and keeps grades for 24 hours. Airflow: all its parts are healthy and
every Dag file loads.

**If a task fails**, its name is the server, and the last line of its log the address and what it said. Look at
`./soh status` and `./soh logs SERVICE`; services that die are started again by themselves.

**Re-running** is safe at any time; nothing is left behind but one record on the topic `platform_check`.
"""

from airflow.sdk import DAG

from soh.orchestration import platform
from soh.orchestration.defaults import DEFAULT_ARGS, START_DATE, Tag

with DAG(
    dag_id="platform_check",
    description="Touch every server once: Kafka, HDFS, YARN, the catalog, the models, the grades, Airflow.",
    schedule="0 */6 * * *",
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.PLATFORM, Tag.RERUN_TRIGGER],
    doc_md=__doc__,
):
    platform.check_kafka()
    platform.check_hdfs()
    platform.check_yarn()
    platform.check_catalog()
    platform.check_registry()
    platform.check_s3()
    platform.check_tsdb()
    platform.check_airflow()
