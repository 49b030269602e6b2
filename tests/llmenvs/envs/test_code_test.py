"""Programs run in a sandbox, what fails is told, and hidden tests stay hidden."""

from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env

from llmenvs import Tokenizer, check_text_env, rollout
from llmenvs.envs.code_test import CodeTestEnv
from llmenvs.envs.code_test_tasks import ProceduralCode
from llmenvs.verifiers import CodeVerifier, Status, Verdict


def block(program: str) -> str:
    return f"```python\n{program}\n```"


def solution(task_id: str) -> str:
    found: str = ProceduralCode().find(task_id)["solution"]
    return block(found)


def started(task_id: str = "count_vowels-0", **options: Any) -> CodeTestEnv:
    env = CodeTestEnv(**options)
    env.reset(seed=0, options={"task_id": task_id})
    return env


def test_the_contract_holds(any_tokenizer: Tokenizer) -> None:
    check_text_env(gym.make("llmenvs/CodeTest-v0", tokenizer=any_tokenizer))


def test_the_contract_holds_over_several_turns() -> None:
    check_text_env(gym.make("llmenvs/CodeTest-v0", max_turns=3))


def test_gymnasium_finds_nothing_wrong() -> None:
    check_env(gym.make("llmenvs/CodeTest-v0").unwrapped, skip_render_check=True)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_scripted_policies_score_what_they_should(split: str) -> None:
    envs = [CodeTestEnv(tasks=ProceduralCode(split)) for _ in range(2)]
    means = {
        name: sum(t.total_reward for t in rollout(envs, policy, seeds=range(20))) / 20
        for name, policy in envs[0].scripted_policies().items()
    }

    assert means["oracle"] == 1.0
    assert means["random"] < 0.1
    assert means["noop"] == 0.0


def test_the_prompt_shows_the_visible_tests_and_no_hidden_one() -> None:
    env = CodeTestEnv()
    prompt, _ = env.reset(options={"task_id": "climb-0"})
    target = ProceduralCode().find("climb-0")["target"]
    shown = [
        f"climb({arguments[0]}) returns {output}" in prompt
        for arguments, output in zip(target["inputs"], target["outputs"], strict=True)
    ]

    assert shown == [group == "visible" for group in target["groups"]]


def test_a_failing_visible_test_is_told_and_masked() -> None:
    env = started(max_turns=2)

    observation, reward, terminated, _, info = env.step(
        block("def count_vowels(text):\n    return -1")
    )

    assert "returned -1, expected" in observation
    assert (reward, terminated) == (0.0, False)
    assert not info["generated_mask"][-1]


def test_a_failing_hidden_test_is_told_without_what_it_holds() -> None:
    task = ProceduralCode().find("climb-0")
    target = task["target"]
    known = dict(zip([a[0] for a in target["inputs"][:2]], target["outputs"][:2], strict=True))
    env = started("climb-0", max_turns=2)

    observation = env.step(block(f"def climb(stairs):\n    return {known}[stairs]"))[0]

    assert observation.strip() == "The tests that you can see pass, and a hidden one fails."


def test_the_reward_decays_with_every_turn() -> None:
    env = started(max_turns=3, decay=0.5)
    env.step("nothing")
    env.step(block("def count_vowels(text):\n    return -1"))

    _, reward, terminated, _, info = env.step(solution("count_vowels-0"))

    assert (reward, terminated, info["verdict"].success) == (0.25, True, True)


def test_shares_are_paid_where_the_verifier_gives_them() -> None:
    env = started(verifier=CodeVerifier(scoring="share"))

    reward = env.step(block("def count_vowels(text):\n    return 0"))[1]

    assert 0.0 < reward < 1.0


def test_a_sandbox_that_fails_makes_the_episode_invalid_and_no_zero() -> None:
    def lost(completion: str, target: Any) -> Verdict:
        return Verdict.undecided(Status.ERROR, reason="the sandbox failed", extracted="x")

    env = started(verifier=lost)

    _, reward, terminated, truncated, info = env.step("anything")

    assert (reward, terminated, truncated, info["valid"]) == (0.0, False, True, False)


def test_rows_of_ones_own_are_tasks() -> None:
    row = {
        "statement": "Add.",
        "interface": "def add(a, b)",
        "target": {"entry_point": "add", "inputs": [[1, 2]], "outputs": [3]},
        "solution": "def add(a, b):\n    return a + b",
    }
    env = CodeTestEnv(tasks=[row])

    [trajectory] = rollout([env], env.scripted_policies()["oracle"], seeds=[0])

    assert trajectory.total_reward == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_turns": 0}, "max_turns must be at least 1"),
        ({"decay": 1.5}, r"decay in \[0, 1\]"),
        ({"prompt_template": "{statment}"}, "prompt_template may use the fields statement"),
        ({"tasks": [{"statement": "?"}]}, r"tasks\[0\]: 'target' is a required property"),
    ],
)
def test_impossible_arguments_are_refused_by_name(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CodeTestEnv(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, "split must be one of"),
        ({"topics": ["chess"]}, "topics must be some of"),
        ({"levels": [9]}, "levels must be some of"),
    ],
)
def test_a_source_without_problems_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProceduralCode(**options)


def test_an_unknown_task_is_refused_and_near_ones_are_named() -> None:
    with pytest.raises(ValueError, match=r"no task has the id 'clim-0': .* such as climb-0"):
        ProceduralCode().find("clim-0")
