"""What every command that runs a flow needs first: a quiet Prefect, Ctrl-C that ends everything, a watchdog."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

# Set before Prefect is imported, and only where the user has not chosen otherwise.
_PREFECT_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_CLI_PROMPT": "false",
}


def get_ready() -> None:
    """Call before Prefect is imported."""
    from cli.prefect_home import use_own_prefect_home  # noqa: PLC0415
    from cli.watchdog import start_watchdog  # noqa: PLC0415

    use_own_prefect_home()
    os.environ.update({key: value for key, value in _PREFECT_DEFAULTS.items() if key not in os.environ})
    signal.signal(signal.SIGINT, _interrupted)
    start_watchdog()


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End at once with every child: what is finished is stored, the next run finds the rest abandoned."""
    import psutil  # noqa: PLC0415

    children = psutil.Process().children(recursive=True)
    for child in children:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(children, timeout=2)
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # the live display hides the cursor
    sys.stderr.write("\ninterrupted; run the same command again to go on\n")
    sys.stderr.flush()
    os._exit(130)
