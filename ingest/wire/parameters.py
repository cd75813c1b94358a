"""Parameters of one request, whichever way they came: query, urlencoded or multipart body, JSON body."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """A picture by its content: neither the sent type nor the file name is trusted."""

    content: bytes
    media_type: str
