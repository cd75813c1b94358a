"""An analyst who reads pages while things break: no page may ever say that it broke, and none may hang."""

import random
import re
import threading
import time
from collections import Counter
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, build_opener

from countly_profiles.faults.instance import Instance
from profiles.profile.boxes import BOX_BY_NAME

SECONDS_BETWEEN_PAGES = 0.15
TIMEOUT_SECONDS = 30.0  # of a page: beyond it, it hangs
_SIGN_IN_SECONDS = 30.0
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_USER = re.compile(r'/users/([0-9A-Za-z]+)/["?]')
_EXPECTED = frozenset((0, 200, 503))
_LATE = (b"data-box-error>", b"That took too long")  # the former is hidden elsewhere


class Analyst:
    """Reads the list, users, their boxes, the stream and exports, one page after the other, until stopped."""

    def __init__(self, instance: Instance, app_public_id: str, seed: str) -> None:
        self.statuses: Counter[int] = Counter()  # 0: no answer at all
        self.broke: Counter[str] = (
            Counter()
        )  # addresses, less names of users, that answered otherwise than they may, or hung
        self.boxes_late = 0  # pages with a part that says that it took too long
        self._app = f"http://127.0.0.1:{instance.port}/apps/{app_public_id}"
        self._dice = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="analyst")
        self._uids: list[str] = []
        self._browser = _signed_in(instance)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End after the page that is being read."""
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._stop.is_set():
            self._open(self._next())
            self._stop.wait(SECONDS_BETWEEN_PAGES)

    def _next(self) -> str:
        if not self._uids or self._dice.random() < 0.25:
            return "/users/"
        uid = self._dice.choice(self._uids)
        box = self._dice.choice(sorted(BOX_BY_NAME))
        return self._dice.choice(
            (
                f"/users/{uid}/",
                f"/users/{uid}/{box}/",
                f"/users/{uid}/stream/",
                "/list/export/?everyone=1",
                f"/list/export/progress/?token={self._dice.getrandbits(64):016x}",
                "/freshness/",
                "/funnels/",
                "/crashes/",
            )
        )

    def _open(self, address: str) -> None:
        status, content = 0, b""
        began = time.monotonic()
        try:
            with self._browser.open(self._app + address, timeout=TIMEOUT_SECONDS) as answer:
                status, content = answer.status, answer.read()
        except HTTPError as error:
            status = error.code
        except OSError:
            pass  # nobody listens, or the connection was cut
        self.statuses[status] += 1
        self.boxes_late += any(words in content for words in _LATE)
        if status not in _EXPECTED or time.monotonic() - began >= TIMEOUT_SECONDS:
            self.broke[f"{status} {re.sub(r'/users/[^/]+/', '/users/*/', address.partition('?')[0])}"] += 1
        if address == "/users/" and status == 200:
            self._uids = _USER.findall(content.decode()) or self._uids


def _signed_in(instance: Instance) -> OpenerDirector:
    """Sign in as the administrator, by the form, as a browser does."""
    browser = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))
    address = f"http://127.0.0.1:{instance.port}/login/"
    with browser.open(address, timeout=_SIGN_IN_SECONDS) as page:
        token = _TOKEN.findall(page.read().decode())[0]
    password = (instance.data_dir / "admin_password").read_text(encoding="utf-8").strip()
    form = urlencode({"csrfmiddlewaretoken": token, "username": "admin", "password": password})
    browser.open(address, form.encode(), timeout=_SIGN_IN_SECONDS).close()
    return browser
