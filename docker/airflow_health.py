"""Health check of a container: does the api-server call this part of Airflow healthy? Exit code 0 for yes."""

import json
import sys
import urllib.request

HEALTH = "http://airflow-api-server:8080/api/v2/monitor/health"


def main(part: str) -> str | None:
    """None when the part is healthy, otherwise what is known about it."""
    with urllib.request.urlopen(HEALTH, timeout=5) as answer:
        status = json.load(answer).get(part, {}).get("status")
    return None if status == "healthy" else f"{HEALTH} calls {part} {status or 'unknown'}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
