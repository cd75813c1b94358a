"""Objective-C and Swift on Apple's systems: `2   Shop   0x0000000104c5a1a8 -[Cart pay] + 40`."""

import re
from collections.abc import Sequence

from profiles.crashes.traces.frames import Frame, Language, Section, Trace, basename
from profiles.crashes.traces.names import plain_cpp, plain_swift

NAME = "Apple"
FRAME = re.compile(
    r"\s*\d{1,4}\s{1,20}(?P<image>[^\s].{0,80}?)\s{1,40}0x[0-9a-fA-F]+\s(?P<symbol>.{0,400}?)(?: \+ (?P<offset>\d+))?"
    r"(?: \((?P<place>[^()]{1,200}:\d+)\))?\s*$"
)
_RAISED = re.compile(r"uncaught exception '(?P<type>[^']{1,100})', reason: '(?P<message>.*?)'?$")
_TYPE = re.compile(r"Exception Type:\s+(?P<type>\w+(?: \(\w+\))?)")
_SWIFT = re.compile(
    r"(?:^|: )(?P<type>Fatal error|Precondition failed|Assertion failed)(?:: (?P<message>.*?))?(?:: file .*)?$"
)
_PLAIN = re.compile(r"(?P<type>NS\w+Exception|EXC_\w+|SIG[A-Z]{2,6}|\w+Error)(?:: (?P<message>.*))?$")
_BLAMED_THREAD = re.compile(r"Thread \d+(?: name:.*)? Crashed|Last Exception Backtrace")
_THREAD = re.compile(r"Thread \d+|Last Exception Backtrace|\*\*\* First throw call stack|Binary Images")

# fmt: off
_SYSTEM_IMAGES = frozenset((
    "UIKit", "UIKitCore", "Foundation", "CoreFoundation", "CoreData", "CoreGraphics", "CoreText", "CoreAnimation",
    "QuartzCore", "Graphi", "csServices", "CFNetwork", "Network", "Security", "SwiftUI", "SwiftUICore",
    "AttributeGraph", "Combine", "WebKit", "WebCore", "JavaScriptCore", "AVFoundation", "A", "VFCore", "AVKit",
    "MapKit", "CoreLocation", "CoreMotion", "CoreMedia", "CoreVideo", "Metal", "MetalKit", "SceneKit", "SpriteKit",
    "StoreKit", "UserNotifications", "FrontBoardServices", "BackBoardServices", "BaseBoard", "Photos", "PhotosUI",
    "Contacts", "ImageIO", "IOKit", "AppKit", "HIToolbox", "AudioToolbox", "VideoTo", "olbox", "AuthKit",
    "CloudKit", "CoreBluetooth", "SafariServices", "XCTest", "MediaPlayer", "CoreTelephony", "SystemConfiguration",
    "Accessibility", "Flutter", "UnityFramework", "Countly", "CountlyFlutter", "hermes", "dyld", "dyld_sim",
))
# fmt: on
_SYSTEM_IMAGE = re.compile(r"lib[\w.+\-]*\.dylib$|libswift\w+|libsystem|Firebase\w*$|FBSDK\w*$")
_OWN_HANDLERS = re.compile(r"Countly\w*(?:ExceptionHandler|SignalHandler)|^-?\+?\[Countly|\[CountlyCrashReporter")
_BOILERPLATE = frozenset({"main", "start", "_start", "UIApplicationMain", "_mh_execute_header"})
_UNSYMBOLICATED = re.compile(r"(?:0x[0-9a-fA-F]+|__lldb_unnamed_symbol\S*|<redacted>|\?\?\?)$")


def read(lines: Sequence[str], executable: str) -> Trace:
    """Read the lines of a trace or of a whole crash report; the crashed thread is the one that counts."""
    sections: list[Section] = []
    heading, frames = list[str](), list[Frame]()
    for line in lines:
        found = FRAME.match(line)
        if found:
            frames.append(_frame(line, found, executable))
        elif line.strip():
            if frames and _THREAD.match(line):
                sections.append(_section(heading, frames))
                heading, frames = [], []
            heading.append(line)
    if frames or heading:
        sections.append(_section(heading, frames))
    chain = [i for i, section in enumerate(sections) if _BLAMED_THREAD.search(section.heading) and section.frames]
    blamed = chain[0] if chain else next((i for i, section in enumerate(sections) if section.frames), 0)
    if not sections[blamed].exception and sections[0].exception:
        first, crashed = sections[0], sections[blamed]
        sections[blamed] = Section(crashed.heading, first.exception, first.message, crashed.frames)
    return Trace(NAME, tuple(sections), (blamed,))


def _section(heading: Sequence[str], frames: Sequence[Frame]) -> Section:
    for pattern in (_RAISED, _TYPE, _SWIFT, _PLAIN):
        for line in heading:
            found = pattern.search(line) if pattern is not _PLAIN else pattern.match(line.strip())
            if found:
                message = found.groupdict().get("message") or ""
                return Section("\n".join(heading), found["type"], message, tuple(frames))
    message = next((line.strip() for line in heading if not _THREAD.match(line)), "")
    return Section("\n".join(heading), "", message, tuple(frames))


def _frame(line: str, found: re.Match[str], executable: str) -> Frame:
    image = basename(found["image"])
    symbol = found["symbol"].strip()
    is_app_code = _is_app_image(image, executable) and not _OWN_HANDLERS.search(symbol)
    if _UNSYMBOLICATED.match(symbol) or basename(symbol) == image:
        # Not symbolicated: only the offset within the image, which the loader's random address does not move.
        offset = found["offset"]
        build_key = f"{image}+{offset}" if offset else ""
        return Frame(line.strip(), "", image, is_app_code, "", build_key)
    if "$" in symbol[:3] or symbol.startswith("_T"):
        function = plain_swift(symbol)
    elif symbol.startswith(("_Z", "__Z")):
        function = plain_cpp(symbol.removeprefix("_") if symbol.startswith("__Z") else symbol)
    else:
        function = plain_swift(symbol)
    # Swift names the module, Objective-C does not; the module is the image.
    key = function.removeprefix(f"{image}.")
    is_boilerplate = function in _BOILERPLATE
    place = found["place"] or image
    return Frame(line.strip(), key, place, is_app_code and not is_boilerplate, key)


def _is_app_image(image: str, executable: str) -> bool:
    if executable and image in {executable, f"{executable}.debug.dylib"}:
        return True
    return image not in _SYSTEM_IMAGES and not _SYSTEM_IMAGE.match(image) and image != "???"


LANGUAGE = Language(NAME, FRAME, read)
