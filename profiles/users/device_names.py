"""What people call a device: SM-S921B is a Galaxy S24. Known by device-detector, asked in a process of its own.

The detector's tables take some 60 MB and its answer some 10 ms, so no server process ever imports it: `find_names` runs
this module as a program, which reads models from its input and writes their names to its output, as JSON.
"""

import json
import subprocess
import sys
from collections.abc import Collection

SECONDS_AT_MOST = 120

# The detector reads user agents: the shortest that makes it look the model up, for Android and for Apple's identifiers.
_ANDROID = "Dalvik/2.1.0 (Linux; U; Android 14; {} Build/X)"
_APPLE = "App/1 CFNetwork/1490 Darwin/23.2.0 ({})"
_APPLE_FAMILIES = ("iPhone", "iPad", "iPod", "Watch", "AppleTV", "Mac")


def find_names(models: Collection[str]) -> dict[str, str]:
    """Return what the detector calls these models; those that it does not know are left out.

    Raises subprocess.SubprocessError when the program fails or takes too long.
    """
    finished = subprocess.run(  # noqa: S603 - our own program; models go to its input, not its arguments
        [sys.executable, "-m", __name__],
        input=json.dumps(sorted(models)),
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS_AT_MOST,
    )
    names: dict[str, str] = json.loads(finished.stdout)
    return names


def _main() -> None:
    from device_detector import DeviceDetector

    names = {}
    for model in json.load(sys.stdin):
        pattern = _APPLE if model.startswith(_APPLE_FAMILIES) else _ANDROID
        device = DeviceDetector(pattern.format(model)).parse()
        name = f"{device.device_brand()} {device.device_model()}".strip()
        if device.device_model() and device.device_model().casefold() != model.casefold():
            names[model] = device.device_model() if pattern == _APPLE else name
    json.dump(names, sys.stdout)


if __name__ == "__main__":
    _main()
