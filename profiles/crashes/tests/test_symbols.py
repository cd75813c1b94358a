"""Traces in the words of their source: what files are, what they turn frames into, who may upload and see."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from profiles.access import api_keys
from profiles.access.models import ApiKey, App
from profiles.crashes.models import Crash, CrashGroup, SymbolFile
from profiles.crashes.services import record
from profiles.crashes.symbols import files, library
from profiles.crashes.symbols.files import Kind, SymbolError, identify
from profiles.crashes.symbols.rewriting import MAPPING, Rewritten
from profiles.crashes.tests.conftest import NOW, Make
from profiles.tests.factories import People, make_people, make_user

# As esbuild --minify writes them.
SCRIPT = b"function a(b){return b.total.value}a(null)"
SOURCE_MAP = json.dumps(
    {
        "version": 3,
        "sources": ["webpack://shop/./src/pay.ts"],
        "sourcesContent": ["export function pay(cart) {\n  return cart.total.value;\n}\npay(null);\n"],
        "names": ["pay", "cart", "total", "value"],
        "mappings": "AAAO,SAASA,EAAIC,GAClB,OAAOA,EAAKC,MAAMC,KACpB,CACAH,EAAI",
    }
).encode()
MINIFIED = """TypeError: Cannot read properties of undefined (reading 'value')
    at a (https://shop.example/assets/app.min.js?v=3:1:32)
    at https://shop.example/assets/app.min.js?v=3:1:37"""

R8_MAPPING = b"""# compiler: R8
com.shop.checkout.CheckoutFragment -> a.b.c:
# {"id":"sourceFile","fileName":"CheckoutFragment.kt"}
    1:5:void onPay(com.shop.Cart):42:46 -> a
    6:6:int com.shop.cart.Cart.total():12:12 -> b
    6:6:void refresh():50 -> b
com.shop.cart.CartException -> a.b.d:
"""
OBFUSCATED = """a.b.d: Cart is empty
	at a.b.c.b(SourceFile:6)
	at a.b.c.a(SourceFile:3)
	at android.app.Activity.performResume(Activity.java:8000)"""

BREAKPAD = b"""MODULE mac arm64 3249D99D0C4049318610F4E4FB0B69360 Shop
FILE 0 /Users/ci/shop/Cart.swift
FUNC e180 40 0 Cart.pay(amount:)
e180 20 12 0
e1a0 20 13 0
PUBLIC 2000 0 main
"""
APPLE = """NSInternalInconsistencyException: Cart is empty
0   CoreFoundation   0x00000001a1b2c3d4 __exceptionPreprocess + 164
3   Shop   0x0000000104c5a1a8 0x104c4c000 + 57768
4   UIKitCore   0x00000001a4b2c3d4 -[UIControl sendAction:to:forEvent:] + 100"""
IMAGES = json.dumps({"Shop": {"la": "0x104c4c000", "id": "3249D99D-0C40-4931-8610-F4E4FB0B6936"}})


@pytest.fixture
def people(db: None) -> People:
    return make_people()


@pytest.fixture
def app(people: People) -> App:
    return people.app


@pytest.fixture
def user(app: App) -> UUID:
    return make_user(app, "alices-phone", seen_at=NOW).id


def store(app: App, name: str, content: bytes, version: str = "1.0") -> list[SymbolFile]:
    return library.store(app=app, version=version, file_name=name, content=content, by="alice", now=NOW)


def rewritten(app: App) -> Rewritten:
    return library.rewrite(app, Crash.objects.get())


class TestFiles:
    def test_what_they_are(self) -> None:
        assert [(one.kind, one.name) for one in identify("dist/app.min.js.map", SOURCE_MAP)] == [
            (Kind.SOURCE_MAP, "app.min.js")
        ]
        assert identify("app.min.js", SCRIPT)[0].kind == Kind.SCRIPT
        assert identify("mapping.txt", R8_MAPPING)[0].kind == Kind.PROGUARD
        [native] = identify("Shop", BREAKPAD)
        assert (native.kind, native.name) == (Kind.NATIVE, "3249d99d0c4049318610f4e4fb0b6936")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.js.map", b"{}"),
            ("a.js.map", b"{" * 100_000),
            ("a.js.map", b'{"version": 3, "mappings": 7}'),
            ("a.js.map", b"\xff\xfe"),
            ("notes.txt", b"hello"),
            ("empty.map", b""),
            ("lib.so", b"\x7fELF" + bytes(100)),
        ],
    )
    def test_it_rejects_what_it_cannot_read(self, name: str, content: bytes) -> None:
        with pytest.raises(SymbolError):
            identify(name, content)

    def test_it_rejects_what_is_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "MOST_BYTES", 10)
        with pytest.raises(SymbolError, match="larger"):
            identify("a.js", SCRIPT)


class TestRewriting:
    def test_javascript_with_the_script(self, app: App, occurrence: Make) -> None:
        record([occurrence(MINIFIED, is_javascript=True)])
        store(app, "app.min.js.map", SOURCE_MAP)
        store(app, "app.min.js", SCRIPT)
        told = rewritten(app)
        assert told.text.split("\n")[1:] == ["    at pay (src/pay.ts:2:21)", "    at <anonymous> (src/pay.ts:4:1)"]
        assert (told.frames, told.missing) == (2, ())
        assert told.source is not None
        assert (told.source.path, told.source.line, told.source.text) == ("src/pay.ts", 2, "  return cart.total.value;")
        assert told.source.before == ("export function pay(cart) {",)

    def test_javascript_without_the_script_takes_names_from_the_callers(self, app: App, occurrence: Make) -> None:
        record([occurrence(MINIFIED, is_javascript=True)])
        store(app, "app.min.js.map", SOURCE_MAP)
        assert rewritten(app).text.split("\n")[1] == "    at pay (src/pay.ts:2:21)"

    def test_a_map_of_another_version_is_not_taken_and_the_page_says_what_is_missing(
        self, app: App, occurrence: Make
    ) -> None:
        record([occurrence(MINIFIED, is_javascript=True)])
        store(app, "app.min.js.map", SOURCE_MAP, version="2.0")
        told = rewritten(app)
        assert (told.text, told.frames, told.missing) == (MINIFIED, 0, ("app.min.js",))

    def test_java(self, app: App, occurrence: Make) -> None:
        record([occurrence(OBFUSCATED)])
        assert rewritten(app).missing == (MAPPING,)
        store(app, "mapping.txt", R8_MAPPING)
        assert rewritten(app).text.split("\n") == [
            "com.shop.cart.CartException: Cart is empty",
            "        at com.shop.cart.Cart.total(Cart.java:12)",
            "        at com.shop.checkout.CheckoutFragment.refresh(CheckoutFragment.kt:50)",
            "        at com.shop.checkout.CheckoutFragment.onPay(CheckoutFragment.kt:44)",
            "        at android.app.Activity.performResume(Activity.java:8000)",
        ]

    def test_a_new_file_of_the_same_name_counts_at_once(self, app: App, occurrence: Make) -> None:
        record([occurrence(OBFUSCATED)])
        store(app, "mapping.txt", R8_MAPPING)
        assert "CheckoutFragment" in rewritten(app).text
        other = R8_MAPPING.replace(b"CheckoutFragment", b"PaymentFragment")
        library.store(app=app, version="1.0", file_name="m.txt", content=other, by="", now=NOW.replace(year=2027))
        assert "PaymentFragment" in rewritten(app).text
        assert SymbolFile.objects.count() == 1

    def test_apple(self, app: App, occurrence: Make) -> None:
        record([occurrence(APPLE, binary_images=IMAGES, executable_name="Shop")])
        assert rewritten(app).missing == ("Shop (3249d99d0c4049318610f4e4fb0b6936)",)
        store(app, "Shop.sym", BREAKPAD, version="")
        lines = rewritten(app).text.split("\n")
        assert lines[2] == "3   Shop   0x0000000104c5a1a8 Cart.pay(amount:) + 40 (Cart.swift:13)"
        assert lines[1].endswith("__exceptionPreprocess + 164")

    def test_android_native(self, app: App, occurrence: Make) -> None:
        build = "3249d99d0c4049318610f4e4fb0b6936"
        error = f"signal 11 (SIGSEGV)\n      #00 pc 000000000000e1a8  /data/app/libshop.so (BuildId: {build})"
        record([occurrence(error)])
        store(app, "Shop.sym", BREAKPAD, version="")
        assert "Cart.pay(amount:) + 40 (Cart.swift:13)" in rewritten(app).text

    @pytest.mark.parametrize(
        "images", ["", "[]", "7", "{", '{"Shop": 7}', '[{"name": "Shop"}, 3]', '{"Shop": {"id": 3}}']
    )
    def test_odd_lists_of_images_do_no_harm(self, app: App, occurrence: Make, images: str) -> None:
        record([occurrence(APPLE, binary_images=images)])
        assert rewritten(app).frames == 0


class TestPages:
    def url(self, app: App, name: str = "symbols", *more: object) -> str:
        return reverse(f"crashes:{name}", args=[app.public_id, *more])

    def sent(self, *parts: tuple[str, bytes], version: str = "1.0") -> dict[str, Any]:
        return {"version": version, "file": [SimpleUploadedFile(name, content) for name, content in parts]}

    def test_an_analyst_uploads_sees_the_source_and_deletes(
        self, client: Client, people: People, app: App, occurrence: Make
    ) -> None:
        client.force_login(people.alice)
        record([occurrence(MINIFIED, is_javascript=True)])
        group = CrashGroup.objects.get()
        before = client.get(group.get_absolute_url()).content.decode()
        assert f'href="{self.url(app)}?version=1.0"' in before

        client.post(self.url(app), self.sent(("app.min.js.map", SOURCE_MAP), ("app.min.js", SCRIPT)))
        page = client.get(group.get_absolute_url()).content.decode()
        assert "src/pay.ts:2" in page
        assert "return cart.total.value;" in page
        assert "app.min.js?v=3:1:32" in page  # as reported
        assert "app.min.js.map" in client.get(self.url(app)).content.decode()

        for file in SymbolFile.objects.all():
            client.post(self.url(app, "delete_symbols", file.pk))
        assert "src/pay.ts" not in client.get(group.get_absolute_url()).content.decode()

    def test_all_or_nothing(self, client: Client, people: People, app: App) -> None:
        client.force_login(people.alice)
        sent = self.sent(("app.js.map", SOURCE_MAP), ("notes.txt", b"x"))
        page = client.post(self.url(app), sent, follow=True).content.decode()
        assert "notes.txt: That is no source map" in page
        assert not SymbolFile.objects.exists()

    def test_a_version_is_needed(self, client: Client, people: People, app: App) -> None:
        client.force_login(people.alice)
        client.post(self.url(app), self.sent(("app.js.map", SOURCE_MAP), version=" "))
        assert not SymbolFile.objects.exists()

    def test_bob_reads_only(self, client: Client, people: People, app: App) -> None:
        client.force_login(people.bob)
        assert client.get(self.url(app)).status_code == 200
        assert client.post(self.url(app), self.sent(("a.js", SCRIPT))).status_code == 403

    @pytest.mark.parametrize(("may_write", "status"), [(True, 200), (False, 403)])
    def test_a_build_server_uploads(
        self, client: Client, people: People, app: App, status: int, *, may_write: bool
    ) -> None:
        key = api_keys.create(user=people.alice, may_write=may_write)
        sent = {"app_id": app.public_id, **self.sent(("mapping.txt", R8_MAPPING))}
        response = client.post(reverse("upload_symbols"), sent, headers={"Authorization": f"Bearer {key}"})
        assert response.status_code == status
        assert SymbolFile.objects.count() == int(may_write)

    def test_keys_that_open_nothing(self, client: Client, people: People, app: App) -> None:
        sent = self.sent(("mapping.txt", R8_MAPPING))
        assert client.post(reverse("upload_symbols"), sent).status_code == 401
        stranger = api_keys.create(user=people.charlie, may_write=True)
        sent = {"app_id": app.public_id, **self.sent(("mapping.txt", R8_MAPPING))}
        answer = client.post(reverse("upload_symbols"), sent, headers={"Authorization": f"Bearer {stranger}"})
        assert answer.status_code == 404
        assert ApiKey.objects.exists()
        assert not SymbolFile.objects.exists()
