"""OpenRLHF's own executors play our environments and our verifiers, with a fake engine."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.integrations import openrlhf_reward
from llmenvs.integrations.openrlhf_samples import from_openrlhf, to_openrlhf
from llmenvs.integrations.samples import sample_of
from llmenvs.trajectory import Trajectory

GRID = "llmenvs/GridWorld-v0"
SEEDS = st.integers(0, 2**32 - 1)
MOVE = "<action>right</action>"


class FakeEngine:
    """Answers as vLLM does, with the tokens of a text and the end-of-turn token."""

    def __init__(self, tokenizer: Any, text: str) -> None:
        self._ids = [*tokenizer.encode(text), tokenizer.eos_token_id]
        self.asked: list[list[int]] = []

    async def generate(self, ids: list[int], params: Any, *, multi_modal_data: Any) -> Any:
        self.asked.append(list(ids))
        sampled = self._ids[: params.max_tokens]
        logprobs = [{i: SimpleNamespace(logprob=-0.25)} for i in sampled]
        output = SimpleNamespace(
            token_ids=sampled, text="", logprobs=logprobs, finish_reason="stop"
        )
        return SimpleNamespace(outputs=[output])


def sampling_params() -> Any:
    return SimpleNamespace(max_tokens=64, logprobs=1, stop=None)


@given(seed=SEEDS)
def test_a_trajectory_survives_the_round_trip(
    random_trajectory: Callable[[int], Trajectory], seed: int
) -> None:
    trajectory = random_trajectory(seed)
    sample = sample_of(trajectory)
    response = to_openrlhf(trajectory)

    assert sample_of(from_openrlhf(response)) == sample
    assert (response["reward"] is None) == (not trajectory.valid)
    trained = {i for a, b in response["action_ranges"] for i in range(a, b)}
    generated = set(trajectory.generated_mask.nonzero()[0].tolist())
    assert trained == (generated if trajectory.valid else set())


def test_another_agents_response_keeps_turns_and_the_sum() -> None:
    response = {
        "observation_tokens": [1, 2, 3, 9, 4, 9],
        "action_ranges": [(1, 3), (4, 5)],
        "rollout_log_probs": None,
        "reward": 0.5,
    }
    trajectory = from_openrlhf(response)

    assert trajectory.turn_spans.tolist() == [[1, 3], [4, 5]]
    assert trajectory.token_ids.tolist() == [1, 2, 3, 9, 4]
    assert trajectory.total_reward == 0.5
    with pytest.raises(ValueError, match="at least one turn"):
        from_openrlhf({**response, "action_ranges": []})


def test_what_stands_in_the_prompt_earns_nothing() -> None:
    prompt = r"What is 2 + 3? Answer as \boxed{5}."
    label = openrlhf_reward.reward_label("math", "5")

    assert openrlhf_reward.reward_func([prompt + " no idea"], [prompt], [label])["rewards"] == 0.0


def test_undecided_is_none_and_rows_keep_their_order() -> None:
    good, bad = (
        openrlhf_reward.reward_label("math", "5"),
        json.dumps({"verifier": "math", "target": None}),
    )
    answer = openrlhf_reward.reward_func(
        [r"q\boxed{5}", r"q\boxed{5}", r"q\boxed{6}"], ["q"] * 3, [good, bad, good]
    )

    assert answer["rewards"] == [1.0, None, 0.0]
    assert answer["extra_logs"] == {"undecided": [0, 1, 0]}


@pytest.mark.parametrize(
    ("queries", "prompts", "labels", "message"),
    [
        (["x"], ["prompt"], ['{"verifier": "math", "target": "5"}'], "must hold its prompt"),
        (["q"], ["q"], ["5"], "must be JSON of reward_label"),
        (["q"], ["q"], ['{"verifier": "maths", "target": "5"}'], "did you mean 'math'"),
        (["q"], ["q"], ['{"verifier": "os:system", "target": "5"}'], "must name a verifier"),
        (["q"], [], ["5"], "must be as many, got 1, 0 and 1"),
    ],
)
def test_wrong_rows_say_what_to_change(
    queries: list[str], prompts: list[str], labels: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        openrlhf_reward.reward_func(queries, prompts, labels)


def test_the_server_answers_and_refuses() -> None:
    testclient = pytest.importorskip("fastapi.testclient")
    client = testclient.TestClient(openrlhf_reward.create_reward_server(max_rows=2))
    label = openrlhf_reward.reward_label("math", "5")
    rows = {"query": [r"q\boxed{5}", r"q\boxed{6}"], "prompts": ["q"] * 2, "labels": [label] * 2}
    program = json.dumps({"verifier": "external", "target": None, "options": {}})

    assert client.post("/", json=rows).json() == {
        "rewards": [1.0, 0.0],
        "scores": [1.0, 0.0],
        "extra_logs": {"undecided": [0, 0]},
    }
    for wrong in (
        {"query": ["q"] * 3, "prompts": ["q"] * 3, "labels": [label] * 3},
        {"query": ["q"], "prompts": ["q"], "labels": [program]},
        {"query": ["q"], "prompts": ["q"]},
    ):
        assert client.post("/", json=wrong).status_code == 422


def _play(tokenizer: Any, text: str, label: str, max_length: int = 4096) -> dict[str, Any]:
    pytest.importorskip("openrlhf.utils.agent")
    from llmenvs.integrations.openrlhf_agent import AgentExecutor

    engine = FakeEngine(tokenizer, text)
    played = AgentExecutor().execute("p", label, sampling_params(), max_length, tokenizer, engine)
    response: dict[str, Any] = asyncio.run(played)
    for tokens in engine.asked:  # each prompt begins with what was sampled before, as it was
        assert response["observation_tokens"][: len(tokens)] == tokens
    return response


@pytest.mark.slow
def test_the_executor_plays_many_turns_with_exact_ranges(
    byte_tokenizer: Callable[[], Any], one_step_options: dict[str, Any]
) -> None:
    pytest.importorskip("openrlhf.utils.agent")
    from llmenvs.integrations.openrlhf_agent import prompt_rows

    [row] = prompt_rows(GRID, num_prompts=1, env_options=one_step_options)
    tokenizer = byte_tokenizer()
    won = _play(tokenizer, MOVE, row["label"])
    lost = _play(tokenizer, "<action>up</action>", row["label"])
    sampled = tokenizer.encode(MOVE)  # ends with a stop string; what is beyond it is dropped

    assert won["reward"] > lost["reward"]
    assert len(won["action_ranges"]) == 1
    assert len(lost["action_ranges"]) == 4
    [(start, stop)] = won["action_ranges"]
    assert won["observation_tokens"][start:stop] == sampled
    assert len(won["rollout_log_probs"]) == len(won["observation_tokens"])
    assert won["rollout_log_probs"][start - 1 : start + 1] == [0.0, -0.25]


@pytest.mark.slow
def test_only_what_the_policy_wrote_earns(byte_tokenizer: Callable[[], Any]) -> None:
    task = {"task_id": "t", "question": r"Say \boxed{5}.", "answer": "5"}
    spec = {"env_id": "llmenvs/MathAnswer-v0", "env_options": {"tasks": [task]}}
    right = _play(byte_tokenizer(), r"\boxed{5}", json.dumps(spec))
    leaked = _play(byte_tokenizer(), "no idea", json.dumps(spec))

    assert (right["reward"], leaked["reward"]) == (1.0, 0.0)


@pytest.mark.slow
def test_an_undecided_episode_trains_nothing(
    byte_tokenizer: Callable[[], Any], undecided_env_id: str
) -> None:
    response = _play(byte_tokenizer(), "5", json.dumps({"env_id": undecided_env_id}))

    assert response["action_ranges"] == []
    assert response["extra_logs"]["undecided"] == 1


@pytest.mark.slow
def test_labels_that_name_no_episode_are_refused(byte_tokenizer: Callable[[], Any]) -> None:
    for label, message in (
        ("5", "must hold env_id"),
        ("{", "must be JSON"),
        (json.dumps({"env_id": "llmenvs/GridWord-v0"}), "GridWord"),
        (json.dumps({"env_id": GRID, "task_id": "none"}), "cannot start"),
    ):
        with pytest.raises(ValueError, match=message):
            _play(byte_tokenizer(), MOVE, label)


@pytest.mark.slow
def test_openrlhfs_own_executor_runs_our_reward_file(byte_tokenizer: Callable[[], Any]) -> None:
    agent = pytest.importorskip("openrlhf.utils.agent")
    tokenizer = byte_tokenizer()
    executor = agent.SingleTurnAgentExecutor(str(Path(openrlhf_reward.__file__)))
    label = openrlhf_reward.reward_label("math", "5")
    output = asyncio.run(
        executor.execute(
            r"Say \boxed{5}. ", label, sampling_params(), 512, tokenizer, FakeEngine(tokenizer, "6")
        )
    )

    assert output["reward"] == 0.0
    engine = FakeEngine(tokenizer, r"\boxed{5}")
    output = asyncio.run(
        executor.execute("2 + 3? ", label, sampling_params(), 512, tokenizer, engine)
    )
    assert output["reward"] == 1.0


@pytest.mark.slow
def test_openrlhfs_own_executor_asks_our_server(
    byte_tokenizer: Callable[[], Any], serving: Callable[[Any], AbstractContextManager[str]]
) -> None:
    agent = pytest.importorskip("openrlhf.utils.agent")
    tokenizer = byte_tokenizer()
    label = openrlhf_reward.reward_label("math", "5")
    engine = FakeEngine(tokenizer, r"\boxed{5}")
    with serving(openrlhf_reward.create_reward_server()) as address:
        executor = agent.SingleTurnAgentExecutor(f"{address}/get_reward")
        played = executor.execute("2 + 3? ", label, sampling_params(), 512, tokenizer, engine)
        output = asyncio.run(played)

    assert output["reward"] == [1.0]
