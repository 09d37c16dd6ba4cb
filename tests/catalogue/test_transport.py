from __future__ import annotations

import gzip
import itertools
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import pytest
from tests.catalogue.conftest import Server
from urllib3.connection import HTTPConnection

from ringback.connectors.transport import _PLACES, Call, Transport, _place, _Pools
from ringback.problems import Failure


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport()
    yield made
    made.close()


def failed(transport: Transport, call: Call) -> Failure:
    with pytest.raises(Failure) as raised:
        transport.send(call)
    return raised.value


def test_a_call_is_answered(server: Server, transport: Transport) -> None:
    server.answers["/a"] = (201, {"X-Thing": "1"}, b"made")
    answer = transport.send(Call("POST", f"{server.url}/a?q=1", {"X-Own": "y"}, b"body"))
    assert (answer.status, answer.body, answer.headers["x-thing"]) == (201, b"made", "1")
    method, path, headers, body = server.seen[0]
    assert (method, path, headers["x-own"], body) == ("POST", "/a?q=1", "y", b"body")
    assert headers["user-agent"].startswith("Ringback/")


def test_connections_are_kept_and_shared_by_threads(server: Server, transport: Transport) -> None:
    server.answers["/a"] = (200, {}, b"x" * 100_000)
    for _ in range(5):
        transport.send(Call("GET", f"{server.url}/a"))
    assert server.connections == 1
    threads = [
        threading.Thread(target=transport.send, args=(Call("GET", f"{server.url}/a"),))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.seen) == 13


def test_no_cookie_is_carried_to_the_next_call(server: Server, transport: Transport) -> None:
    server.answers["/a"] = (200, {"Set-Cookie": "a=1"}, b"")
    transport.send(Call("GET", f"{server.url}/a"))
    transport.send(Call("GET", f"{server.url}/a"))
    assert "cookie" not in server.seen[1][2]


def test_redirects_are_the_answer_unless_asked_for(server: Server, transport: Transport) -> None:
    server.answers["/a"] = (302, {"Location": "/b"}, b"")
    server.answers["/b"] = (200, {}, b"there")
    assert transport.send(Call("POST", f"{server.url}/a", body=b"x")).status == 302
    answer = transport.send(
        Call("POST", f"{server.url}/a", {"Content-Type": "t"}, b"x", redirects=3)
    )
    assert (answer.body, answer.url) == (b"there", f"{server.url}/b")
    assert server.seen[-1][0] == "GET"
    assert "content-type" not in server.seen[-1][2]
    assert transport.send(Call("GET", f"{server.url}/a", redirects=0)).status == 302


def test_a_307_keeps_method_and_body(server: Server, transport: Transport) -> None:
    server.answers["/a"] = (307, {"Location": "/b"}, b"")
    server.answers["/b"] = (200, {}, b"there")
    transport.send(Call("POST", f"{server.url}/a", body=b"x", redirects=1))
    assert (server.seen[-1][0], server.seen[-1][3]) == ("POST", b"x")


def test_credentials_do_not_follow_to_another_host(server: Server, transport: Transport) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    server.answers["/a"] = (302, {"Location": f"{elsewhere}/b"}, b"")
    server.answers["/b"] = (200, {}, b"")
    transport.send(Call("GET", f"{server.url}/a", {"Authorization": "Bearer s"}, redirects=1))
    assert "authorization" in server.seen[0][2]
    assert "authorization" not in server.seen[1][2]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0", "127.1"])  # fmt: skip
def test_a_guarded_call_stays_out_of_the_private_network(server: Server, transport: Transport, host: str) -> None:  # fmt: skip
    port = server.url.rpartition(":")[2]
    problem = failed(transport, Call("GET", f"http://{host}:{port}/", guard=True))
    assert problem.code == "blocked_address"
    assert "allow_private" in problem.next
    assert server.connections == 0


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8"])
def test_what_the_operator_allows_is_reached(server: Server, transport: Transport, allowed: str) -> None:  # fmt: skip
    server.answers["/"] = (200, {}, b"")
    call = Call("GET", f"{server.url}/", guard=True, allow_private=(allowed,))
    assert transport.send(call).status == 200
    other = Call("GET", f"{server.url}/", guard=True, allow_private=("10.0.0.0/8", "localhost"))
    assert failed(transport, other).code == "blocked_address"


def test_a_redirect_inwards_is_blocked(server: Server, transport: Transport) -> None:
    port = server.url.rpartition(":")[2]
    server.answers["/a"] = (302, {"Location": f"http://localhost:{port}/secret"}, b"")
    server.answers["/secret"] = (200, {}, b"the crown jewels")
    call = Call("GET", f"{server.url}/a", guard=True, allow_private=("127.0.0.9", "10.0.0.0/8"))
    assert failed(transport, call).code == "blocked_address"
    followed = Call(
        "GET", f"{server.url}/a", redirects=3, guard=True, allow_private=("127.0.0.1/32",)
    )
    assert transport.send(followed).body == b"the crown jewels"  # localhost is that very address
    to_metadata = (302, {"Location": "http://169.254.169.254/latest/meta-data"}, b"")
    server.answers["/a"] = to_metadata
    assert failed(transport, followed).code == "blocked_address"


def test_the_connection_goes_to_the_very_address_that_was_checked(
    server: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that means a public address when asked first and a private one when asked again gets nowhere."""
    port = int(server.url.rpartition(":")[2])
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])
    reached: list[Any] = []

    def fickle(host: str, *_args: Any, **_named: Any) -> list[Any]:
        if host != "fickle.example":  # a numeric address, as it is connected to
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(_self: socket.socket, address: Any) -> None:
        reached.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", fickle)
    monkeypatch.setattr(socket.socket, "connect", connect)
    problem = failed(transport, Call("GET", f"http://fickle.example:{port}/", guard=True))
    assert problem.code == "unreachable"
    assert reached == [("93.184.216.34", port)]


def test_a_pool_opened_without_the_guard_is_not_lent_to_a_guarded_call(server: Server, transport: Transport) -> None:  # fmt: skip
    server.answers["/"] = (200, {}, b"")
    transport.send(Call("GET", f"{server.url}/"))
    assert failed(transport, Call("GET", f"{server.url}/", guard=True)).code == "blocked_address"


def test_an_answer_has_a_cap_even_when_it_was_packed(server: Server, transport: Transport) -> None:
    packed = gzip.compress(b"0" * 5_000_000)
    server.answers["/a"] = (200, {"Content-Encoding": "gzip"}, packed)
    problem = failed(transport, Call("GET", f"{server.url}/a", max_answer=100_000))
    assert (problem.code, problem.kind.unsure) == ("no_answer", True)
    assert "100,000 bytes" in str(problem)
    assert len(transport.send(Call("GET", f"{server.url}/a")).body) == 5_000_000


def test_nobody_listening_is_known_not_to_have_arrived(transport: Transport) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        problem = failed(transport, Call("POST", f"http://127.0.0.1:{port}/?token=s3cret"))
    assert (problem.code, problem.kind.unsure) == ("unreachable", False)
    assert "s3cret" not in str(problem)


def test_an_unknown_name_is_unreachable(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def unknown(*_args: Any, **_named: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert failed(transport, Call("GET", "http://nowhere.invalid/")).code == "unreachable"


def test_silence_and_a_broken_connection_leave_it_unsure(server: Server, transport: Transport) -> None:  # fmt: skip
    wait = threading.Event()

    def silent(_handler: BaseHTTPRequestHandler) -> bool:
        wait.wait(5)
        return True

    server.before = silent
    problem = failed(transport, Call("POST", f"{server.url}/a", body=b"x", timeout_s=0.2))
    wait.set()
    assert (problem.code, problem.kind.unsure) == ("no_answer", True)
    assert "within 0.2 seconds" in str(problem)
    server.before = lambda _handler: True
    problem = failed(transport, Call("POST", f"{server.url}/a", body=b"x"))
    assert (problem.code, problem.kind.unsure) == ("no_answer", True)


def test_an_answer_that_drips_is_cut_off(server: Server, transport: Transport) -> None:
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not stop.wait(0.02):
            try:
                handler.wfile.write(b"x")
            except OSError:
                break
        return True

    server.before = drip
    problem = failed(transport, Call("GET", f"{server.url}/a", timeout_s=0.3))
    stop.set()
    assert problem.code == "no_answer"


def test_an_answer_that_is_all_there_counts_however_late_we_come_to_read_it(
    server: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process stood still after the answer had come: what the gateway said is not thrown away."""
    server.answers["/a"] = (200, {"Content-Length": "4"}, b"sent")
    moments = itertools.chain([0.0, 0.1], itertools.repeat(40.0))
    monkeypatch.setattr(
        "ringback.connectors.transport.time", SimpleNamespace(monotonic=lambda: next(moments))
    )
    answer = transport.send(Call("POST", f"{server.url}/a", body=b"x", timeout_s=5))
    assert (answer.status, answer.body) == (200, b"sent")


def test_a_secure_call_to_a_plain_server_was_not_sent(server: Server, transport: Transport) -> None:
    call = Call("POST", server.url.replace("http:", "https:"), body=b"x", timeout_s=3)
    problem = failed(transport, call)
    assert (problem.code, problem.kind.unsure) == ("unreachable", False)
    assert server.seen == []


@pytest.mark.parametrize("url", ["ftp://x.example/", "file:///etc/passwd", "http://", "x", "http://[::1/"])  # fmt: skip
def test_only_web_addresses_are_called(transport: Transport, url: str) -> None:
    assert failed(transport, Call("GET", url)).code == "invalid_input"


def test_a_header_cannot_smuggle_a_second_one(server: Server, transport: Transport) -> None:
    problem = failed(transport, Call("GET", f"{server.url}/", {"X": "a\r\nY: b"}))
    assert problem.code == "invalid_input"
    assert server.seen == []


def test_no_address_is_logged_with_its_query(
    server: Server, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        transport.send(Call("GET", f"{server.url}/a?password=s3cret-key"))
        failed(transport, Call("GET", "http://127.0.0.1:1/?password=s3cret-key"))
    assert "s3cret-key" not in caplog.text


def test_a_connection_that_the_other_side_has_closed_is_opened_anew(
    server: Server, transport: Transport
) -> None:
    server.answers["/a"] = (200, {"Connection": "close"}, b"x")
    transport.send(Call("GET", f"{server.url}/a"))
    assert transport.send(Call("POST", f"{server.url}/a", body=b"x")).body == b"x"
    assert server.connections == 2


def test_so_many_places_are_kept(server: Server) -> None:
    """The place called longest ago goes, and is opened again where it is called once more."""
    pools = _Pools(2)
    first = pools.get(("http", "a.example", 80, None))
    assert pools.get(("http", "a.example", 80, None)) is first
    for number in range(_PLACES):
        pools.get(("http", f"{number}.example", 80, None))
    assert first.pool is None
    assert pools.get(("http", "a.example", 80, None)) is not first


def test_a_place_that_was_given_up_in_the_middle_of_a_call(
    server: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/a"] = (200, {}, b"x")
    get = transport._pools.get
    given_up: list[Any] = []

    def late(key: Any) -> Any:
        pool = get(key)
        if not given_up:
            given_up.append(pool)
            transport.close()
        return pool

    monkeypatch.setattr(transport._pools, "get", late)
    assert transport.send(Call("GET", f"{server.url}/a")).body == b"x"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://x.example", ("x.example", 80, "/")),
        ("http://x.example:80/a#b", ("x.example", 80, "/a")),
        ("https://X.example:443?q", ("x.example", 443, "/?q")),
        ("https://x.example:80/a b/../c", ("x.example", 80, "/c")),
        ("http://x.example./a?b=ü", ("x.example.", 80, "/a?b=%C3%BC")),
        ("http://[::1]:8080/", ("[::1]", 8080, "/")),
        ("http://bücher.example/", ("xn--bcher-kva.example", 80, "/")),
    ],
)
def test_what_an_address_asks_for(url: str, place: tuple[str, int, str]) -> None:
    assert _place(url)[2:] == place


@pytest.mark.parametrize(("size", "pieces"), [(0, 1), (10, 1), (100_000, 2)])
def test_a_short_request_goes_out_in_one_piece(
    server: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch, size: int, pieces: int
) -> None:
    sent: list[bytes] = []
    write = HTTPConnection.send

    def send(line: HTTPConnection, data: Any) -> None:
        sent.append(data)
        write(line, data)

    monkeypatch.setattr(HTTPConnection, "send", send)
    for _ in range(2):
        sent.clear()
        transport.send(Call("POST", f"{server.url}/a", {"X-A": "1"}, b"x" * size))
        assert (len(sent), len(server.seen[-1][3])) == (pieces, size)
