"""What `/o/sdk` answers, by `method`: the least that keeps every SDK content.

`sc` is kept by the SDK for good: nothing is ever sent there that could silence an app.
"""

import time
from typing import Any

from ingest import answers


def answer_to(method: str) -> tuple[int, Any]:
    """Return (status, content) for a method that SDKs read with; 400 for one that does not exist."""
    if method == "sc":
        return 200, {"v": 1, "t": int(time.time() * 1000), "c": {}}
    if method in _CONTENT:
        return 200, _CONTENT[method]
    if method.startswith("ab"):  # sent through the queue of an SDK: an error here would block its data
        return 200, {"result": "Success"}
    return 400, {"result": answers.INVALID_METHOD}


_CONTENT: dict[str, Any] = {
    "rc": {},
    "fetch_remote_config": {},
    "ab": {"result": "Successfully enrolled in ab tests"},
    "ab_fetch_variants": {},
    "ab_fetch_experiments": [],
    "feedback": {"result": []},
    "queue": {"result": "No content block found!"},
}
