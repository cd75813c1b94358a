"""A trace in the order in which a developer reads it: the root cause first, the app's own frames open. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from profiles.crashes.traces.frames import Frame, Section, Trace

_SECTIONS_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Run:
    """Frames in a row of one kind: the app's own, which stand open, or others, which are folded."""

    is_app_code: bool
    frames: tuple[Frame, ...]

    @property
    def is_remark(self) -> bool:
        """Whether it is one line that names nothing, such as "... 11 more": not worth a fold."""
        return len(self.frames) == 1 and not self.frames[0].function and not self.is_app_code

    @property
    def summary(self) -> str:
        """What a folded run says of itself."""
        number = len(self.frames)
        named = next((frame.function for frame in self.frames if frame.function), "")
        others = f"{number} frame{'' if number == 1 else 's'} of the system and libraries"
        return f"{others} · {named}" if named else others


@dataclass(frozen=True, slots=True)
class Part:
    """An exception or a thread with its frames in runs."""

    role: str
    """Root cause, Wrapped by, or empty for a trace of one part and for threads."""
    heading: str
    exception: str
    message: str
    runs: tuple[Run, ...]
    is_folded: bool


def in_reading_order(trace: Trace) -> tuple[Part, ...]:
    """Return the parts of a trace: from the root cause outwards, then what else was reported."""
    chain = [index for index in trace.chain if index < len(trace.sections)]
    others = [index for index in range(len(trace.sections)) if index not in set(chain)]
    blamed = trace.blamed
    parts = []
    for index in [*chain, *others][:_SECTIONS_SHOWN]:
        section = trace.sections[index]
        role = ""
        if len(chain) > 1 and index in chain:
            role = "Root cause" if index == chain[0] else "Wrapped by"
        is_folded = index not in chain or (index != chain[0] and section is not blamed)
        parts.append(_part(section, role, is_folded=is_folded))
    return tuple(parts)


def _part(section: Section, role: str, *, is_folded: bool) -> Part:
    return Part(role, section.heading, section.exception, section.message, _runs(section.frames), is_folded)


def _runs(frames: Sequence[Frame]) -> tuple[Run, ...]:
    if not any(frame.is_app_code for frame in frames):
        # Nothing of the app: folding everything would show nothing.
        return (Run(True, tuple(frames)),) if frames else ()
    return tuple(Run(kind, tuple(run)) for kind, run in groupby(frames, key=lambda frame: frame.is_app_code))
