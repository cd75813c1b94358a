"""What people do with a group: resolve, hide, reopen it, say something of it. Pages and the API both call these."""

from datetime import datetime
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from profiles.crashes.models import CrashComment, CrashGroup

LONGEST_COMMENT: Final = 4000


def resolve(*, group: CrashGroup, version: str = "") -> None:
    """Mark a group as resolved: only a version newer than `version` (by default its latest one) can bring it back."""
    with transaction.atomic():
        latest = CrashGroup.objects.select_for_update(no_key=True).get(pk=group.pk).latest_version
        group.state, group.resolved_version = CrashGroup.State.RESOLVED, version or latest
        group.save(update_fields=["state", "resolved_version"])


def hide(*, group: CrashGroup) -> None:
    """Take a group out of the list and off the profiles; it goes on counting."""
    group.state = CrashGroup.State.HIDDEN
    group.save(update_fields=["state"])


def reopen(*, group: CrashGroup) -> None:
    """Make a resolved, reoccurred or hidden group an open one again."""
    group.state, group.resolved_version = CrashGroup.State.OPEN, ""
    group.save(update_fields=["state", "resolved_version"])


def add_comment(*, group: CrashGroup, author: AbstractBaseUser, text: str, now: datetime) -> CrashComment:
    """Say something of a group."""
    return CrashComment.objects.create(
        group=group, author_id=author.pk, author_name=author.get_username(), text=text, created_at=now
    )


def edit_comment(*, comment: CrashComment, text: str, now: datetime) -> None:
    """Change what one said; a comment that stays as it is does not count as edited."""
    if text != comment.text:
        comment.text, comment.edited_at = text, now
        comment.save(update_fields=["text", "edited_at"])


def delete_comment(*, comment: CrashComment) -> None:
    """Take back what one said."""
    comment.delete()
