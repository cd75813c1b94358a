"""What every language's trace is read into."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a trace, as reported and as understood."""

    text: str
    function: str = ""
    """`CheckoutFragment.onPay`; empty where there is no name."""
    place: str = ""
    """`Checkout.kt:42`, or the image it was loaded from."""
    is_app_code: bool = False
    key: str = ""
    """What stays the same in the next build; empty where nothing does."""
    build_key: str = ""
    """What stays the same within one build only, such as an offset; for frames without a name."""


@dataclass(frozen=True, slots=True)
class Section:
    """An exception, its message and its frames, innermost first; or another thread, which has only a heading."""

    heading: str = ""
    exception: str = ""
    message: str = ""
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace as a whole. `chain` names the sections from the root cause outwards."""

    language: str
    sections: tuple[Section, ...]
    chain: tuple[int, ...]

    @property
    def cause(self) -> Section:
        """The section of the root cause."""
        return self.sections[self.chain[0]]

    @property
    def blamed(self) -> Section:
        """The section to look at first: the one nearest to the root cause in which the app's own code stands."""
        for index in self.chain:
            if any(frame.is_app_code for frame in self.sections[index].frames):
                return self.sections[index]
        return self.cause


@dataclass(frozen=True, slots=True)
class Language:
    """How the traces of one language are told and read."""

    name: str
    frame: re.Pattern[str]
    """Matches a line that is a frame of this language, and of no other before it in the list."""
    read: Callable[[Sequence[str], str], Trace]
    """Lines and the name of the app's executable (may be empty) to a trace."""


def basename(path: str) -> str:
    """Return the last part of a path of any system."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def chain_of_one(language: str, heading: str, exception: str, message: str, frames: Sequence[Frame]) -> Trace:
    """Return a trace with a single section."""
    return Trace(language, (Section(heading, exception, message, tuple(frames)),), (0,))
