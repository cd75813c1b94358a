"""Function names of compiled languages, as their developers wrote them. Not a demangler: names only, no types."""

import re

_LENGTH = re.compile(r"\d{1,3}")
_SWIFT_MANGLED = re.compile(r"_?(?:\$[sS]|_T0?)")
_SWIFT_WRAPPERS = re.compile(
    r"^(?:(?:implicit )?closure #\d+ (?:\([^()]*(?:\([^()]*\)[^()]*)*\)(?: (?:async )?(?:throws )?-> \S+)? )?in "
    r"|@objc |@nonobjc |specialized |partial apply (?:forwarder )?for |merged |generic specialization <[^>]*> of "
    r"|static |reabstraction thunk helper from |\(extension in \w+\):|\(\d+\) (?:await"
    r"|suspend) resume partial function for )"
)
_BLOCK = re.compile(r"^_+\d*(-?\+?\[.*\])_block_invoke(?:_\d+)?$")
_ACCESSOR = re.compile(r"\.(?:getter|setter|modify|read|unsafeMutableAddressor)$")
_HASH = re.compile(r"(?:::h[0-9a-f]{16}|\.llvm\.\d+|\.cold(?:\.\d+)?|\.part\.\d+|\.constprop\.\d+|\.isra\.\d+)$")
_ANONYMOUS = re.compile(r"\(anonymous namespace\)::|`anonymous namespace'::")
_LAMBDA = re.compile(r"::(?:\{lambda[^{}]*\}|<lambda_[0-9a-f]+>|\$_\d+|'lambda\d*').*$")
_INNERMOST_TEMPLATE = re.compile(r"<[^<>]*>")
_CONST = re.compile(r"\s*(?:const|noexcept|volatile|&&?|\[clone [^\]]*\])\s*$")


def _identifiers(mangled: str) -> list[str]:
    """Return the length-prefixed identifiers at the start of a mangled name."""
    names: list[str] = []
    position = 0
    while position < len(mangled):
        length = _LENGTH.match(mangled, position)
        if length is None:
            # Swift marks the kind (C class, V struct, O enum, E extension) between the names.
            if names and mangled[position] in "CVOPE" and mangled[position + 1 : position + 2].isdigit():
                position += 1
                continue
            break
        size = int(length[0])
        name = mangled[length.end() : length.end() + size]
        if not size or len(name) < size:
            break
        names.append(name)
        position = length.end() + size
    return names


def plain_swift(symbol: str) -> str:
    """Return `Cart.pay` or `-[Cart pay]` for a symbol of Swift or Objective-C, mangled or not."""
    mangled = _SWIFT_MANGLED.match(symbol)
    if mangled:
        names = _identifiers(symbol[mangled.end() :].lstrip("CVOtTF"))
        return ".".join(names) or symbol
    block = _BLOCK.match(symbol)
    if block:
        return block[1]
    if symbol.startswith(("-[", "+[")):
        return symbol
    for _ in range(6):
        inner = _SWIFT_WRAPPERS.sub("", symbol, count=1)
        if inner == symbol:
            break
        symbol = inner
    name = symbol.split(" -> ", 1)[0].split("(", 1)[0].split(" : ", 1)[0]
    return _ACCESSOR.sub("", name).strip() or symbol


def plain_cpp(symbol: str) -> str:
    """Return `Shop::Cart::pay` for a symbol of C++, Rust or C, mangled or not: no arguments, no template values."""
    if symbol.startswith("_ZN"):
        names = _identifiers(symbol[3:].lstrip("KVrRO"))
        if names:
            return "::".join(
                name for name in names if not re.fullmatch(r"h[0-9a-f]{16}|_GLOBAL__N_\d+|_GLOBAL__N_1", name)
            )
    elif symbol.startswith("_Z") and symbol[2:3].isdigit():
        names = _identifiers(symbol[2:])
        if names:
            return names[0]
    name = _ANONYMOUS.sub("", _HASH.sub("", symbol))
    name = _LAMBDA.sub("", name)
    for _ in range(8):
        shorter = _INNERMOST_TEMPLATE.sub("", name)
        if shorter == name:
            break
        name = shorter
    name = _CONST.sub("", name)
    if "operator()" in name:
        name = name.partition("::operator()")[0]
    name = name.split("(", 1)[0].strip()
    return name.rpartition(" ")[2] or symbol
