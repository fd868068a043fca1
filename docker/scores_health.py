"""Health check of a container: does the service that writes grades read every partition? Exit code 0 for yes."""

import sys

from soh.local.readiness import reads_all
from soh.specs.groups import SCORES_TO_TSDB

KAFKA = "kafka-1:9092,kafka-2:9092,kafka-3:9092"


def main(bootstrap: str) -> str | None:
    """None when every partition has a reader, otherwise what is missing."""
    if reads_all(bootstrap, SCORES_TO_TSDB)():
        return None
    topics = " and ".join(topic.name for topic in SCORES_TO_TSDB.reads)
    return f"{SCORES_TO_TSDB.name} does not read every partition of {topics}"


if __name__ == "__main__":
    sys.exit(main(KAFKA))
