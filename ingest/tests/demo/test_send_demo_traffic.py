"""`manage.py send_demo_traffic` against a server that answers as it is told."""

import socket
from collections import defaultdict
from io import StringIO
from itertools import pairwise
from threading import Event
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.core.management import CommandError, call_command

from ingest.demo.sender import Server, Tally, send_stories
from ingest.tests.demo.stub import Received, Stub, result, stub_server


def run(stub: Stub, **options: Any) -> str:
    output = StringIO()
    defaults = {"users": 12, "days": 5, "url": stub.url, "seed": "s", "parallel": 3}
    call_command("send_demo_traffic", "k" * 40, stdout=output, stderr=output, **(defaults | options))
    return output.getvalue()


def device_of(request: Received) -> str:
    return parse_qs(request.text)["device_id"][0]


class TestSending:
    def test_it_works(self) -> None:
        with stub_server() as stub:
            output = run(stub)
        assert f"Sent {len(stub.received):,} requests of 12 people" in output
        assert "Seed: s" in output
        assert "100%" in output
        assert {request.target.partition("?")[0] for request in stub.received} == {"/i"}

    def test_connections_are_kept(self) -> None:
        with stub_server() as stub:
            run(stub)
        assert stub.connections <= 3 + 1  # and the look whether somebody is there

    def test_each_persons_requests_stay_in_order(self) -> None:
        with stub_server() as stub:
            run(stub, users=8, days=10)
        stamps: dict[str, list[int]] = defaultdict(list)
        for request in stub.received:
            stamps[device_of(request)].append(int(parse_qs(request.text)["timestamp"][0]))
        assert len(stamps) >= 8
        late = sum(after < before for seen in stamps.values() for before, after in pairwise(seen))
        assert late <= 2  # what is sent late on purpose

    def test_the_same_seed_makes_the_same_people(self) -> None:
        with stub_server() as first, stub_server() as second:
            run(first)
            run(second)
        assert {device_of(request) for request in first.received} == {device_of(request) for request in second.received}

    def test_without_a_seed_there_are_new_people_each_time(self) -> None:
        with stub_server() as stub:
            run(stub, seed="", users=3, days=1)
            before = {device_of(request) for request in stub.received}
            stub.received.clear()
            run(stub, seed="", users=3, days=1)
        assert before.isdisjoint(device_of(request) for request in stub.received)

    def test_a_path_in_the_address_is_kept(self) -> None:
        with stub_server() as stub:
            run(stub, url=f"{stub.url}countly/", users=1, days=1)
        assert all(request.target.startswith("/countly/i") for request in stub.received)

    def test_it_sends_again_when_the_server_hangs_up_or_fails(self) -> None:
        moods = iter([(0, b""), (503, b""), (502, b"<html>")])
        with stub_server(lambda _: next(moods, result("Success"))) as stub:
            output = run(stub, users=1, days=1, parallel=1)
        assert len({request.text for request in stub.received[:4]}) == 1
        assert f"Sent {len(stub.received) - 3:,} requests" in output


class TestRefusals:
    def test_an_unknown_key_ends_it_at_once(self) -> None:
        with (
            stub_server(lambda _: result("App does not exist", 400)) as stub,
            pytest.raises(CommandError, match=r"no app with this key .*App does not exist"),
        ):
            run(stub)
        assert len(stub.received) <= 3

    def test_a_paused_app_ends_it(self) -> None:
        with (
            stub_server(lambda _: result("App is currently not accepting data", 400)) as stub,
            pytest.raises(CommandError, match=r"paused"),
        ):
            run(stub)

    def test_a_missing_salt_is_told_though_the_status_is_200(self) -> None:
        with (
            stub_server(lambda _: result("Request does not have checksum")) as stub,
            pytest.raises(CommandError, match=r"--salt"),
        ):
            run(stub)

    def test_another_server_is_recognised(self) -> None:
        with (
            stub_server(lambda _: (404, b"<h1>Not Found</h1>")) as stub,
            pytest.raises(CommandError, match="no Countly server"),
        ):
            run(stub)

    def test_single_refusals_are_counted_and_told_with_their_reason(self) -> None:
        def answer(request: Received) -> tuple[int, bytes]:
            return result("Could not ingest data", 400) if "crash" in request.text else result("Success")

        with stub_server(answer) as stub, pytest.raises(CommandError) as refused:
            run(stub, users=40, days=30, parallel=6)
        assert refused.value.returncode == 1
        count = sum("crash" in request.text for request in stub.received)
        assert f"{count:,} × status 400: Could not ingest data" in str(refused.value)

    def test_an_answer_without_a_result_is_no_success(self) -> None:
        with (
            stub_server(lambda _: (200, b"[]")) as stub,
            pytest.raises(CommandError, match="status 200 without a result"),
        ):
            run(stub, users=1, days=1)

    def test_nobody_listens(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(CommandError, match="Nothing answers at http"):
            call_command("send_demo_traffic", "k", url=url)

    @pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost/", "http://", "http://host:port/"])
    def test_an_address_that_is_none(self, url: str) -> None:
        with pytest.raises(CommandError, match="is no address"):
            call_command("send_demo_traffic", "k", url=url)

    @pytest.mark.parametrize("users", ["0", "-3", "many", "1000000000"])
    def test_a_number_that_is_none(self, users: str) -> None:
        with pytest.raises(CommandError, match="a number from 1 to"):
            call_command("send_demo_traffic", "k", f"--users={users}")


class TestInterruption:
    def test_ctrl_c_ends_it_and_says_what_was_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(total: Tally) -> None:
            if total.people >= 2:
                raise KeyboardInterrupt

        original = send_stories

        def interrupted(*args: Any, **options: Any) -> Tally:
            show = options["on_person"]

            def show_and_interrupt(total: Tally) -> None:
                show(total)
                interrupt(total)

            return original(*args, **(options | {"on_person": show_and_interrupt}))

        monkeypatch.setattr("ingest.management.commands.send_demo_traffic.send_stories", interrupted)
        with stub_server() as stub, pytest.raises(CommandError, match=r"Interrupted\. Sent [\d,]+ requests") as ended:
            run(stub, users=60, days=30)
        assert ended.value.returncode == 130

    def test_a_stop_ends_within_a_request(self) -> None:
        stop = Event()
        told: list[int] = []

        def tell(number: int) -> list[Any]:
            told.append(number)
            stop.set()
            return []

        with stub_server() as stub:
            total = send_stories(Server.at(stub.url), tell, 50, parallel=1, stop=stop, on_person=lambda _: None)
        assert told == [0]
        assert total.requests == 0

    def test_a_gone_server_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ingest.demo.sender._FIRST_PAUSE_SECONDS", 0.001)
        with stub_server(lambda _: (0, b"")) as stub, pytest.raises(CommandError, match="does not answer any more"):
            run(stub, users=2, days=1)
