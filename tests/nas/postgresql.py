"""A PostgreSQL server on the loopback address, for tests."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = os.pathsep.join([os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])
"""Where Debian puts the programs of the server is on no PATH."""


@contextmanager
def postgresql(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Start a server with a new, empty database, and give its URL. Its password is in PGPASSWORD meanwhile.

    The test is skipped where there is no server or no driver.
    """
    pytest.importorskip("psycopg", reason="needs psycopg: pip install -e .[postgresql]")
    initdb, pg_ctl = (shutil.which(name, path=PROGRAMS) for name in ("initdb", "pg_ctl"))
    if initdb is None or pg_ctl is None:
        pytest.skip("needs the server PostgreSQL: apt install postgresql, or its programs on the PATH")
    user = "nobody" if os.geteuid() == 0 else None  # the server refuses to run as root
    password = secrets.token_hex(8)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="lwmisn-") as folder:
        (Path(folder) / "password").write_text(password)
        if user is not None:
            for path in (folder, f"{folder}/password"):
                shutil.chown(path, user)

        def call(*command: str) -> None:
            subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

        database = ["-D", f"{folder}/database"]
        call(initdb, *database, "-U", "lwmisn", "-A", "scram-sha-256", f"--pwfile={folder}/password", "--no-sync")
        options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off"
        call(pg_ctl, *database, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            monkeypatch.setenv("PGPASSWORD", password)
            yield f"postgresql://lwmisn@127.0.0.1:{port}/postgres"
        finally:
            call(pg_ctl, *database, "-m", "immediate", "stop")
