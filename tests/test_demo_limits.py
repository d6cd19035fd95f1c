"""How long the demo's server waits for a request, and how many may wait for it."""

import json
import socket
import threading
import time
from contextlib import ExitStack

import pytest
from demo_server import ask, own, raw, sentence, served

from numser.demo import demo_server
from numser.demo.server import AT_ONCE, DemoServer, Post, Queue
from numser.errors import InputError


def head(server, length):
    origin = own(server)["Origin"]
    return (
        f"POST /echo HTTP/1.1\r\nHost: {origin[7:]}\r\nOrigin: {origin}\r\nContent-Length: {length}\r\n\r\n".encode()
    )


@pytest.fixture
def small():
    """A server of a second's patience and two places, whose work waits until it is let go."""
    let_go, order = threading.Event(), []

    def echo(body):
        order.append(body)
        let_go.wait(20)
        if body == b"bug":
            raise KeyError("a mistake of ours")
        return {"heard": len(body)}

    with served(DemoServer(0, {}, {"/echo": Post(echo, 1000, Queue(2))}, seconds=1)) as server:
        server.let_go, server.order = let_go, order
        yield server
        let_go.set()


def test_a_recording_that_breaks_off(small):
    assert b"only 3 of its 10 bytes came" in raw(small, head(small, 10) + b"abc")


def test_a_slow_sender_has_a_second_in_all(small):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", small.server_port), timeout=30) as connection:
        connection.sendall(head(small, 900))
        told, sent = b"", 0
        connection.settimeout(0.1)
        while not told and sent < 200:  # a byte each time; each alone would be in time
            connection.sendall(b"x")
            sent += 1
            try:
                told = connection.recv(65536)
            except TimeoutError:
                continue
    assert b" 408 " in told.partition(b"\r\n")[0]
    assert 0.9 < time.monotonic() - began < 10


def test_a_slow_head_is_cut_off(small):
    with socket.create_connection(("127.0.0.1", small.server_port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert connection.recv(1) == b""


def test_a_slow_sender_keeps_nobody_else_from_being_served(small):
    small.let_go.set()
    with socket.create_connection(("127.0.0.1", small.server_port)) as slow:
        slow.sendall(head(small, 900))
        assert json.loads(ask(small, "POST", "/echo", b"abc")[2]) == {"heard": 3}


def test_the_queue_is_served_in_order_and_is_not_endless(small):
    found = {}

    def post(body):
        found[body] = ask(small, "POST", "/echo", body)

    threads = [threading.Thread(target=post, args=(body,)) for body in (b"1", b"22")]
    for thread in threads:
        thread.start()
        time.sleep(0.5)
    assert "busy with 2 requests already; try again" in sentence(small, 503, "POST", "/echo", b"333")
    assert small.order == [b"1"]  # one worker
    small.let_go.set()
    for thread in threads:
        thread.join()
    assert small.order == [b"1", b"22"]
    assert [json.loads(found[body][2])["heard"] for body in (b"1", b"22")] == [1, 2]
    assert json.loads(ask(small, "POST", "/echo", b"333")[2]) == {"heard": 3}


def test_a_mistake_of_ours_is_a_sentence_and_a_line(small, capfd):
    small.let_go.set()
    assert "its terminal says what" in sentence(small, 500, "POST", "/echo", b"bug")
    assert capfd.readouterr().err == "error: KeyError: 'a mistake of ours'\n"


def test_who_has_gone_is_not_missed(small, capfd):
    for sent in (head(small, 3) + b"abc", head(small, 3) + b"a", b"POST /ec"):
        with socket.create_connection(("127.0.0.1", small.server_port)) as connection:
            connection.sendall(sent)
            time.sleep(0.3)
            connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            )  # and gone, without goodbye
    small.let_go.set()
    time.sleep(0.5)
    assert json.loads(ask(small, "POST", "/echo", b"abc")[2]) == {"heard": 3}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("port", [-1, 65536])
def test_no_port(recogniser, port):
    with pytest.raises(InputError, match=f"port {port}: .*choose another"):
        demo_server(recogniser, None, port)


def test_a_port_that_is_taken(recogniser, small):
    with pytest.raises(InputError, match="cannot be listened at"):
        demo_server(recogniser, None, small.server_port)


def test_the_slowest_to_ask_give_way():
    """At once, and not when their minute is over."""
    with (
        served(DemoServer(0, {}, {"/echo": Post(len, 1000, Queue(2))}, seconds=60)) as server,
        ExitStack() as closing,
    ):
        address = "127.0.0.1", server.server_port
        idle = [closing.enter_context(socket.create_connection(address, timeout=30)) for _ in range(AT_ONCE)]
        for connection in idle:
            connection.sendall(head(server, 900) if connection is idle[0] else b"GET / HT")
        began = time.monotonic()
        for _ in range(3):
            assert json.loads(ask(server, "POST", "/echo", b"abc")[2]) == 3
        assert idle[0].recv(1) == b""
        assert time.monotonic() - began < 30


def test_who_is_being_served_does_not_give_way(monkeypatch):
    monkeypatch.setattr("numser.demo.server.AT_ONCE", 1)
    let_go, begun, found = threading.Event(), threading.Event(), []

    def work(body):
        begun.set()
        let_go.wait(20)
        return len(body)

    with served(DemoServer(0, {}, {"/echo": Post(work, 1000, Queue(2))})) as server:
        asking = threading.Thread(target=lambda: found.append(ask(server, "POST", "/echo", b"abc")[2]))
        asking.start()
        assert begun.wait(20)
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as one_more:
            assert one_more.recv(1) == b""
        let_go.set()
        asking.join()
    assert found == [b"3"]
