"""The plain protocol plays an episode as it is played here, and repeats replies, never turns."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from llmenvs.env_making import make_text_env

GRID = "llmenvs/GridWorld-v0"
DIGIT = "slow_digit:tests/SlowDigit-v0"
UNKNOWN = "0" * 32


def test_an_episode_over_http_is_the_episode_here(env_server: Any) -> None:
    env = make_text_env(GRID)
    text, info = env.reset(seed=7)
    start = env_server.post("/reset", {"env_id": GRID, "seed": 7}).json()

    assert start["observation"] == text
    assert start["messages"] == env.transcript.messages
    assert start["task_id"] == info["task_id"]
    assert start["dataset_hash"] == info["dataset_hash"]
    assert start["stop_strings"] == list(info["stop_strings"])
    ended = False
    while not ended:
        text, reward, terminated, truncated, info = env.step("right \ud800")
        ended = terminated or truncated
        request = {"session_id": start["session_id"], "action": "right \ud800"}
        reply = env_server.post("/step", request).json()
        verdict = info["verdict"].to_dict() if "verdict" in info else None

        assert (reply["observation"], reply["reward"]) == (text, reward)
        assert (reply["terminated"], reply["truncated"]) == (terminated, truncated)
        assert (reply["valid"], reply["action_valid"]) == (info["valid"], info["action_valid"])
        assert reply["verdict"] == verdict
    state = env_server.post("/state", {"session_id": start["session_id"]}).json()

    assert state["messages"] == env.transcript.messages
    assert state["turn_rewards"] == list(env.turn_rewards)
    assert not state["running"]


def test_a_repeated_step_gets_the_same_reply_and_is_taken_once(env_server: Any) -> None:
    session_id = env_server.open()
    step = {"session_id": session_id, "action": "up", "step": 1, "episode": 1}
    first = env_server.post("/step", step)

    assert env_server.post("/step", step).json() == first.json()
    assert env_server.post("/state", {"session_id": session_id}).json()["step"] == 1


def test_a_repeated_reset_starts_one_episode_in_one_session(env_server: Any) -> None:
    before = env_server.num_sessions
    reset = {"session_id": "a" * 32, "env_id": GRID, "seed": 3, "episode": 1}
    first = env_server.post("/reset", reset).json()

    assert env_server.post("/reset", reset).json() == first
    assert env_server.num_sessions == before + 1
    assert env_server.post("/close", {"session_id": "a" * 32}).json()["was_open"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"step": 1, "action": "down"}, "was another one"),
        ({"step": 3}, "step must be 2, got 3"),
        ({"episode": 2}, "episode must be 1, got 2"),
    ],
)
def test_a_step_of_another_number_or_action_is_a_conflict(
    env_server: Any, changed: dict[str, Any], message: str
) -> None:
    session_id = env_server.open()
    step = {"session_id": session_id, "action": "up", "step": 1, "episode": 1}
    env_server.post("/step", step)
    response = env_server.post("/step", {**step, **changed})

    assert response.status_code == 409
    assert message in response.json()["detail"]


def test_a_closed_session_is_410_and_an_unknown_one_404(env_server: Any) -> None:
    session_id = env_server.open()

    assert env_server.post("/close", {"session_id": session_id}).json()["was_open"]
    assert not env_server.post("/close", {"session_id": session_id}).json()["was_open"]
    for path, more in (("/step", {"action": "up"}), ("/state", {}), ("/reset", {"env_id": GRID})):
        response = env_server.post(path, {"session_id": session_id, **more})

        assert response.status_code == 410
        assert response.json()["error"] == "session_closed"
        assert "its client closed it" in response.json()["detail"]
    unknown = env_server.post("/step", {"session_id": UNKNOWN, "action": "up"})

    assert unknown.status_code == 404
    assert "open one with /reset" in unknown.json()["detail"]


def test_a_step_after_the_end_is_a_conflict_that_says_so(env_server: Any) -> None:
    session_id = env_server.open(DIGIT)
    env_server.post("/step", {"session_id": session_id, "action": "?"})
    response = env_server.post("/step", {"session_id": session_id, "action": "1"})

    assert response.status_code == 409
    assert "the episode has ended" in response.json()["detail"]


def test_an_undecided_score_is_null_and_the_episode_invalid(env_server: Any) -> None:
    session_id = env_server.open(DIGIT)
    reply = env_server.post("/step", {"session_id": session_id, "action": "?"}).json()

    assert reply["verdict"]["score"] is None
    assert (reply["valid"], reply["reward"]) == (False, 0.0)
    assert (reply["terminated"], reply["truncated"]) == (False, True)


def test_a_fault_of_the_environment_is_told_again_and_spoils_no_other_session(
    env_server: Any,
) -> None:
    other, session_id = env_server.open(DIGIT), env_server.open(DIGIT)
    step = {"session_id": session_id, "action": "raise", "step": 1}
    first, again = (env_server.post("/step", step) for _ in range(2))

    assert first.status_code == again.status_code == 500
    assert "the game has a bug" in again.json()["detail"]
    assert env_server.post("/step", {"session_id": other, "action": "1"}).status_code == 200
    assert env_server.post("/reset", {"session_id": session_id}).status_code == 200


def test_a_batch_keeps_its_order_and_each_failure_to_its_item(env_server: Any) -> None:
    resets: list[dict[str, Any]] = [{"env_id": GRID, "seed": seed} for seed in range(3)]
    resets.insert(1, {"env_id": GRID, "task_id": "no such task"})
    items = env_server.post("/reset_batch", {"items": resets}).json()["items"]

    assert [item.get("status", 200) for item in items] == [200, 422, 200, 200]
    ids = [item["session_id"] for item in items if "session_id" in item]
    steps = [{"session_id": ids[0], "action": "up", "step": 1}]
    steps += [{"session_id": UNKNOWN, "action": "up"}]
    steps += [{"session_id": ids[0], "action": "up", "step": 2}]
    items = env_server.post("/step_batch", {"items": steps}).json()["items"]

    assert [item.get("status", 200) for item in items] == [200, 404, 200]
    assert [item.get("step") for item in items] == [1, None, 2]


def test_steps_of_one_session_wait_for_each_other_and_those_of_others_do_not(
    env_server: Any,
) -> None:
    slow, fast = env_server.open(DIGIT), env_server.open(GRID)
    with ThreadPoolExecutor(3) as pool:
        jobs = [
            pool.submit(env_server.post, "/step", {"session_id": slow, "action": "sleep 0.4"})
            for _ in range(2)
        ]
        while not any(job.done() for job in jobs):
            assert env_server.post("/step", {"session_id": fast, "action": "up"}).status_code < 500
        replies = [job.result().json() for job in jobs]

    assert sorted(reply["step"] for reply in replies) == [1, 2]


def test_a_snapshot_can_be_gone_back_to_here_and_in_another_session(env_server: Any) -> None:
    session_id = env_server.open()
    env_server.post("/step", {"session_id": session_id, "action": "up"})
    snapshot_id = env_server.post("/snapshot", {"session_id": session_id}).json()["snapshot_id"]
    expected = env_server.post("/step", {"session_id": session_id, "action": "right"}).json()

    for target in (session_id, env_server.open()):
        request = {"session_id": target, "snapshot_id": snapshot_id}
        assert env_server.post("/restore", request).json()["step"] == 1
        step = {"session_id": target, "action": "right", "step": 2}
        reply = env_server.post("/step", step).json()
        assert reply["observation"] == expected["observation"]


@pytest.mark.parametrize(
    ("path", "payload", "status", "message"),
    [
        ("/reset", b"no json", 422, "no valid JSON"),
        ("/reset", b"[" * 100_000, 422, "no valid JSON"),
        ("/reset", b'{"seed": NaN}', 422, "NaN is not in JSON"),
        ("/reset", b'{"seed": ' + b"9" * 5000 + b"}", 422, "no valid JSON"),
        ("/reset", [], 422, "Expected `object`"),
        ("/reset", {"sede": 3}, 422, "unknown field `sede`"),
        ("/reset", {"seed": -1, "env_id": GRID}, 422, "$.seed"),
        ("/reset", {"schema_version": 2, "env_id": GRID}, 422, "schema_version"),
        ("/reset", {"seed": 1}, 422, "say which env_id"),
        ("/reset", {"env_id": "llmenvs/Nowhere-v0"}, 404, "this server has"),
        ("/reset", {"env_id": GRID, "task_id": "nowhere"}, 422, "did you mean"),
        ("/reset", {"env_id": GRID, "session_id": "../etc"}, 422, "session_id"),
        ("/step", {"session_id": UNKNOWN}, 422, "action"),
        ("/step", {"session_id": UNKNOWN, "action": "x" * 20_001}, 422, "20000 characters"),
        ("/restore", {"snapshot_id": UNKNOWN}, 404, "no snapshot"),
        ("/step_batch", {"items": [{"session_id": UNKNOWN, "action": ""}] * 300}, 422, "256 items"),
        ("/nowhere", {}, 404, "Not Found"),
    ],
)
def test_a_wrong_request_is_refused_with_what_is_wrong(
    env_server: Any, path: str, payload: Any, status: int, message: str
) -> None:
    before = env_server.num_sessions
    response = env_server.post(path, payload)

    assert response.status_code == status
    assert message in response.json()["detail"]
    assert env_server.num_sessions == before


def test_health_and_metrics_count(env_server: Any) -> None:
    session_id = env_server.open()
    env_server.post("/step", {"session_id": session_id, "action": "up"})
    text = env_server.get("/metrics").text

    assert 'llmenvs_env_requests_total{endpoint="/step",status="200"}' in text
    assert 'llmenvs_env_request_seconds_bucket{endpoint="/step",le="0.001"}' in text
    assert f"llmenvs_env_sessions_open {env_server.num_sessions}.0" in text
    assert env_server.get("/health").json()["env_ids"] == [GRID, DIGIT]
