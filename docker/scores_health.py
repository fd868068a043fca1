"""Health check of a container: does the service that writes grades read every partition? Exit code 0 for yes."""

import sys
from datetime import timedelta

from soh.local.readiness import reads_all
from soh.specs import CONSUMER_GROUPS

KAFKA = "kafka-1:9092,kafka-2:9092,kafka-3:9092"


def main(bootstrap: str, name: str, within: timedelta = timedelta(seconds=5)) -> str | None:
    """None when the consumer group has a reader for every partition, otherwise what is missing."""
    group = CONSUMER_GROUPS[name]
    if reads_all(bootstrap, group, within)():
        return None
    topics = " and ".join(topic.name for topic in group.reads)
    return f"{group.name} does not read every partition of {topics}"


if __name__ == "__main__":
    sys.exit(main(KAFKA, sys.argv[1]))
