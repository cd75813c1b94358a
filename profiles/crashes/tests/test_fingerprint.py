"""The corpus: what must fall together and what must not, trace by trace, in `corpus/*.txt`.

Traces under one `===` are one group; two `===` of a file are never one. A `>>>` says the platform and, after
semicolons: handled, independent, javascript, name=…, executable=….
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from profiles.crashes.fingerprint import CrashFacts, Fingerprint, fingerprint, trace_of

CORPUS = Path(__file__).parent / "corpus"
PLATFORMS = ("android", "ios", "javascript", "native", "unity", "flutter", "python", "text")


@dataclass
class Group:
    """What stands under one `===`."""

    platform: str
    name: str
    title: str = ""
    culprit: str = ""
    is_prefix: bool = False
    reports: list[CrashFacts] = field(default_factory=list)

    def fingerprints(self) -> list[Fingerprint]:
        return [fingerprint(report) for report in self.reports]


def _facts(header: str, text: str) -> CrashFacts:
    platform, *options = [part.strip() for part in header.split(";")]
    said = dict(option.partition("=")[::2] for option in options)
    return CrashFacts(
        platform=platform,
        error=text,
        name=said.get("name", ""),
        executable_name=said.get("executable", ""),
        is_fatal="handled" not in said,
        is_os_independent="independent" in said,
        is_javascript="javascript" in said,
    )


def read_corpus(platform: str) -> list[Group]:
    """Return the groups of one file."""
    groups: list[Group] = []
    for part in f"\n{(CORPUS / f'{platform}.txt').read_text()}".split("\n=== ")[1:]:
        head, *reports = part.split("\n>>> ")
        name, *settings = head.split("\n")
        said = dict(line.partition(":")[::2] for line in settings if line)
        group = Group(platform, name, said["title"].strip(), said["culprit"].strip(), "prefix" in said)
        group.reports = [_facts(header, text.rstrip("\n")) for header, _, text in (r.partition("\n") for r in reports)]
        groups.append(group)
    return groups


GROUPS = [group for platform in PLATFORMS for group in read_corpus(platform)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_corpus_has_at_least_ten_groups_of_each_platform(platform: str) -> None:
    assert len(read_corpus(platform)) >= 10
    assert sum(len(group.reports) for group in read_corpus(platform)) >= 15


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group.platform}: {group.name}")
def test_it_groups_what_belongs_together_and_names_it(group: Group) -> None:
    found = group.fingerprints()
    assert len({print_.digest for print_ in found}) == 1, [
        (print_.title, [frame.key or frame.build_key for frame in print_.frames]) for print_ in found
    ]
    title = found[0].title[: len(group.title)] if group.is_prefix else found[0].title
    assert (title, found[0].culprit) == (group.title, group.culprit)


def test_it_parts_what_does_not_belong_together() -> None:
    owners = Counter(print_.digest for group in GROUPS for print_ in group.fingerprints()[:1])
    shared = {digest for digest, times in owners.items() if times > 1}
    assert [group.name for group in GROUPS if group.fingerprints()[0].digest in shared] == []


@pytest.mark.parametrize("platform", PLATFORMS[:-1])
def test_it_marks_the_apps_own_frames(platform: str) -> None:
    for group in read_corpus(platform):
        for report in group.reports:
            frames = [frame for section in trace_of(report).sections for frame in section.frames]
            for frame in frames:
                if any(
                    word in frame.text
                    for word in ("UIKitCore", "android.os.", "react-dom", "UnityEngine", "package:flutter/")
                ):
                    assert not frame.is_app_code, frame.text
