"""Configuration of the stores beside HDFS: S3Proxy for models' artefacts and landed grades, InfluxDB for grades."""

from __future__ import annotations

import json
from collections.abc import Mapping

from soh.local.home import Home


def s3proxy(home: Home) -> dict[str, object]:
    """Settings of the object store: a folder a bucket, and no request without a signature."""
    return {
        "s3proxy.endpoint": home.endpoints.s3,
        "s3proxy.authorization": "aws-v2-or-v4",
        "s3proxy.identity": home.secrets["s3_access_key"],
        "s3proxy.credential": home.secrets["s3_secret_key"],
        "jclouds.provider": "filesystem-nio2",
        "jclouds.filesystem.basedir": home.s3_data,
    }


def influxdb(home: Home) -> dict[str, dict[str, object]]:
    """Settings of the time-series database by section; those of the top stand under an empty name."""
    folder = home.tsdb_data
    return {
        "": {
            "reporting-enabled": False,
            "bind-address": f"127.0.0.1:{home.ports.tsdb_rpc}",
        },
        # A database gets the retention policy that it is made with, and never an endless one beside it.
        "meta": {"dir": str(folder / "meta"), "retention-autocreate": False, "logging-enabled": False},
        "data": {
            "dir": str(folder / "data"),
            "wal-dir": str(folder / "wal"),
            "index-version": "tsi1",
            "query-log-enabled": False,
            "cache-max-memory-size": 256 * 1024**2,
        },
        "retention": {"check-interval": "30m0s"},
        "monitor": {"store-enabled": False},
        "subscriber": {"enabled": False},
        "continuous_queries": {"enabled": False},
        "http": {
            "bind-address": f"127.0.0.1:{home.ports.tsdb}",
            "auth-enabled": True,
            "log-enabled": False,
            "pprof-enabled": False,
        },
        "logging": {"level": "warn", "suppress-logo": True},
    }


def toml(sections: Mapping[str, Mapping[str, object]]) -> str:
    """Text of sections whose values are strings, whole numbers and booleans: TOML writes those as JSON does."""
    lines = []
    for section, settings in sections.items():
        lines += [f"[{section}]"] if section else []
        lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    return "\n".join(lines) + "\n"
