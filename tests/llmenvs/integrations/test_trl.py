"""TRL's own trainer plays our environments: sampled tokens train, and nothing else does."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmenvs.env_making import make_text_env
from llmenvs.integrations.trl import (
    check_dataset,
    environment_reward,
    prompt_dataset,
    reward_function,
    rollout_function,
)
from llmenvs.running_episode import RolloutLimits
from llmenvs.verifiers import AnswerVerifier, MathVerifier, Status, Verdict

trl = pytest.importorskip("trl")

GRID = "llmenvs/GridWorld-v0"
# TRL's own: one feature is experimental, and it passes a setting that transformers renamed.
pytestmark = [
    pytest.mark.filterwarnings("ignore:You are using 'rollout_func'"),
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning"),
]


def config(folder: Path, **settings: Any) -> Any:
    defaults: dict[str, Any] = {
        "per_device_train_batch_size": 16,
        "num_generations": 4,
        "max_completion_length": 1,
        "learning_rate": 5e-3,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "report_to": [],
        "use_cpu": True,
        "save_strategy": "no",
        "disable_tqdm": True,
        "seed": 1,
    }
    return trl.GRPOConfig(output_dir=str(folder), **{**defaults, **settings})


def grid_trainer(
    folder: Path, tokenizer: Any, model: Any, options: dict[str, Any], **settings: Any
) -> Any:
    args = config(folder, **settings)
    dataset = prompt_dataset(GRID, num_prompts=16, env_options=options)
    check_dataset(dataset, args)
    return trl.GRPOTrainer(
        model,
        reward_funcs=environment_reward,
        args=args,
        train_dataset=dataset,
        processing_class=tokenizer,
        rollout_func=rollout_function(GRID, chat=False, env_options=options),
    )


def test_what_trl_trains_on_is_what_the_policy_sampled(
    tmp_path: Path,
    word_tokenizer: Any,
    tiny_model: Callable[[Any], Any],
    one_step_options: dict[str, Any],
) -> None:
    trainer = grid_trainer(tmp_path, word_tokenizer, tiny_model(word_tokenizer), one_step_options)
    rows = [dict(trainer.train_dataset[i // 4]) for i in range(16)]
    batch = trainer._generate_and_score_completions(rows)
    loss_mask = batch["completion_mask"] * batch["tool_mask"]

    # One token a turn, and between turns the environment's "You are at (0, 0)." of many.
    sampled = [len(row["env_turn_rewards"]) for row in rows]
    assert loss_mask.sum(dim=1).tolist() == sampled
    assert (batch["completion_mask"].sum(dim=1) > loss_mask.sum(dim=1)).any()
    spans = [row["env_turn_spans"] for row in rows]
    for mask, turns in zip(loss_mask.tolist(), spans, strict=True):
        assert [i for i, m in enumerate(mask) if m] == [start for start, _ in turns]
    assert {row["env_task_id"] for row in rows} == {"near"}
    assert trainer.model.training  # as it was before the rollout


def test_rows_are_one_for_each_prompt_in_order(
    tmp_path: Path, word_tokenizer: Any, tiny_model: Callable[[Any], Any]
) -> None:
    tasks = [
        {"task_id": name, "width": 2, "height": 1, "start": [0, 0], "terminals": [[1, 0, worth]]}
        for name, worth in (("a", 1.0), ("b", 2.0))
    ]
    options = {"tasks": tasks, "max_turns": 2}
    trainer = grid_trainer(tmp_path, word_tokenizer, tiny_model(word_tokenizer), options)
    prompts = [row["prompt"] for row in trainer.train_dataset for _ in range(4)]
    rows = trainer.rollout_func(prompts, trainer)

    assert rows["env_task_id"] == [prompt[0]["task_id"] for prompt in prompts]
    assert set(rows["env_task_id"]) == {"a", "b"}
    again = trainer.rollout_func(prompts, trainer)
    assert again["completion_ids"] != rows["completion_ids"]  # other samples in the next step
    assert again["prompt_ids"] == rows["prompt_ids"]


def test_the_end_token_that_the_policy_did_not_sample_is_masked(
    tmp_path: Path, byte_tokenizer: Callable[[], Any], tiny_model: Callable[[Any], Any]
) -> None:
    tokenizer = byte_tokenizer()
    options = {"max_turns": 2}
    trainer = trl.GRPOTrainer(
        tiny_model(tokenizer),
        reward_funcs=environment_reward,
        args=config(tmp_path, max_completion_length=3),
        train_dataset=prompt_dataset(GRID, num_prompts=4, env_options=options),
        processing_class=tokenizer,
        rollout_func=rollout_function(GRID, env_options=options),
    )
    prompts = [row["prompt"] for row in trainer.train_dataset for _ in range(4)]
    rows = trainer.rollout_func(prompts, trainer)
    end = tokenizer.eos_token_id
    added = [
        mask
        for ids, masks, spans in zip(
            rows["completion_ids"], rows["env_mask"], rows["env_turn_spans"], strict=True
        )
        for (_, stop), _ in itertools.pairwise(spans)
        for token, mask in [(ids[stop], masks[stop])]
        if token == end
    ]

    assert added
    assert not any(added)


@pytest.mark.slow
def test_the_reward_rises(
    tmp_path: Path,
    word_tokenizer: Any,
    tiny_model: Callable[[Any], Any],
    one_step_options: dict[str, Any],
) -> None:
    trainer = grid_trainer(
        tmp_path,
        word_tokenizer,
        tiny_model(word_tokenizer),
        one_step_options,
        per_device_train_batch_size=64,
        num_generations=16,
        max_steps=30,
    )
    trainer.train()
    rewards = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]

    assert sum(rewards[:3]) / 3 < 0.0
    assert sum(rewards[-3:]) / 3 > 4.5  # of 5


@pytest.mark.slow
def test_a_verifier_trains_completions_that_trl_samples_itself(
    tmp_path: Path, word_tokenizer: Any, tiny_model: Callable[[Any], Any]
) -> None:
    from datasets import Dataset  # type: ignore[import-untyped]  # it has no type information

    dataset = Dataset.from_list([{"prompt": "(1,2)", "answer": "7"}] * 4)
    trainer = trl.GRPOTrainer(
        tiny_model(word_tokenizer),
        reward_funcs=reward_function(MathVerifier()),
        args=config(tmp_path, per_device_train_batch_size=64, num_generations=16, max_steps=30),
        train_dataset=dataset,
        processing_class=word_tokenizer,
    )
    trainer.train()
    rewards = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]

    assert rewards[0] < 0.3
    assert rewards[-1] > 0.9


def test_a_verifier_is_shown_the_policys_text_alone() -> None:
    reward = reward_function(AnswerVerifier(), target_column="answer")
    leaked = "<search>x</search> <answer>Paris</answer>"  # TRL decodes the page along with it

    assert reward(completions=[leaked], answer=[["Paris"]]) == [1.0]
    assert reward(
        completions=[leaked], answer=[["Paris"]], env_policy_text=["<search>x</search>"]
    ) == [0.0]


def test_an_undecided_verdict_is_none() -> None:
    def lost(completion: str, target: object) -> Verdict:
        return Verdict.undecided(Status.ERROR, reason="the worker was lost")

    assert reward_function(lost)(completions=["5"], answer=["5"]) == [None]


def test_an_undecided_episode_trains_nothing(
    tmp_path: Path, word_tokenizer: Any, tiny_model: Callable[[Any], Any]
) -> None:
    def lost(completion: str, target: object) -> Verdict:
        return Verdict.undecided(Status.ERROR, reason="the worker was lost")

    options = {"verifier": lost}
    env_id = "llmenvs/MathAnswer-v0"
    trainer = trl.GRPOTrainer(
        tiny_model(word_tokenizer),
        reward_funcs=environment_reward,
        args=config(tmp_path),
        train_dataset=prompt_dataset(env_id, num_prompts=4, env_options=options),
        processing_class=word_tokenizer,
        rollout_func=rollout_function(env_id, chat=False, env_options=options),
    )
    rows = [dict(trainer.train_dataset[i // 4]) for i in range(16)]
    batch = trainer._generate_and_score_completions(rows)

    assert not (batch["completion_mask"] * batch["tool_mask"]).any()
    assert batch["advantages"].tolist() == [0.0] * 16


def test_a_data_set_has_the_columns_that_are_asked_for() -> None:
    dataset = prompt_dataset("llmenvs/MathAnswer-v0", num_prompts=3, task_fields=["answer"])
    env = make_text_env("llmenvs/MathAnswer-v0")
    row = dataset[0]
    question, _ = env.reset(seed=row["seed"], options={"task_id": row["task_id"]})

    assert dataset.column_names == ["prompt", "task_id", "seed", "answer"]
    assert row["prompt"][0]["content"] == question
    assert len({row["task_id"] for row in dataset}) == 3
    with pytest.raises(ValueError, match=r"no \['solution'\]"):
        prompt_dataset("llmenvs/MathAnswer-v0", num_prompts=1, task_fields=["solution"])


def test_a_data_set_that_would_train_nothing_is_refused(tmp_path: Path) -> None:
    dataset = prompt_dataset(GRID, num_prompts=3)

    check_dataset(dataset, config(tmp_path, per_device_train_batch_size=12))
    with pytest.raises(ValueError, match=r"takes 4 prompts .* has 3: TRL would train no step"):
        check_dataset(dataset, config(tmp_path))
    with pytest.raises(ValueError, match=r"add \['answer'\]"):
        check_dataset(dataset, config(tmp_path), columns=["prompt", "answer"])


def test_wrong_input_says_what_to_change(
    tmp_path: Path,
    word_tokenizer: Any,
    tiny_model: Callable[[Any], Any],
    one_step_options: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match=r"'llmenvs/GridWold-v0' cannot be made: .*GridWorld"):
        rollout_function("llmenvs/GridWold-v0")
    with pytest.raises(ValueError, match="num_prompts must be at least 1, got 0"):
        prompt_dataset(GRID, num_prompts=0)
    with pytest.raises(ValueError, match=r"needs rollout_func=rollout_function\(env_id\)"):
        environment_reward(["a"])
    trainer = grid_trainer(tmp_path, word_tokenizer, tiny_model(word_tokenizer), one_step_options)
    prompts = [row["prompt"] for row in trainer.train_dataset]
    with pytest.raises(ValueError, match="whole groups of num_generations 4, got 3 prompts"):
        trainer.rollout_func(prompts[:3], trainer)
    with pytest.raises(ValueError, match=r"make the data set by prompt_dataset\(env_id\), got"):
        trainer.rollout_func(["plain text"] * 4, trainer)
    chat = rollout_function(GRID, env_options=one_step_options)
    with pytest.raises(ValueError, match="the tokenizer has no chat template"):
        chat(prompts[:4], trainer)


def test_limits_end_an_episode_early(
    tmp_path: Path,
    word_tokenizer: Any,
    tiny_model: Callable[[Any], Any],
    one_step_options: dict[str, Any],
) -> None:
    trainer = grid_trainer(tmp_path, word_tokenizer, tiny_model(word_tokenizer), one_step_options)
    prompts = [row["prompt"] for row in trainer.train_dataset for _ in range(4)]
    limits = RolloutLimits(max_new_tokens=1, max_episode_tokens=40)
    short = rollout_function(GRID, chat=False, limits=limits, env_options=one_step_options)
    rows = short(prompts, trainer)

    assert "token_limit" in rows["env_stop_reason"]
