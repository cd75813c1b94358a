"""C, C++ and Rust: Android tombstones, gdb, sanitizers, glibc, Boost, Breakpad, Windows debuggers."""

import re
from collections.abc import Sequence

from profiles.crashes.traces.frames import Frame, Language, Section, Trace, basename
from profiles.crashes.traces.names import plain_cpp

NAME = "C++"
_TOMBSTONE = (
    r"\s*#\d{1,4}\s{1,4}pc (?:0x)?(?P<pc>[0-9a-fA-F]+)\s{1,8}(?P<lib>[^\s(]{1,400})(?: \(offset 0x[0-9a-f]+\))?"
    r"(?: \((?!BuildId)(?P<symbol1>.{1,500}?)(?:\+\d+)?\))?(?: \(BuildId: [0-9a-f]+\))?\s*$"
)
_DEBUGGER = (
    r"\s*#\d{1,4}\s{1,4}(?:0x[0-9a-fA-F]+ in )?(?P<symbol2>[\w:~<>*&\[\]{}',$ ]{1,300}?|operator[^\s(]+|\?\?)\s?"
    r"(?P<args>\(.{0,400}\))?(?: const)? ?(?:(?: ?at | ?from | ?)(?P<place2>[^\s()]*[/\\.][^\s()]*)"
    r"| \((?P<module2>[^()]+\+0x[0-9a-f]+)\))?\s*"
    r"(?: \(BuildId: [0-9a-f]+\))?$"
)
_MODULE = (
    r"\s*(?:\d{1,4}\s{1,4})?(?:[0-9a-fA-F`]{8,20} ){0,3}(?P<module>[\w.+\-]{1,100})!"
    r"(?P<symbol3>[^\[]{1,300}?)(?: ?\+ ?0x[0-9a-fA-F]+)?"
    r"(?:\s\[(?P<place3>[^\]]{1,300})\])?(?: (?:Line )?\d+)?\s*$"
)
_GLIBC = (
    r"\s*(?:\[bt\] |\d+: )?(?P<binary>[^\s()]{1,300})\((?P<symbol4>[^()]{0,300}?)"
    r"(?:\+0x[0-9a-fA-F]+)?\)\s?\[0x[0-9a-fA-F]+\]\s*$"
)
_BOOST = r"\s*\d{1,4}#\s(?:(?P<symbol5>.{1,300}?)(?: at (?P<place5>\S{1,300}:\d+)| in (?P<module5>\S{1,300}))?)\s*$"
FRAME = re.compile("|".join((_TOMBSTONE, _MODULE, _GLIBC, _BOOST, _DEBUGGER)))

_SIGNAL = re.compile(r"signal \d+ \((?P<type>SIG\w+)\)(?:, code -?\d+ \((?P<code>\w+)\))?|\b(?P<bare>SIG[A-Z]{2,6})\b")
_ABORT = re.compile(r"Abort message: '(?P<message>.*?)'?$")
_THROWN = re.compile(r"terminate called after throwing an instance of '(?P<type>[^']{1,200})'")
_WHAT = re.compile(r"\s*what\(\):\s*(?P<message>.*)$")
_SANITIZER = re.compile(r"ERROR: (?P<type>\w+Sanitizer: [\w\-]+)")
_WINDOWS = re.compile(r"(?P<type>(?:EXCEPTION_\w+|Access violation|Stack overflow))", re.IGNORECASE)
_WINDOWS_CODE = re.compile(r"\b(?P<type>0x[Cc]0{4}[0-9A-Fa-f]{3})\b")
_STANDARD = re.compile(
    r"(?P<type>(?:std|boost|\w+)::\w+(?:_error|_cast|_range|_alloc|Exception|Error)?|\w+(?:Error"
    r"|Exception)):? ?(?P<message>.*)$"
)
_PANIC = re.compile(r"thread '[^']*' panicked at (?:'(?P<message>.*)',)?.*$")

_SYSTEM_LIBRARY = re.compile(
    r"lib(?:c|m|dl|art|artbase|log|utils|binder|ui|gui|hwui|EGL|GLES\w*|vulkan|c\+\+|c\+\+_shared|stdc\+\+"
    r"|pthread|gcc_s|android|"
    r"android_runtime|jvm|nativehelper|media\w*|webviewchromium|unity|il2cpp|mono\w*|flutter|Qt\d?\w+|gtk\S*"
    r"|glib\S*|X11|GL|"
    r"countly\w*|hermes|jsc|reactnativejni|ntdll)(?:[.\-]\S*)?\.so|linker(?:64)?$|app_process|ld-linux|libc-"
    r"|boot\S*\.oat$|\[vdso\]|"
    r"(?:ntdll|kernel32|kernelbase|ucrtbase\w*|msvcp\w*|msvcr\w*|vcruntime\w*|user32|gdi32|combase|d3d\w+"
    r"|nv\w+|atio\w+|win32u)"
    r"(?:\.dll)?$"
)
_SYSTEM_SYMBOL = re.compile(
    r"(?:std|boost|__gnu_cxx|__cxxabiv1|core|alloc|absl|folly|tokio|QtPrivate)::|__libc_|_start$|__|abort$"
    r"|raise$|gsignal$|pthread_|"
    r"start_thread$|clone\d?$|main$|WinMain$|wWinMain$|invoke_main$|mainCRTStartup|art_|art::|android::"
    r"|_Unwind|operator (?:new|delete)|"
    r"(?:malloc|free|memcpy|memmove|memset|strlen|strcmp|strcpy|syscall|tgkill|kill|sigaction|killpg)$"
    r"|rust_panic|rust_begin_unwind"
    r"|Q[A-Z]\w+::|BaseThreadInitThunk|RtlUserThreadStart|countly|cly::|Countly::"
)


def read(lines: Sequence[str], executable: str) -> Trace:
    """Read the lines of a trace; the first run of frames is the crashed thread's."""
    sections: list[Section] = []
    heading, frames = list[str](), list[Frame]()
    for line in lines:
        found = FRAME.match(line)
        if found:
            frames.append(_frame(line, found, executable))
        elif line.strip():
            if frames:
                sections.append(_section(heading, frames))
                heading, frames = [], []
            heading.append(line)
    if heading or frames:
        sections.append(_section(heading, frames))
    blamed = next((i for i, section in enumerate(sections) if section.frames), 0)
    return Trace(NAME, tuple(sections), (blamed,))


def _section(heading: Sequence[str], frames: Sequence[Frame]) -> Section:
    exception, message = _what_happened(heading)
    return Section("\n".join(heading), exception, message, tuple(frames))


def _what_happened(heading: Sequence[str]) -> tuple[str, str]:
    text = "\n".join(heading)
    said = _ABORT.search(text) or next((found for line in heading if (found := _WHAT.match(line))), None)
    message = said["message"] if said else ""
    thrown = _THROWN.search(text) or _SANITIZER.search(text)
    if thrown:
        return thrown["type"], message
    panic = next((found for line in heading if (found := _PANIC.match(line))), None)
    if panic:
        return "panic", panic["message"] or ""
    signal = _SIGNAL.search(text)
    if signal:
        return signal["type"] or signal["bare"], message
    windows = _WINDOWS.search(text) or _WINDOWS_CODE.search(text)
    if windows:
        return windows["type"], message
    first = heading[0].strip() if heading else ""
    standard = _STANDARD.match(first)
    if standard:
        return standard["type"], message or standard["message"]
    return "", message or first


def _frame(line: str, found: re.Match[str], executable: str) -> Frame:
    groups = found.groupdict()
    symbol = next(
        (groups[name] for name in ("symbol1", "symbol2", "symbol3", "symbol4", "symbol5") if groups[name]), ""
    )
    library = basename(
        next((groups[name] for name in ("lib", "module", "binary", "module5", "module2") if groups[name]), "")
    )
    place = next((groups[name] for name in ("place3", "place2", "place5") if groups[name]), "")
    symbol = symbol.strip()
    if not symbol or symbol == "??" or symbol.startswith("0x"):
        # No name: the offset within the library, where the format has it, lasts as long as the build.
        build_key = f"{library}+{groups['pc']}" if groups["pc"] else ""
        return Frame(line.strip(), "", library, _is_app_library(library, executable), "", build_key)
    function = plain_cpp(symbol)
    is_app_code = _is_app_library(library, executable) and not _SYSTEM_SYMBOL.match(function)
    is_app_code = is_app_code and not _is_system_source(place)
    shown = basename(place.split(" @ ")[0].split(" : ")[0]) if place else library
    return Frame(line.strip(), function, shown, is_app_code, function)


def _is_app_library(library: str, executable: str) -> bool:
    return bool(executable and library == executable) or not _SYSTEM_LIBRARY.match(library)


def _is_system_source(place: str) -> bool:
    return place.startswith(
        ("/usr/", "/lib/", "/lib64/", "/rustc/", "../sysdeps/", "./nptl/", "/build/glibc", "../csu/", "d:\\a01\\")
    )


LANGUAGE = Language(NAME, FRAME, read)
