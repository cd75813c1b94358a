"""One Valkey server on a private Unix socket: its command line, when it is ready."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import redis


@dataclass(frozen=True, slots=True)
class ValkeyServer:
    """Where one server's program, data and socket are."""

    program: Path
    data: Path
    socket_directory: Path

    @property
    def _socket(self) -> Path:
        return self.socket_directory / "valkey.sock"

    def url(self) -> str:
        """Return the address by socket, in redis-py's spelling."""
        return f"unix://{self._socket}"

    def command(self) -> list[str | Path]:
        """Return the command line. Nothing is evicted: this is a broker before it is a cache.

        Nothing is written to disk either: the database knows what is to be done, sweeps find it. With a log to write, a
        full disk made every command fail and every worker end.
        """
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return [self.program, *(part for name, value in options.items() for part in (f"--{name}", value))]

    def is_ready(self) -> bool:
        """Tell whether the server answers."""
        client = redis.Redis.from_url(self.url())
        try:
            return bool(client.ping())
        except (redis.exceptions.ConnectionError, redis.exceptions.BusyLoadingError):
            return False
        finally:
            client.close()
