"""SkyRL-Gym's registry makes our environments, and its generator's contract holds."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.integrations.samples import sample_of
from llmenvs.trajectory import Trajectory
from llmenvs.verifiers import Status, Verdict

skyrl_gym = pytest.importorskip("skyrl_gym")

from llmenvs.integrations.skyrl import (  # noqa: E402 (it needs skyrl_gym)
    UndecidedError,
    from_skyrl,
    leave_out_undecided,
    prompt_rows,
    register_skyrl,
    to_skyrl,
)

GRID = "llmenvs/GridWorld-v0"
SEEDS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4)


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """Leave SkyRL's registry as it was."""
    before = dict(skyrl_gym.envs.registration.registry)
    yield
    skyrl_gym.envs.registration.registry.clear()
    skyrl_gym.envs.registration.registry.update(before)


def play(env_class: str, row: dict[str, Any], actions: list[str], *, max_turns: int = 9) -> Any:
    """Play one row as SkyRLGymGenerator.agent_loop does; return what it collects."""
    row = dict(row)
    prompt, name = row.pop("prompt"), row.pop("env_class")
    assert name == env_class
    extras = {**row, "max_turns": max_turns}
    env = skyrl_gym.make(name, env_config={}, extras=extras)
    history, metadata = env.init(prompt)
    outputs = []
    for action in actions:
        outputs.append(env.step(action))
        history += [{"role": "assistant", "content": action}, *outputs[-1]["observations"]]
        if outputs[-1]["done"]:
            break
    metrics = env.get_metrics()
    env.close()
    return history, metadata, outputs, metrics


def test_an_episode_as_the_generator_plays_it() -> None:
    env_class = register_skyrl(GRID)
    (row,) = prompt_rows(GRID, env_class=env_class, num_prompts=1)
    moves = [f"<action>{move}</action>" for move in ("right", "up", "right", "right")]
    history, metadata, outputs, metrics = play(env_class, row, moves)

    assert env_class == "llmenvs-GridWorld-v0"
    assert history[0] == row["prompt"][0]
    assert [output["reward"] for output in outputs] == [-1.0, -1.0, -1.0, 5.0]
    assert [output["done"] for output in outputs] == [False, False, False, True]
    assert outputs[0]["observations"][0]["role"] == "user"
    assert outputs[-1]["metadata"]["terminated"]
    assert metrics == {"turns": 4, "truncated": 0.0, "valid": 1.0, "success": 1.0}
    assert metadata["stop_strings"] == ("</action>",)
    aggregate = pytest.importorskip("skyrl_gym.metrics").aggregate_for_environment
    averaged = aggregate(env_class, [metrics, metrics])
    assert averaged["success"] == 1.0


def test_the_seed_decides_the_episode() -> None:
    options = {"random_start": True}
    env_class = register_skyrl(GRID, env_options=options)
    rows = prompt_rows(GRID, env_class=env_class, num_prompts=12, env_options=options)
    starts = [play(env_class, row, [])[0][0]["content"] for row in rows]

    assert starts == [row["prompt"][0]["content"] for row in rows]
    assert len(set(starts)) > 1


def test_skyrls_limit_of_turns_truncates() -> None:
    env_class = register_skyrl(GRID)
    (row,) = prompt_rows(GRID, env_class=env_class, num_prompts=1)
    _, _, outputs, metrics = play(env_class, row, ["<action>left</action>"] * 5, max_turns=2)

    assert [output["done"] for output in outputs] == [False, True]
    assert (outputs[-1]["metadata"]["terminated"], outputs[-1]["metadata"]["truncated"]) == (
        False,
        True,
    )
    assert metrics["truncated"] == 1.0


def test_an_answer_that_only_the_environment_wrote_earns_nothing() -> None:
    task = {"question": "Say the number 7.", "answer": "7"}
    env_id = "llmenvs/MathAnswer-v0"
    env_class = register_skyrl(env_id, env_options={"tasks": [task]})
    (row,) = prompt_rows(env_id, env_class=env_class, num_prompts=1, env_options={"tasks": [task]})

    assert "7" in row["prompt"][0]["content"]
    assert play(env_class, row, ["I do not know"])[2][0]["reward"] == 0.0


def test_an_undecided_episode_stops_the_training_or_is_marked() -> None:
    def lost(completion: str, target: object) -> Verdict:
        return Verdict.undecided(Status.ERROR, reason="the worker was lost")

    env_id, options = "llmenvs/MathAnswer-v0", {"verifier": lost}
    raising = register_skyrl(env_id, env_options=options)
    marking = register_skyrl(env_id, name="marking", on_undecided="mark", env_options=options)
    rows = [prompt_rows(env_id, env_class=name, num_prompts=1)[0] for name in (raising, marking)]

    with pytest.raises(UndecidedError, match=r"the worker was lost; register with on_undecided"):
        play(raising, rows[0], ["5"])
    _, _, outputs, metrics = play(marking, rows[1], ["5"])
    assert (outputs[0]["done"], outputs[0]["metadata"]["valid"], metrics["valid"]) == (
        True,
        False,
        0.0,
    )


def test_what_is_undecided_trains_nothing_and_moves_no_baseline() -> None:
    output: dict[str, Any] = {
        "response_ids": [[1, 2], [3], [4]],
        "rewards": [[0.0, 1.0], [0.0], [2.0]],
        "loss_masks": [[1, 1], [1], [1]],
        "env_metrics": [{"valid": 1.0}, {"valid": 0.0}, {"valid": 1.0}],
    }
    left = leave_out_undecided(output, groups=["a", "a", "b"])

    assert left["loss_masks"] == [[1, 1], [0], [1]]
    assert left["rewards"] == [[0.0, 1.0], [1.0], [2.0]]
    assert output["loss_masks"][1] == [1]  # the input stays
    with pytest.raises(ValueError, match="give groups"):
        leave_out_undecided(output)
    with pytest.raises(ValueError, match="must have env_metrics"):
        leave_out_undecided({"rewards": []})


@given(seeds=SEEDS)
def test_trajectories_come_back(
    seeds: list[int], random_trajectory: Callable[[int], Trajectory]
) -> None:
    trajectories = [random_trajectory(seed) for seed in seeds]
    output = to_skyrl(trajectories, pad_token_id=0)

    for row, (before, after) in enumerate(zip(trajectories, from_skyrl(output), strict=True)):
        expected, got = sample_of(before), sample_of(after)
        assert got.prompt_ids == expected.prompt_ids
        assert got.response_ids == expected.response_ids
        assert got.response_mask == expected.response_mask
        assert got.turn_spans == expected.turn_spans
        assert got.turn_rewards == expected.turn_rewards
        assert got.reward == expected.reward
        assert got.token_rewards == pytest.approx(expected.token_rewards)
        if not before.valid:
            assert not any(output["loss_masks"][row])


def test_an_output_of_skyrls_own_has_its_turns_from_the_mask() -> None:
    output = {
        "prompt_token_ids": [[1]],
        "response_ids": [[2, 3, 4]],
        "rewards": [[0.5, 0.0, 1.0]],
        "loss_masks": [[1, 0, 1]],
    }
    (trajectory,) = from_skyrl(output)

    assert trajectory.turn_rewards.tolist() == [0.5, 1.0]
    assert trajectory.rewards.tolist() == [0.0, 0.5, 0.0, 1.0]


def test_wrong_input_says_what_to_change() -> None:
    with pytest.raises(ValueError, match="'llmenvs/GridWold-v0' cannot be made"):
        register_skyrl("llmenvs/GridWold-v0")
    env_class = register_skyrl(GRID)
    with pytest.raises(ValueError, match=r"'llmenvs-GridWorld-v0' already: pass another name="):
        register_skyrl(GRID)
    with pytest.raises(ValueError, match=r"make rows by prompt_rows\(env_id\), got \['answer'\]"):
        skyrl_gym.make(env_class, extras={"answer": "5"})
    with pytest.raises(ValueError, match="num_prompts must be at least 1, got 0"):
        prompt_rows(GRID, env_class=env_class, num_prompts=0)
    with pytest.raises(ValueError, match="on_undecided must be 'raise' or 'mark', got 'drop'"):
        register_skyrl(GRID, on_undecided="drop")  # type: ignore[arg-type]  # a user's mistake
