"""The block of ports that one running copy listens on."""

from __future__ import annotations

import socket
from dataclasses import dataclass, fields

from soh.errors import SetupFailed

DEFAULT_BASE = 21000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One port a listener, all of them `base` and a fixed distance."""

    postgres: int = 0
    kafka_1: int = 1
    kafka_2: int = 2
    kafka_3: int = 3
    controller_1: int = 4
    controller_2: int = 5
    controller_3: int = 6
    namenode: int = 10
    namenode_http: int = 11
    datanode_1: int = 12
    datanode_1_http: int = 13
    datanode_1_ipc: int = 14
    datanode_2: int = 15
    datanode_2_http: int = 16
    datanode_2_ipc: int = 17
    yarn: int = 20
    yarn_scheduler: int = 21
    yarn_tracker: int = 22
    yarn_admin: int = 23
    yarn_http: int = 24
    nodemanager_1: int = 30
    nodemanager_1_localizer: int = 31
    nodemanager_1_http: int = 32
    nodemanager_2: int = 33
    nodemanager_2_localizer: int = 34
    nodemanager_2_http: int = 35
    airflow: int = 40
    s3: int = 50
    tsdb: int = 51
    tsdb_rpc: int = 52

    @classmethod
    def block(cls, base: int) -> Ports:
        """The ports of the block that begins at `base`.

        Raises SetupFailed when the block would leave the range of ports that servers may use.
        """
        if not 1024 <= base <= 32000:
            # From 32768 up the kernel hands ports to outgoing connections.
            raise SetupFailed(f"port base {base}: choose one between 1024 and 32000, such as {DEFAULT_BASE}")
        return cls(**{field.name: base + field.default for field in fields(cls)})  # type: ignore[operator]

    def taken(self) -> list[tuple[str, int]]:
        """Names and numbers of the ports that somebody listens on now."""
        ports = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return [(name, port) for name, port in ports if _is_taken(port)]


def free_base(start: int = 22000) -> int:
    """A base whose whole block is free now, for a copy beside others."""
    for base in range(start, 31900, 100):
        if not Ports.block(base).taken():
            return base
    raise SetupFailed(f"no free block of ports between {start} and 31900")


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port in TIME_WAIT is free for a server that sets this option, as all of ours do.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
