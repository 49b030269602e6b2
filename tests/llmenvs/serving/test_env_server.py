"""No client takes the server or another client's session down, and a stop loses nothing."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

GRID = "llmenvs/GridWorld-v0"
DIGIT = "slow_digit:tests/SlowDigit-v0"
BEARER = "open-sesame-0123456789"
HEAD = b"POST /step HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


def read_all(connection: socket.socket) -> bytes:
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def test_a_body_of_100_mb_is_refused_before_it_has_been_sent(env_server: Any) -> None:
    session_id = env_server.open()
    before = env_server.rss_mb()
    with socket.create_connection(("127.0.0.1", env_server.port), timeout=30) as connection:
        connection.sendall(HEAD + b"content-length: 104857600\r\n\r\n" + b"x" * 1000)
        early = connection.recv(65536)
    whole = env_server.post("/step", b"x" * 100_000_000)

    assert early.startswith(b"HTTP/1.1 413")
    assert whole.status_code == 413
    assert whole.json()["detail"] == "a request may have 8388608 bytes"
    assert env_server.rss_mb() < before + 60
    step = {"session_id": session_id, "action": "up"}
    assert env_server.post("/step", step).status_code == 200


def test_a_body_that_does_not_say_its_size_is_cut_off_at_the_limit(env_server: Any) -> None:
    def endless() -> Any:
        for _ in range(1000):
            yield b"x" * 100_000

    before = env_server.rss_mb()
    try:
        response = httpx.post(
            env_server.url + "/step",
            content=endless(),
            headers={"content-type": "application/json"},
            trust_env=False,
        )
        assert response.status_code == 413
    except httpx.TransportError:
        pass  # it was cut off while it sent
    assert env_server.rss_mb() < before + 60
    assert env_server.get("/health").status_code == 200


def test_a_slow_body_is_answered_with_408_and_keeps_nobody_waiting(env_server: Any) -> None:
    session_id = env_server.open()
    slow = []
    for _ in range(50):
        connection = socket.create_connection(("127.0.0.1", env_server.port), timeout=30)
        connection.sendall(HEAD + b"content-length: 100\r\n\r\n{")
        slow.append(connection)
    step = {"session_id": session_id, "action": "up"}

    assert env_server.post("/step", step).status_code == 200
    for connection in slow:
        assert read_all(connection).startswith(b"HTTP/1.1 408")
        connection.close()


def test_a_client_that_goes_away_in_its_body_leaves_the_server_as_it_was(env_server: Any) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", env_server.port)) as connection:
            connection.sendall(HEAD + b"content-length: 100\r\n\r\n{")

    assert env_server.get("/health").status_code == 200
    assert "ClientDisconnect" not in env_server.errors


@pytest.mark.slow
def test_slow_headers_are_cut_off(env_server: Any) -> None:
    with socket.create_connection(("127.0.0.1", env_server.port), timeout=60) as connection:
        began = time.monotonic()
        connection.sendall(b"POST /step HTTP/1.1\r\nx: ")
        try:
            while time.monotonic() - began < 40:
                connection.sendall(b"y")
                time.sleep(0.5)
        except OSError:
            pass
        took_s = time.monotonic() - began

    assert 9 < took_s < 30
    assert env_server.get("/health").status_code == 200


def test_headers_without_end_are_cut_off(env_server: Any) -> None:
    before = env_server.rss_mb()
    with socket.create_connection(("127.0.0.1", env_server.port), timeout=30) as connection:
        connection.sendall(b"POST /step HTTP/1.1\r\n")
        endless = b"".join(b"x-%d: " % number + b"y" * 1000 + b"\r\n" for number in range(20_000))
        with pytest.raises(OSError, match=r"reset|pipe"):
            connection.sendall(endless)

    assert env_server.rss_mb() < before + 20


def test_a_client_killed_in_mid_step_loses_no_session(env_server: Any) -> None:
    session_id = env_server.open(DIGIT)
    step = {"session_id": session_id, "action": "sleep 0.3", "step": 1}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(env_server.url + "/step", json=step, timeout=0.1, trust_env=False)
    reply = env_server.post("/step", step)

    assert reply.status_code == 200
    assert reply.json()["step"] == 1
    state = env_server.post("/state", {"session_id": session_id}).json()
    assert (state["step"], state["running"]) == (1, True)


def test_a_reset_storm_ends_at_the_cap_and_the_open_sessions_go_on(serve: Any) -> None:
    server = serve("env", GRID, "--max-sessions", "20")
    session_id = server.open()
    with ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(server.post, "/reset", {"seed": n}) for n in range(200)]
        statuses = [job.result().status_code for job in jobs]
    step = {"session_id": session_id, "action": "up"}

    assert statuses.count(200) == 19
    assert statuses.count(503) == 181
    assert server.post("/step", step).status_code == 200
    server.post("/close", {"session_id": session_id})
    assert server.post("/reset", {"seed": 1}).status_code == 200


def test_idle_and_old_sessions_are_closed_and_say_why(serve: Any) -> None:
    server = serve("env", GRID, "--idle-timeout-s", "0.6", "--max-age-s", "1.5")
    idle, busy = server.open(), server.open()
    step = {"session_id": busy, "action": "up"}
    began = time.monotonic()
    while (response := server.post("/step", step)).status_code != 410:
        if response.json().get("truncated"):
            server.post("/reset", {"session_id": busy})
        assert time.monotonic() - began < 20
        time.sleep(0.1)

    assert "it was open for 1.5 s" in response.json()["detail"]
    gone = server.post("/state", {"session_id": idle})
    assert gone.status_code == 410
    assert "it was idle for 0.6 s" in gone.json()["detail"]
    assert server.num_sessions == 0


def test_a_token_guards_all_but_health(serve: Any, tmp_path: Any) -> None:
    (tmp_path / "token").write_text(BEARER + "\n")
    server = serve("env", GRID, "--host", "0.0.0.0", "--token-file", str(tmp_path / "token"))  # noqa: S104 (what is tested)
    right = {"authorization": f"Bearer {BEARER}"}

    for wrong in ({}, {"authorization": f"Bearer {BEARER}x"}, {"authorization": BEARER}):
        response = server.post("/reset", {"seed": 0}, **wrong)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert server.get("/metrics", **wrong).status_code == 401
    assert server.post("/reset", {"seed": 0}, **right).status_code == 200
    assert 'status="401"' in server.get("/metrics", **right).text
    assert server.get("/health").status_code == 200
    assert BEARER not in server.errors


def test_a_stop_finishes_the_steps_and_ends_well(serve: Any) -> None:
    server = serve("env", DIGIT)
    sessions = [server.open(DIGIT) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(server.post, "/step", {"session_id": one, "action": "sleep 1.0"})
            for one in sessions
        ]
        time.sleep(0.5)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        replies = [job.result() for job in jobs]
    status = server.process.wait(30)

    assert [reply.status_code for reply in replies] == [200] * 4
    assert status in (0, -signal.SIGTERM)
    assert time.monotonic() - began < 20
    assert "Traceback" not in server.errors


@pytest.mark.slow
def test_ten_thousand_sessions_leave_nothing_behind(serve: Any) -> None:
    server = serve("env", GRID)
    payload = {"items": [{"env_id": GRID, "seed": n} for n in range(100)]}
    sizes = []
    for _ in range(100):
        items = server.post("/reset_batch", payload).json()["items"]
        for item in items:
            assert server.post("/close", {"session_id": item["session_id"]}).json()["was_open"]
        sizes.append(server.rss_mb())

    assert server.num_sessions == 0
    assert sizes[-1] < sizes[20] + 25


def test_health_answers_while_every_thread_is_busy(serve: Any) -> None:
    server = serve("env", DIGIT, "--threads", "2")
    sessions = [server.open(DIGIT) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(server.post, "/step", {"session_id": one, "action": "sleep 1.0"})
            for one in sessions
        ]
        time.sleep(0.3)
        assert server.get("/health").status_code == 200
        assert not any(job.done() for job in jobs)
        assert {job.result().status_code for job in jobs} == {200}


def test_metrics_of_a_process_that_was_never_asked_are_there(serve: Any) -> None:
    server = serve("env", GRID, "--env-option", f"{GRID}:max_turns=2")
    assert "llmenvs_env_sessions_open 0.0" in server.get("/metrics").text

    session_id = server.open()
    steps = [server.post("/step", {"session_id": session_id, "action": "up"}) for _ in range(2)]
    assert [step.json()["truncated"] for step in steps] == [False, True]
    assert os.path.exists(f"/proc/{server.process.pid}")
