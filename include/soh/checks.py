"""Touch every server of the platform once, the way its users do."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from soh import s3
from soh.airflow_api import AirflowApi
from soh.classifier.registry import Registry
from soh.errors import ServerUnreachable
from soh.hdfs import Hdfs
from soh.kafka.connection import admin_client, asking, consumer_in
from soh.lake.catalog import table_figures
from soh.serving import influx
from soh.settings import Endpoints, Secrets
from soh.specs import MODELS, TABLES
from soh.specs.topics import PLATFORM_CHECK
from soh.specs.tsdb import MEASUREMENT, RETENTION
from soh.yarn import ResourceManager

Facts = dict[str, Any]

ANSWER_WITHIN = timedelta(seconds=20)


def check_kafka(endpoints: Endpoints) -> Facts:
    """Ask every broker by itself, write one record that all replicas hold, and read it back."""
    brokers = {address: _known_to(address) for address in endpoints.kafka.split(",")}
    fewest = min(brokers.values())
    if fewest < len(brokers):
        raise ServerUnreachable(f"Kafka at {endpoints.kafka}: {fewest} brokers are up, {len(brokers)} should be")
    word = uuid4().bytes
    place = _written(endpoints.kafka, word)
    found = _read_back(endpoints.kafka, place)
    if found != word:
        raise ServerUnreachable(f"Kafka at {endpoints.kafka}: {place} holds {found!r}, written was {word!r}")
    return {"brokers": fewest, "topic": place.topic, "offset": place.offset}


def _known_to(address: str) -> int:
    """Number of brokers in the cluster as one of them sees it."""
    with asking(address, "name its brokers"):
        return len(admin_client(address).list_topics(timeout=ANSWER_WITHIN.total_seconds()).brokers)


def _written(bootstrap: str, word: bytes) -> TopicPartition:
    delivered: list[tuple[KafkaError | None, Message]] = []
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "message.timeout.ms": int(ANSWER_WITHIN.total_seconds() * 1000),
            "log_level": 0,
        }
    )
    producer.produce(
        PLATFORM_CHECK.name, value=word, on_delivery=lambda error, message: delivered.append((error, message))
    )
    producer.flush(ANSWER_WITHIN.total_seconds() + 5)
    if not delivered or delivered[0][0]:
        problem = delivered[0][0] if delivered else "no word about the delivery"
        raise ServerUnreachable(
            f"Kafka at {bootstrap} did not take a record for {PLATFORM_CHECK.name}: {problem}. "
            "Are as many brokers up as the topic's min_insync asks for, and has kafka_topics made it?"
        )
    message = delivered[0][1]
    return TopicPartition(PLATFORM_CHECK.name, message.partition() or 0, message.offset() or 0)


def _read_back(bootstrap: str, place: TopicPartition) -> bytes | None:
    consumer: Consumer = consumer_in(bootstrap, PLATFORM_CHECK.name)
    with closing(consumer):
        consumer.assign([place])
        message = consumer.poll(ANSWER_WITHIN.total_seconds())
        if message is None or message.error():
            problem = message.error() if message else "nothing came"
            raise ServerUnreachable(f"Kafka at {bootstrap} did not give back {place}: {problem}")
        return message.value()


def check_hdfs(endpoints: Endpoints) -> Facts:
    """Write a file, read it back, delete it; count the DataNodes that are alive."""
    hdfs = Hdfs(endpoints.webhdfs, endpoints.hdfs_user)
    word = uuid4().hex
    path = f"{endpoints.ROOT}/platform_check/{word}"
    hdfs.write_text(path, word)
    try:
        found = hdfs.read_text(path)
    finally:
        hdfs.delete(path)
    if found != word:
        raise ServerUnreachable(f"HDFS at {endpoints.webhdfs}: {path} holds {found!r}, written was {word!r}")
    return {"datanodes": _live_datanodes(endpoints.webhdfs)}


def _live_datanodes(webhdfs: str) -> int:
    url = f"{webhdfs}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState"
    try:
        response = requests.get(url, timeout=(3, 10))
        response.raise_for_status()
        (state,) = response.json()["beans"]
        live, dead = int(state["NumLiveDataNodes"]), int(state["NumDeadDataNodes"])
    except (requests.RequestException, KeyError, ValueError) as error:
        raise ServerUnreachable(f"the NameNode does not count its DataNodes at {url}: {error}") from error
    if dead or not live:
        raise ServerUnreachable(f"HDFS at {webhdfs}: {live} DataNodes are alive and {dead} dead; none should be dead")
    return live


def check_yarn(endpoints: Endpoints) -> Facts:
    """Ask the ResourceManager, and through it count the NodeManagers that take work."""
    nodes = ResourceManager(endpoints.yarn).nodes()
    running = [node.id for node in nodes if node.state == "RUNNING"]
    others = {node.id: node.state for node in nodes if node.state != "RUNNING"}
    if not running or others:
        raise ServerUnreachable(
            f"YARN at {endpoints.yarn}: {len(running)} NodeManagers are running; not running are {others or 'all'}"
        )
    return {"nodemanagers": len(running)}


def check_catalog(endpoints: Endpoints, secrets: Secrets) -> Facts:
    """Read the lake's tables from PostgreSQL, and their metadata from HDFS and S3."""
    hdfs = Hdfs(endpoints.webhdfs, endpoints.hdfs_user)
    return {table.name: table.rows for table in table_figures(endpoints, secrets, hdfs, TABLES)}


def check_registry(endpoints: Endpoints, password: str) -> Facts:
    """Read the version of every model's champion from PostgreSQL; None for a model that has none yet."""
    with closing(Registry(**endpoints.registry, password=password)) as registry:
        champions = {name: registry.champion(name) for name in MODELS}
    return {name: champion.version if champion else None for name, champion in champions.items()}


def check_s3(endpoints: Endpoints, access_key: str, secret_key: str) -> Facts:
    """Write an object into each bucket, read it back, delete it."""
    buckets = [urlsplit(uri).netloc for uri in (endpoints.models, endpoints.lake_bucket)]
    store = s3.client(endpoints.s3, access_key, secret_key)
    for bucket in buckets:
        _check_bucket(endpoints.s3, store, bucket)
    return {"buckets": buckets}


def _check_bucket(url: str, store: Any, bucket: str) -> None:
    word = uuid4().hex
    place = {"Bucket": bucket, "Key": f"platform_check/{word}"}
    with s3.asking(url, f"take, give back and delete an object in the bucket {bucket}"):
        store.put_object(**place, Body=word.encode())
        try:
            found = store.get_object(**place)["Body"].read().decode()
        finally:
            store.delete_object(**place)
    if found != word:
        raise ServerUnreachable(f"S3 at {url}: {place} holds {found!r}, written was {word!r}")


def check_tsdb(endpoints: Endpoints, user: str, password: str) -> Facts:
    """Ask who answers, and as `user` for how long grades are kept and how many came in the last five minutes."""
    client = influx.client(
        endpoints.tsdb,
        database=endpoints.tsdb_database,
        user=user,
        password=password,
        answer_within=ANSWER_WITHIN,
    )
    with closing(client), influx.asking(endpoints.tsdb, "tell what it holds"):
        version = client.ping()
        kept = [policy["duration"] for policy in client.get_list_retention_policies() if policy["default"]]
        grades = list(client.query(f"SELECT count(pred) FROM {MEASUREMENT} WHERE time > now() - 5m").get_points())
    wanted = f"{RETENTION // timedelta(hours=1)}h0m0s"
    if kept != [wanted]:
        raise ServerUnreachable(
            f"InfluxDB at {endpoints.tsdb}: database {endpoints.tsdb_database} keeps what it is given for "
            f"{', '.join(kept) or 'no time that anybody set'}; it should be {wanted}. ./soh up sets it"
        )
    return {"version": version, "keeps": wanted, "grades": grades[0]["count"] if grades else 0}


def check_airflow(airflow: AirflowApi) -> Facts:
    """Every part of Airflow is healthy, and every Dag file loads."""
    sick = {part: status for part, status in airflow.health().items() if status not in {"healthy", "None"}}
    if sick:
        raise ServerUnreachable(f"Airflow at {airflow.url}: {sick}; all parts should be healthy")
    if errors := airflow.import_errors():
        raise ServerUnreachable(f"Airflow at {airflow.url} cannot load {', '.join(errors)}; see its import errors")
    return {"parts": len(airflow.health())}
