"""The time-series database: under which name grades are found there, and for how long."""

from __future__ import annotations

from datetime import timedelta

MEASUREMENT = "sensor_measurement"
"""One point a graded reading, with the tags `fleet` and `sensor_id`, at the time of the reading."""

RETENTION = timedelta(hours=24)
"""Of the database's default retention policy: it refuses what is older, and forgets what becomes so."""
