"""Where instances of the kit live: directories that are removed afterwards, on a small file system if so asked."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from countly_profiles.faults.instance import Instance


@contextmanager
def running_instance(manage: Path, *, disk_mb: int = 0, **environ: str) -> Iterator[Instance]:
    """Run an instance of its own on a free port; end it and remove its data afterwards, unless something failed."""
    # Not below a home: as root the database runs as another user, who could not enter it.
    data_dir = Path(tempfile.mkdtemp(prefix="countly-faults-"))
    data_dir.chmod(0o755)
    with _small_disk(data_dir, disk_mb):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        instance = Instance(manage, data_dir, port, **environ)
        try:
            instance.start()
            yield instance
        finally:
            instance.end()
    shutil.rmtree(data_dir)


@contextmanager
def _small_disk(directory: Path, megabytes: int) -> Iterator[None]:
    if not megabytes:
        yield
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "none", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


def can_make_small_disk() -> bool:
    """Tell whether a small file system can be mounted here: that takes root, and a container that allows it."""
    directory = Path(tempfile.mkdtemp(prefix="countly-faults-"))
    try:
        with _small_disk(directory, 1):
            return True
    except (subprocess.CalledProcessError, OSError):
        return False
    finally:
        directory.rmdir()
