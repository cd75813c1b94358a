"""A stand-in for a store that speaks S3: objects in memory, and every signature is computed anew and compared."""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET, ACCESS_KEY, SECRET_KEY = "pictures-here", "AKIDEXAMPLE", "a secret"


class Bucket(ThreadingHTTPServer):
    """One bucket; `objects` is what it holds, `is_broken` makes it answer 500."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.is_broken = False

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bucket

    def _take(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        objects = self.server.objects
        if self.server.is_broken:
            self._answer(500)
        elif not self._is_signed(parts.path, parts.query, body):
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif bucket != BUCKET:
            self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        elif not key:
            self._answer(200, _listing(objects, dict(parse_qsl(parts.query)).get("prefix", "")))
        elif self.command == "PUT":
            objects[key] = body
            self._answer(200)
        elif self.command == "DELETE":
            objects.pop(key, None)
            self._answer(204)
        elif key in objects:
            self._answer(200, objects[key])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    do_GET = do_HEAD = do_PUT = do_DELETE = _take  # noqa: N815 - the names that http.server asks for

    def _is_signed(self, path: str, query: str, body: bytes) -> bool:
        """Verify a signature of version 4, and that the body is the one that was signed."""
        fields = dict(
            part.strip().split("=", 1)
            for part in self.headers.get("authorization", "").removeprefix("AWS4-HMAC-SHA256").split(",")
            if "=" in part
        )
        access_key, _, scope = fields.get("Credential", "").partition("/")
        said = self.headers.get("x-amz-content-sha256", "")
        if access_key != ACCESS_KEY or said not in {hashlib.sha256(body).hexdigest(), "UNSIGNED-PAYLOAD"}:
            return False
        pairs = sorted((quote(n, safe="-_.~"), quote(v, safe="-_.~")) for n, v in parse_qsl(query, True))
        signed = fields["SignedHeaders"].split(";")
        canonical = "\n".join(
            [
                self.command,
                path,
                "&".join(f"{name}={value}" for name, value in pairs),
                *(f"{name}:{self.headers[name].strip()}" for name in signed),
                "",
                fields["SignedHeaders"],
                said,
            ]
        )
        to_sign = "\n".join(
            ["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
        )
        key = f"AWS4{SECRET_KEY}".encode()
        for step in (*scope.split("/"), to_sign):
            key = hmac.digest(key, step.encode(), "sha256")
        return hmac.compare_digest(key.hex(), fields.get("Signature", ""))

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Tue, 24 Nov 2026 10:00:00 GMT")
        self.send_header("ETag", '"e"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _listing(objects: dict[str, bytes], prefix: str) -> bytes:
    found = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size></Contents>"
        for key, content in sorted(objects.items())
        if key.startswith(prefix)
    )
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()


@contextmanager
def running() -> Iterator[Bucket]:
    """Give a bucket that listens."""
    bucket = Bucket()
    thread = Thread(target=bucket.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield bucket
    finally:
        bucket.shutdown()
        bucket.server_close()
        thread.join()
