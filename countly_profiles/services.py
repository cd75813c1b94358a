"""Where the services of a running instance are: a small file in DATA_DIR that `up` writes and settings read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_NAME = "services.json"
SECRET_KEY_FILE_NAME = "secret_key"  # noqa: S105 - the name of a file


@dataclass(frozen=True, slots=True)
class Services:
    """Addresses of the database and the broker."""

    database_url: str
    redis_url: str


def read(data_dir: Path) -> Services | None:
    """Return the addresses of the instance that was last started with this DATA_DIR, if there was one."""
    try:
        found = json.loads((data_dir / FILE_NAME).read_text(encoding="utf-8"))
        return Services(database_url=str(found["database_url"]), redis_url=str(found["redis_url"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        msg = f"{data_dir / FILE_NAME} is damaged; remove it and start again."
        raise ValueError(msg) from None


def write(data_dir: Path, services: Services) -> None:
    """Put the addresses in place at once, so that a reader never sees half a file."""
    draft = data_dir / f".{FILE_NAME}.draft"
    draft.write_text(json.dumps(asdict(services)) + "\n", encoding="utf-8")
    draft.chmod(0o644)
    draft.replace(data_dir / FILE_NAME)


def forget(data_dir: Path) -> None:
    """Remove the addresses: nothing runs there any more."""
    (data_dir / FILE_NAME).unlink(missing_ok=True)


def read_secret_key(data_dir: Path) -> str:
    """Return the key that `up` made for this DATA_DIR, or nothing."""
    try:
        return (data_dir / SECRET_KEY_FILE_NAME).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
