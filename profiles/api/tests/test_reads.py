"""What the API answers, shape by shape."""

import csv
import gzip
import io
import json
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest

from profiles.access.models import Membership
from profiles.api.documents import document_id
from profiles.api.tests.conftest import NOW, World, promote
from profiles.tests.factories import make_property_change

pytestmark = pytest.mark.django_db


def test_the_list(world: World) -> None:
    table = world.bob.read("user_details", sEcho="3", iDisplayLength="1")
    assert (table["sEcho"], table["iTotalRecords"], table["iTotalDisplayRecords"]) == ("3", 2, 2)
    (row,) = table["aaData"]
    assert row["uid"] == world.mara.uid
    assert row["_id"] == document_id(world.people.app, "dev-mara")
    assert (row["name"], row["cc"], row["p"], row["sc"], row["ls"]) == (
        "Mara Lind",
        "NO",
        "Android",
        3,
        int(NOW.timestamp()),
    )
    (second,) = world.bob.read("user_details", iDisplayStart="1")["aaData"]
    assert (second["name"], second["email"]) == ("dev-bo", "")


@pytest.mark.parametrize(
    ("asked", "devices"),
    [
        ({"query": {"up.cc": "NO"}}, ["dev-mara"]),
        ({"query": {"custom.plan": {"$in": ["pro", "team"]}}}, ["dev-mara"]),
        ({"query": "{}", "filter": "{}"}, ["dev-mara", "dev-bo"]),
        ({"filter": "user-anonymous"}, ["dev-bo"]),
        ({"sSearch": "lind"}, ["dev-mara"]),
        ({"iSortCol_0": "2", "sSortDir_0": "asc"}, ["dev-bo", "dev-mara"]),
        ({"query": {"$nor": [{"cc": "NO"}]}}, ["dev-bo"]),
    ],
)
def test_the_list_is_narrowed_and_sorted(world: World, asked: dict[str, Any], devices: list[str]) -> None:
    table = world.bob.read("user_details", **asked)
    assert [row["did"] for row in table["aaData"]] == devices
    assert table["iTotalDisplayRecords"] == len(devices)


def test_visible_columns(world: World) -> None:
    (row, _) = world.bob.read("user_details", visibleColumns=["cty", "custom", "chr-group"])["aaData"]
    assert row["custom"] == {"plan": "pro", "age": 31}
    (row, _) = world.bob.read("user_details", visibleColumns=["custom"], fetchOnlyVisibleColumns="true")["aaData"]
    assert row == {"custom": {"plan": "pro", "age": 31}}


def test_a_query_that_cannot_be_read_is_an_error(world: World) -> None:
    status, text = world.bob.error("/o", method="user_details", query="{cc: NO")
    assert (status, text) == (400, 'Could not parse parameter "query": it is not valid JSON')
    status, text = world.bob.error("/o", method="user_details", query={"cc": {"$where": 1}})
    assert status == 400
    assert "$where" in text


def test_one_profile_by_uid_and_by_device(world: World) -> None:
    by_uid = world.bob.read("user_details", uid=world.mara.uid)
    assert by_uid == world.bob.read("user_details", did="dev-mara")
    assert (by_uid["email"], by_uid["tsd"], by_uid["custom"]["plan"]) == ("mara@example.com", 180, "pro")
    assert by_uid["consent"] == {"push": True}
    assert world.bob.read("user_details", uid="zz") == {}
    assert world.bob.read("user_details", did="nobody") == {}


def test_the_breakdown(world: World) -> None:
    broken = world.bob.read("user_details", projectionKey=["cc"])
    assert broken["breakDownData"] == [{"_id": "NO", "sum": 1}, {"_id": "SE", "sum": 1}]
    assert (broken["projectionKey"], broken["total"]) == ("cc", 2)
    by_plan = world.bob.read("user_details", projectionKey="custom.plan")["breakDownData"]
    assert {"_id": "pro", "sum": 1} in by_plan
    assert world.bob.error("/o", method="user_details", projectionKey="ls")[0] == 400


def test_the_list_as_a_file_needs_an_analyst(world: World) -> None:
    assert world.bob.error("/o", method="user_details", exportToFile="true") == (401, "User does not have right")
    promote(world, Membership.Role.ANALYST)
    answer = world.bob.ask("/o", method="user_details", exportToFile="true", type="csv", filename="mine/../x")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row[1] for row in rows] == ["Name", "Mara Lind", "dev-bo"]
    assert answer["Content-Disposition"] == 'attachment; filename="minex.csv"'


def test_the_graph(world: World) -> None:
    graph = world.bob.read("user_details", calculate="graph", uid=world.mara.uid, period="7days", bucket="daily")
    assert graph["totals"] == {"s": 3, "e": 3, "d": 3, "ds": 3, "tsd": 180}
    today = NOW.date()
    assert graph["graph"][f"{today.year}:{today.month}:{today.day}"] == {"s": 1, "e": 1}
    hours = world.bob.read("user_details", calculate="graph", uid=world.mara.uid, period="today", bucket="hourly")
    assert hours["graph"][f"{today.year}:{today.month}:{today.day}:{NOW.hour}"] == {"s": 1, "e": 4}
    assert world.bob.read("user_details", calculate="graph", uid="zz") == {}
    assert world.bob.error("/o", method="user_details", calculate="graph", uid="1", bucket="hourly")[0] == 400


def test_the_sessions(world: World) -> None:
    table = world.bob.read("user_details", calculate="sessions", uid=world.mara.uid, iDisplayLength="2")
    assert table["iTotalRecords"] == 3
    assert table["aaData"][0] == {"ts": int(NOW.timestamp()), "dur": 60, "did": "dev-mara"}
    assert len(table["aaData"]) == 2
    oldest = world.bob.read("user_details", calculate="sessions", uid=world.mara.uid, sSortDir_0="asc")["aaData"][0]
    assert oldest["ts"] == int((NOW - timedelta(days=2)).timestamp())


def test_the_events(world: World) -> None:
    ask = {"calculate": "eventsTable", "uid": world.mara.uid}
    table = world.bob.read("user_details", **ask)
    assert [row["c"]["sku"] for row in table["aaData"]] == ["k3", "k2", "k1", "k0"]
    assert table["iTotalRecords"] == 4
    assert [row["e"] for row in world.bob.read("user_details", **ask, event="view_item")["aaData"]] == ["view_item"]
    assert world.bob.read("user_details", **ask, event="[CLY]_session", limit="1", skip="0")["iTotalRecords"] == 3
    assert world.bob.read("user_details", **ask, event="crash")["aaData"][0]["c"]["name"] == "IOError"
    assert len(world.bob.read("user_details", **ask, sSearch="BU")["aaData"]) == 3
    assert world.bob.read("user_details", **(ask | {"uid": "zz"}))["aaData"] == []


def test_events_by_cursor_are_each_given_once(world: World) -> None:
    ask = {"calculate": "eventsTable", "uid": world.mara.uid, "paginationMode": "cursor", "limit": "3"}
    first = world.bob.read("user_details", **ask)
    assert first["hasNextPage"]
    second = world.bob.read("user_details", **ask, cursor=first["nextCursor"])
    assert not second["hasNextPage"]
    assert [row["c"]["sku"] for row in first["aaData"] + second["aaData"]] == ["k3", "k2", "k1", "k0"]
    assert world.bob.error("/o", method="user_details", **ask, cursor="nonsense")[0] == 400


def test_earlier_values(world: World) -> None:
    make_property_change(world.mara, "custom.plan", "free", NOW - timedelta(days=1))
    make_property_change(world.mara, "custom.plan", "pro", NOW)
    history = world.bob.read("user_details", calculate="history", uid=world.mara.uid)["history"]
    assert history["custom.plan"] == {"free": True, "pro": True}
    assert history["cc"] == {"NO": True, "SE": True}
    error = world.bob.error("/o", method="user_details", calculate="history")
    assert error == (400, 'Missing parameter "uid" or "did"')
    assert world.bob.error("/o", method="user_details", calculate="history", uid="zz") == (400, "User not found")


def test_counts_crashes_and_funnels_of_a_user(world: World) -> None:
    assert world.bob.read("user_counts") == {"unidentified": 1, "total": 2}
    table = world.bob.read("user_crashes", uid=world.mara.uid)
    assert table["aaData"][0]["reports"] == 2
    assert world.bob.read("user_crashes", uid="64f000000000000000000001")["aaData"] == []
    (funnel,) = world.bob.read("user_funnels", uid=world.mara.uid)
    assert (funnel["_id"], funnel["step"], funnel["data"]["success_rate"]) == (world.funnel.public_id, 2, 100)
    assert world.bob.read("user_funnels", uid="64f000000000000000000001") == []


def test_loyalty_and_consents(world: World) -> None:
    loyalty = world.bob.get("/o/app_users/loyalty")
    assert loyalty["all"] == [{"_id": "1", "count": 1, "index": 0}, {"_id": "3-5", "count": 1, "index": 2}]
    assert loyalty["7days"] == [{"_id": "3-5", "count": 1, "index": 2}]
    assert world.bob.error("/o/app_users/loyalty", query="{")[0] == 400
    first = world.bob.get("/o/app_users/consents")["aaData"][0]
    assert (first["did"], first["consent"], first["lac"]) == ("dev-mara", {"push": True}, int(NOW.timestamp() * 1000))


def test_the_analysis_of_a_funnel(world: World) -> None:
    answer = world.bob.read("funnel", funnel=world.funnel.public_id, period="30days", echo="w1")
    assert (answer["total_users"], answer["users_in_first_step"], answer["success_users"]) == (2, 1, 1)
    assert (answer["success_rate"], answer["echo"]) == (50.0, "w1")
    first, second = answer["steps"]
    assert (first["step"], first["users"], first["percent"], first["percentLeft"]) == ("view_item", 1, 50.0, 50.0)
    assert (first["averageTimeSpend"], second["percentUserEntered"], second["averageTimeSpend"]) == (35, 100.0, 0)
    assert world.bob.read("funnel", funnel=world.funnel.public_id, users_for_step="1") == [world.mara.uid]
    assert world.bob.error("/o", method="funnel") == (400, "Missing request parameter: funnel")
    assert world.bob.error("/o", method="funnel", funnel="x") == (400, "Requested funnel does not exist")


def test_crash_groups(world: World) -> None:
    table = world.bob.read("crashes", query={"os": "Android", "latest_version": "2.4.1"}, filter="{}")
    (row,) = table["aaData"]
    assert (row["name"], row["reports"], row["is_resolved"], row["nonfatal"]) == ("IOError", 2, False, False)
    assert world.bob.read("crashes", query={"os": "iOS"})["aaData"] == []
    group = world.bob.read("crashes", group=row["_id"])
    assert [report["uid"] for report in group["data"]] == [world.mara.uid] * 2
    assert world.bob.read("crashes", group=row["_id"], userlist="true") == [world.mara.uid]
    assert world.bob.read("crashes", list="true") == [{"_id": row["_id"], "name": "IOError"}]
    graph = world.bob.read("crashes", graph="true")
    assert graph["users"] == {"total": 2, "affected": 1, "fatal": 1, "nonfatal": 0}
    assert graph["crashes"] == {"total": 2, "unique": 1, "resolved": 0, "unresolved": 1}
    assert world.bob.error("/o", method="crashes", group="nothing") == (400, "Crash group not found")
    assert world.bob.error("/o", method="crashes", query={"$where": "1"})[0] == 400


def test_apps_the_caller_and_the_parts(world: World) -> None:
    app_id = world.people.app.public_id
    mine = world.bob.get("/o/apps/mine")
    assert (mine["admin_of"], list(mine["user_of"])) == ({}, [app_id])
    assert "salt" not in mine["user_of"][app_id]
    assert world.alice.get("/o/apps/mine")["admin_of"][app_id]["salt"] == ""
    me = world.bob.get("/o/users/me")
    assert (me["username"], me["global_admin"]) == ("bob", False)
    assert re.fullmatch(r"[0-9a-f]{24}", me["_id"])
    assert "api_key" not in me
    parts = world.bob.get("/o/plugins")
    assert {part["code"] for part in parts if part["enabled"] is True} >= {
        "users",
        "funnels",
        "crashes",
        "push",
        "drill",
    }


def test_an_export_is_made_fetched_and_deleted(world: World) -> None:
    name = world.alice.get("/i/app_users/export", query={"did": "dev-mara"})["result"]
    assert name == f"appUser_{world.people.app.public_id}_{world.mara.uid}.json"
    answer = world.alice.ask(f"/o/app_users/download/{name}")
    packed = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert b"mara@example.com" in b"".join(packed.read(one) for one in packed.namelist())
    everybody = world.alice.get("/i/app_users/export", query="{}")
    assert everybody["count"] == 2
    answer = world.alice.ask(f"/o/app_users/download/{everybody['result']}")
    rows = json.loads(gzip.decompress(b"".join(answer.streaming_content)))
    assert [row["did"] for row in rows] == ["dev-mara", "dev-bo"]
    assert world.alice.get(f"/i/app_users/deleteExport/{name}") == {"result": "Export deleted"}
    assert world.alice.error(f"/o/app_users/download/{name}") == (400, "Export doesn't exist")
    assert world.alice.error("/i/app_users/deleteExport/passwd") == (400, "invalid filename")
    assert world.alice.error("/i/app_users/export", query={"did": "x"}) == (400, "Query didn't mach any user")
