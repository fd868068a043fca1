"""First-time set-up of the stores beside HDFS: the buckets, the time-series database and its users."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

import requests
from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

from soh import s3
from soh.errors import ServerUnreachable, SetupFailed
from soh.serving import influx
from soh.specs.tsdb import RETENTION

ADMIN = "admin"
ANSWER_WITHIN = timedelta(seconds=20)
RETENTION_POLICY = "day"
SHARD = timedelta(hours=1)
"""What the database forgets at once."""


def make_buckets(endpoint: str, uris: Iterable[str], access_key: str, secret_key: str) -> str:
    """Make the bucket of each URI (`s3://bucket`) unless it is there; returns what was made.

    Raises ServerUnreachable, also for keys that the store does not know.
    """
    wanted = [urlsplit(uri).netloc for uri in uris]
    with s3.asking(endpoint, f"make the buckets {' and '.join(wanted)}"):
        client = s3.client(endpoint, access_key, secret_key)
        there = {entry["Name"] for entry in client.list_buckets()["Buckets"]}
        made = [bucket for bucket in wanted if bucket not in there]
        for bucket in made:
            client.create_bucket(Bucket=bucket)
    return ", ".join(made) or "all there"


class Privilege(StrEnum):
    """What a user may do with the one database."""

    ALL = "all"
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of the time-series database beside its admin."""

    name: str
    privilege: Privilege
    password: str = field(repr=False)


def make_tsdb(url: str, database: str, admin_password: str, accounts: list[Account]) -> str:
    """Make the admin, the database with its retention, and the accounts, their passwords as given.

    Returns what was made. Raises ServerUnreachable, and SetupFailed when the admin's password is another one.
    """
    made = []
    with _asking(url):
        if not _lets_in(url, ADMIN, admin_password):
            _make_admin(url, admin_password)
            made.append(ADMIN)
        with closing(_client(url, ADMIN, admin_password)) as client:
            made += _make_database(client, database)
            for account in accounts:
                made += _make_account(client, url, account)
                client.grant_privilege(account.privilege, database, account.name)
    return ", ".join(made) or "all there"


@contextmanager
def _asking(url: str) -> Iterator[None]:
    """Turn errors into ServerUnreachable, without the question: passwords are set by questions."""
    try:
        with influx.asking(url, "take its users and its database"):
            yield
    except ServerUnreachable as error:
        if isinstance(error.__cause__, requests.RequestException):
            kind = type(error.__cause__).__name__
            raise ServerUnreachable(f"InfluxDB at {url} went away while it was set up: {kind}") from None
        raise


def _client(url: str, user: str, password: str) -> InfluxDBClient:
    return influx.client(url, database="", user=user, password=password, answer_within=ANSWER_WITHIN)


def _lets_in(url: str, user: str, password: str) -> bool:
    with closing(_client(url, user, password)) as client:
        try:
            client.get_list_database()
        except InfluxDBClientError as error:
            if error.code in (requests.codes.unauthorized, requests.codes.forbidden):
                return False
            raise
    return True


def _make_admin(url: str, password: str) -> None:
    """A server without any user takes the first one from anybody, and nothing else."""
    with closing(_client(url, "", "")) as client:
        try:
            client.create_user(ADMIN, password, admin=True)
        except InfluxDBClientError as error:
            if error.code != requests.codes.unauthorized:
                raise
            raise SetupFailed(
                f"InfluxDB at {url} has an admin whose password is not ours; give back the secrets it was set up "
                "with, or remove its data folder: it holds the grades of one day, and Kafka holds them too"
            ) from None


def _make_database(client: InfluxDBClient, database: str) -> list[str]:
    made = []
    if database not in {entry["name"] for entry in client.get_list_database()}:
        client.create_database(database)
        made.append(database)
    wanted = {"duration": f"{RETENTION // timedelta(hours=1)}h", "shard_duration": f"{SHARD // timedelta(hours=1)}h"}
    policies = {policy["name"]: policy for policy in client.get_list_retention_policies(database)}
    if RETENTION_POLICY not in policies:
        client.create_retention_policy(RETENTION_POLICY, replication="1", database=database, default=True, **wanted)
        made.append(f"retention policy {RETENTION_POLICY}")
    elif not _is_so(policies[RETENTION_POLICY], wanted):
        client.alter_retention_policy(RETENTION_POLICY, database=database, replication=1, default=True, **wanted)
        made.append(f"retention policy {RETENTION_POLICY} anew")
    return made


def _is_so(policy: dict[str, object], wanted: dict[str, str]) -> bool:
    found = (policy["duration"], policy["shardGroupDuration"], policy["default"])
    return found == (f"{wanted['duration']}0m0s", f"{wanted['shard_duration']}0m0s", True)


def _make_account(client: InfluxDBClient, url: str, account: Account) -> list[str]:
    if account.name not in {user["user"] for user in client.get_list_users()}:
        client.create_user(account.name, account.password)
        return [account.name]
    if not _lets_in(url, account.name, account.password):
        client.set_user_password(account.name, account.password)
        return [f"{account.name}'s password"]
    return []
