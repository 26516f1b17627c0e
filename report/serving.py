"""A web server for `report.live` that ends at once when it is asked to."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from chem.errors import ConfigurationError
from report.live import LiveReport, live_app

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_PATIENCE_S = 0.6  # with a request that is being answered when the server is asked to end


def is_local(host: str) -> bool:
    """Whether only this machine reaches what listens on a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that waits for connections; with port 0 the system chooses one.

    Raises:
        ConfigurationError: The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error}; give another --host or --port"
        ) from error


def address_of(listener: socket.socket) -> str:
    """Where a browser finds a socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(report: LiveReport, listener: socket.socket, host: str) -> None:
    """Answer requests until SIGINT or SIGTERM; then end within a second, whatever is being answered.

    Args:
        report: The database.
        listener: From `listening_socket`.
        host: As asked for; where it is this machine alone, other names are refused.
    """
    hosts = LOCAL_NAMES | {host} if is_local(host) else None
    config = uvicorn.Config(
        live_app(report, hosts=hosts),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
    )
    _Server(config).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends without repeating the signal: being stopped is how a server ends well."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hand both signals to `handle_exit` while the server runs."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, and do not wait for a query that takes long: a reader leaves nothing behind."""
        super().handle_exit(sig, frame)
        last = threading.Timer(_PATIENCE_S, os._exit, args=(0,))
        last.daemon = True
        last.start()
