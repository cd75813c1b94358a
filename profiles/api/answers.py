"""How the API says things: plain JSON for answers, `{"result": …}` for deeds and errors."""

from typing import Any, Final

SUCCESS: Final = {"result": "Success"}


class ApiError(Exception):
    """A request that gets an error: HTTP status and content, in the words that clients of Countly look for."""

    def __init__(self, result: str, status: int = 400, *, content: Any = None) -> None:
        super().__init__(result)
        self.status = status
        self.content = {"result": result} if content is None else content


def missing(name: str) -> ApiError:
    """Return the error for a parameter that must be there."""
    return ApiError(f'Missing parameter "{name}"')


def unreadable(name: str, why: str) -> ApiError:
    """Return the error for a parameter that cannot be read. Says why, and never quotes what was sent."""
    return ApiError(f'Could not parse parameter "{name}": {why}')
