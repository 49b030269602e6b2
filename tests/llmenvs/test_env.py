"""The contract of one environment: what misuse costs, what a snapshot holds, what an end means."""

import copy
import pickle
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import ByteTokenizer, Completion, RawRenderer, StopReason, Tokenizer
from llmenvs.envs import GridWorldEnv
from llmenvs.policy import ToolSchema
from llmenvs.tasks import Task
from llmenvs.testing import GuessDigitEnv

any_text = st.text(st.characters(exclude_categories=()), max_size=30)


def started(**options: Any) -> GuessDigitEnv:
    env = GuessDigitEnv(**options)
    env.reset(seed=0, options={"task_id": "low"})
    return env


def test_a_reset_gives_the_prompt_and_its_tokens() -> None:
    env = GuessDigitEnv()
    observation, info = env.reset(seed=0, options={"task_id": "high"})

    assert observation == "Guess a digit, a high one: "
    assert info["token_ids"] == list(observation.encode())
    assert not any(info["generated_mask"])
    assert info["task_id"] == "high"
    assert info["valid"] is True
    assert "verdict" not in info


@given(st.lists(any_text, min_size=1, max_size=3))
def test_the_mask_covers_exactly_what_the_policy_wrote(actions: list[str]) -> None:
    env = started()
    tokenizer = ByteTokenizer()
    written: list[int] = []
    info: dict[str, Any] = {}
    for action in actions:
        *_, terminated, truncated, info = env.step("x" + action)
        written += tokenizer.encode("x" + action)
        if terminated or truncated:
            break
    ids, generated = np.asarray(info["token_ids"]), np.asarray(info["generated_mask"])

    assert ids[generated].tolist() == written


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "x" * 2**20, "</action>" * 1000])
def test_any_text_is_an_action(text: str, any_tokenizer: Tokenizer) -> None:
    env = started(tokenizer=any_tokenizer)
    *_, info = env.step(text)

    assert info["action_valid"] is False
    assert env.transcript.completions[0].text == text
    assert len(info["token_ids"]) == len(info["generated_mask"])


@pytest.mark.parametrize("action", [None, 3, b"7", ["7"], np.int64(7)])
def test_an_action_that_is_no_text_is_refused_and_the_episode_goes_on(action: Any) -> None:
    env = started()
    before = len(env.transcript)

    with pytest.raises(TypeError, match="an action must be a str or a Completion, got "):
        env.step(action)
    assert len(env.transcript) == before
    env.step("7")


def test_ids_out_of_the_vocabulary_are_refused_and_the_episode_goes_on() -> None:
    env = started()
    before = len(env.transcript)

    with pytest.raises(ValueError, match="below the tokenizer's vocab_size 257, got 999"):
        env.step(Completion("7", token_ids=[55, 999]))
    assert len(env.transcript) == before
    env.step("7")


def test_sampled_ids_are_never_encoded_again() -> None:
    class Refusing(ByteTokenizer):
        """Encodes what the environment writes, and nothing a policy could."""

        def encode(self, text: str) -> list[int]:
            assert "7" not in text
            return super().encode(text)

    env = started(tokenizer=Refusing())
    *_, info = env.step(Completion("7", token_ids=[255, 254, 256], logprobs=[-1.0, -2.0, -3.0]))
    trajectory = env.trajectory()

    assert trajectory.token_ids[trajectory.generated_mask].tolist() == [255, 254, 256]
    assert trajectory.logprobs[trajectory.generated_mask].tolist() == [-1.0, -2.0, -3.0]
    assert len(info["token_ids"]) == len(trajectory.token_ids)


def test_step_before_reset_and_after_the_end_need_a_reset() -> None:
    env = GuessDigitEnv()
    with pytest.raises(gym.error.ResetNeeded, match="reset\\(\\) has not been called"):
        env.step("1")
    env.reset(seed=0)
    for _ in range(3):
        env.step("wrong")
    kept = len(env.transcript)

    with pytest.raises(gym.error.ResetNeeded, match="the episode has ended"):
        env.step("1")
    assert len(env.transcript) == kept


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task_id": "lo"}, "no task has the id 'lo'.*'low'"),
        ({"task": "low"}, r"options may hold task_id alone, got \['task'\]"),
    ],
)
def test_a_bad_option_is_refused_and_the_episode_goes_on(
    options: dict[str, Any], message: str
) -> None:
    env = started()
    env.step("wrong")
    kept = env.transcript.text

    with pytest.raises(ValueError, match=message):
        env.reset(options=options)
    assert env.transcript.text == kept
    env.step("wrong")


def test_an_undecided_verdict_is_not_a_zero_but_an_invalid_truncated_episode() -> None:
    env = started()
    _, reward, terminated, truncated, info = env.step("?")
    trajectory = env.trajectory()

    assert (reward, terminated, truncated, info["valid"]) == (0.0, False, True, False)
    assert info["action_valid"] is True
    assert info["verdict"].score is None
    assert (trajectory.valid, trajectory.stop_reason) == (False, StopReason.UNDECIDED)


def test_an_unreadable_action_is_a_valid_sample() -> None:
    *_, info = started().step("no digit")

    assert (info["action_valid"], info["valid"]) == (False, True)


def test_what_raised_is_on_record_and_ends_the_episode() -> None:
    env = started()
    with pytest.raises(RuntimeError, match="the game has a bug"):
        env.step("raise")

    assert env.transcript.completions[0].text == "raise"
    assert len(env.turn_rewards) == 1
    with pytest.raises(gym.error.ResetNeeded):
        env.step("1")


def test_a_reset_leaves_what_was_given_out_before_alone() -> None:
    env = started()
    *_, info = env.step("wrong")
    kept = list(info["token_ids"])
    env.reset(seed=1)
    env.step("other")

    assert list(info["token_ids"]) == kept


def test_a_snapshot_branches_without_sharing() -> None:
    env = started()
    env.step("wrong")
    snapshot = pickle.loads(pickle.dumps(env.snapshot()))
    branches = []
    for action in ("first", "second"):
        other = GuessDigitEnv()
        other.reset(seed=9)
        info = other.restore(snapshot)
        assert list(info["token_ids"]) == list(env.transcript.token_ids)
        other.step(action)
        branches.append(other)

    assert [b.transcript.completions[1].text for b in branches] == ["first", "second"]
    assert len(env.transcript.completions) == 1
    assert [b.turn_rewards for b in branches] == [(0.0, 0.0)] * 2


def test_there_is_no_snapshot_before_an_episode() -> None:
    with pytest.raises(gym.error.ResetNeeded, match="no episode yet"):
        GuessDigitEnv().snapshot()


def test_a_copied_environment_goes_on_alike() -> None:
    env = started()
    env.step("wrong")
    copied = copy.deepcopy(env)

    assert copied.step("1")[:4] == env.step("1")[:4]


def test_the_policys_version_is_kept_without_ids_too() -> None:
    env = started()
    env.step(Completion("wrong", policy_version=5))

    assert env.trajectory().policy_version == 5


def test_options_of_the_constructor_are_checked() -> None:
    renderer = RawRenderer(ByteTokenizer())
    assert GuessDigitEnv(renderer=renderer).tokenizer is renderer.tokenizer
    with pytest.raises(ValueError, match="tokenizer or renderer, not both"):
        GuessDigitEnv(renderer=renderer, tokenizer=ByteTokenizer())
    with pytest.raises(ValueError, match=r"render_mode must be one of .*'ansi'.*, got 'human'"):
        GuessDigitEnv(render_mode="human")


def test_ansi_rendering_is_the_transcript() -> None:
    env = started(render_mode="ansi")
    env.step("9")

    assert env.render() == "Guess a digit, a low one: 9Wrong. "


def test_a_turn_costs_time_in_its_own_tokens_only() -> None:
    """Counted, not timed: the tokenizer sees each text once, however long the transcript is."""

    class Counting(ByteTokenizer):
        characters = 0

        def encode(self, text: str) -> list[int]:
            Counting.characters += len(text)
            return super().encode(text)

    env = GridWorldEnv(tokenizer=Counting(), max_turns=1_000)
    env.reset(seed=0)
    counts = []
    for _ in range(200):
        before = Counting.characters
        observation, *_ = env.step("left")
        counts.append(Counting.characters - before - len(observation))

    assert set(counts) == {len("left")}


class TwoToolsEnv(GuessDigitEnv):
    """Each task has a tool of its own."""

    def tools_of(self, task: Task) -> Sequence[ToolSchema]:
        return [{"name": f"tool_of_{task['task_id']}", "parameters": {"type": "object"}}]


def test_the_tools_are_those_of_the_task_of_the_episode_and_come_back_with_a_snapshot() -> None:
    env = TwoToolsEnv()
    assert not env.tools
    env.reset(options={"task_id": "low"})
    first, tools = env.snapshot(), list(env.tools)
    env.reset(options={"task_id": "high"})
    assert env.tools != tools

    env.restore(first)

    assert env.tools == tools == [{"name": "tool_of_low", "parameters": {"type": "object"}}]
