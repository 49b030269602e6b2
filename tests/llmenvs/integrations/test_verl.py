"""verl's own AgentLoopWorker plays our environments, with a fake server and exact masks."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.integrations import verl_data
from llmenvs.integrations.samples import sample_of
from llmenvs.integrations.verl_samples import from_verl, to_verl
from llmenvs.trajectory import Trajectory

GRID = "llmenvs/GridWorld-v0"
SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS)
def test_a_trajectory_survives_the_round_trip(
    random_trajectory: Callable[[int], Trajectory], seed: int
) -> None:
    trajectory = random_trajectory(seed)
    output = json.loads(json.dumps(to_verl(trajectory)))
    generated = int(trajectory.generated_mask.sum()) if trajectory.valid else 0

    assert sample_of(from_verl(output)) == sample_of(trajectory)
    assert sum(output["response_mask"]) == generated
    assert (output["reward_score"] is None) == (not trajectory.valid)


def test_another_loops_output_keeps_masks_and_the_sum() -> None:
    output = {
        "prompt_ids": [1],
        "response_ids": [2, 9, 3, 9],
        "response_mask": [1, 0, 1, 0],
        "reward_score": 2.0,
    }
    trajectory = from_verl(output)

    assert trajectory.token_ids.tolist() == [1, 2, 9, 3]
    assert trajectory.turn_rewards.tolist() == [0.0, 2.0]


def test_a_verifier_scores_a_row_by_its_name() -> None:
    score = verl_data.compute_score

    assert score("math", r"\boxed{5}", "5")["score"] == 1.0
    assert score("gsm8k", r"\boxed{6}", "5", {"verifier": "math"})["score"] == 0.0
    assert score("answer", "<answer>Paris</answer>", '["Paris"]')["acc"] == 1.0


def test_what_cannot_be_scored_is_said() -> None:
    score = verl_data.compute_score
    with pytest.raises(ValueError, match="did you mean 'math'"):
        score("maths", "5", "5")
    with pytest.raises(ValueError, match="use agent_name 'llmenvs'"):
        score("math", "5", "5", {"num_turns": 4})
    with pytest.raises(verl_data.UndecidedError, match=r"reward_kwargs\.undecided"):
        score("math", "5", None)

    assert score("math", "5", None, undecided=0.0) == {"score": 0.0, "acc": 0.0, "undecided": 1.0}


def test_a_data_set_is_written_or_refused(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = verl_data.episode_rows(GRID, num_prompts=3)
    verl_data.write_dataset(tmp_path / "train.parquet", rows, batch_size=3)

    assert parquet.read_table(tmp_path / "train.parquet").to_pylist() == rows
    assert len({row["extra_info"]["seed"] for row in rows}) == 3
    with pytest.raises(ValueError, match="must fill one batch of 4, got 3"):
        verl_data.write_dataset(tmp_path / "x.parquet", rows, batch_size=4)
    with pytest.raises(ValueError, match=r"row 0 must have the columns \['data_source'"):
        verl_data.write_dataset(tmp_path / "x.parquet", [{"prompt": []}])
    with pytest.raises(ValueError, match="GridWord"):
        verl_data.episode_rows("llmenvs/GridWord-v0", num_prompts=1)
    assert not (tmp_path / "x.parquet").exists()


class FakeServer:
    """Answers as verl's client of LLM servers does."""

    def __init__(self, tokenizer: Any, texts: list[str]) -> None:
        self._tokenizer = tokenizer
        self._texts = texts
        self.asked: list[tuple[str, list[int]]] = []

    async def generate(
        self, *, request_id: str, prompt_ids: list[int], sampling_params: dict[str, Any]
    ) -> Any:
        turn = sum(request_id == before for before, _ in self.asked)
        self.asked.append((request_id, list(prompt_ids)))
        text = self._texts[turn % len(self._texts)]
        ids = [*self._tokenizer.encode(text), self._tokenizer.eos_token_id]
        ids = ids[: sampling_params["max_tokens"]]
        return SimpleNamespace(token_ids=ids, log_probs=[-0.5] * len(ids))


def play(
    tmp_path: Path, tokenizer: Any, texts: list[str], rows: list[dict[str, Any]], **lengths: int
) -> tuple[Any, FakeServer]:
    """Play rows with verl's worker on its own configuration."""
    pytest.importorskip("verl.experimental.agent_loop")
    import hydra
    import transformers
    import verl
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker
    from verl.protocol import DataProto

    from llmenvs.integrations.verl import write_config

    tokenizer.save_pretrained(tmp_path / "model")
    transformers.LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
    ).save_pretrained(tmp_path / "model")
    write_config(tmp_path / "loops.yaml")
    sizes = {"prompt_length": 1024, "response_length": 512, **lengths}
    folder = str(Path(verl.__file__).parent / "trainer" / "config")
    with hydra.initialize_config_dir(folder, version_base=None):
        config = hydra.compose(
            "ppo_trainer",
            [
                f"actor_rollout_ref.model.path={tmp_path / 'model'}",
                "actor_rollout_ref.rollout.name=vllm",
                f"actor_rollout_ref.rollout.prompt_length={sizes['prompt_length']}",
                f"actor_rollout_ref.rollout.response_length={sizes['response_length']}",
                "actor_rollout_ref.rollout.calculate_log_probs=true",
                f"actor_rollout_ref.rollout.agent.agent_loop_config_path={tmp_path / 'loops.yaml'}",
            ],
        )
    columns = {
        "raw_prompt": [row["prompt"] for row in rows],
        "extra_info": [row["extra_info"] for row in rows],
        "agent_name": [row["agent_name"] for row in rows],
    }
    batch = DataProto.from_single_dict({key: as_column(value) for key, value in columns.items()})
    server = FakeServer(tokenizer, texts)
    worker = AgentLoopWorker(config, server)
    return asyncio.run(worker.generate_sequences(batch)), server


def as_column(values: list[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


@pytest.mark.slow
def test_the_worker_plays_a_group_of_episodes(
    tmp_path: Path, byte_tokenizer: Callable[[], Any], one_step_options: dict[str, Any]
) -> None:
    rows = verl_data.episode_rows(GRID, num_prompts=2, env_options=one_step_options)
    tokenizer = byte_tokenizer()
    texts = ["<action>up</action>", "<action>down</action>", "<action>right</action>"]
    output, server = play(tmp_path, tokenizer, texts, rows)
    batch = output.batch

    assert len(server.asked) == 6
    for row in range(2):
        mask = batch["response_mask"][row].bool()
        sampled = batch["responses"][row][mask].tolist()
        assert sampled == [i for text in texts for i in tokenizer.encode(text)]
        assert (batch["rollout_log_probs"][row][mask] == -0.5).all()
        assert (batch["rollout_log_probs"][row][~mask] == 0.0).all()
        last = int(mask.nonzero().max())
        assert batch["rm_scores"][row][last] == batch["rm_scores"][row].sum() > 0
    assert output.non_tensor_batch["undecided"].tolist() == [0.0, 0.0]


@pytest.mark.slow
def test_what_the_environment_wrote_earns_nothing_and_undecided_trains_nothing(
    tmp_path: Path, byte_tokenizer: Callable[[], Any], undecided_env_id: str
) -> None:
    task = {"task_id": "t", "question": r"Say \boxed{5}.", "answer": "5"}
    leak = {"env_id": "llmenvs/MathAnswer-v0", "env_options": {"tasks": [task]}}
    specs: list[dict[str, Any]] = [leak, {"env_id": undecided_env_id}]
    rows: list[dict[str, Any]] = [
        {"prompt": [], "extra_info": spec, "agent_name": "llmenvs"} for spec in specs
    ]
    output, _ = play(tmp_path, byte_tokenizer(), ["no idea"], rows)

    assert output.batch["rm_scores"].sum(dim=1).tolist() == [0.0, 0.0]
    assert output.non_tensor_batch["undecided"].tolist() == [0.0, 1.0]
    assert output.batch["response_mask"].sum(dim=1).tolist() == [len("no idea") + 1, 0]


@pytest.mark.slow
def test_a_long_episode_is_cut_after_a_sampled_token(
    tmp_path: Path, byte_tokenizer: Callable[[], Any]
) -> None:
    rows = verl_data.episode_rows(GRID, num_prompts=1)
    move = "<action>up</action>"
    output, _ = play(tmp_path, byte_tokenizer(), [move], rows, response_length=2 * len(move))
    mask = output.batch["response_mask"][0].tolist()

    assert mask[: len(move) + 1] == [1] * len(move) + [0]
    assert output.batch["attention_mask"][0, -2 * len(move) :].sum() == max(
        index + 1 for index, own in enumerate(mask) if own
    )


@pytest.mark.slow
def test_rows_that_cannot_be_played_say_what_to_change(
    tmp_path: Path, byte_tokenizer: Callable[[], Any]
) -> None:
    good = {"env_id": GRID}
    for info, lengths, message in (
        ({"index": 0}, {}, "extra_info must hold env_id"),
        ({**good, "task_id": "none"}, {}, "cannot start"),
        (good, {"prompt_length": 8}, "data.max_prompt_length"),
    ):
        rows: list[dict[str, Any]] = [{"prompt": [], "extra_info": info, "agent_name": "llmenvs"}]
        with pytest.raises(ValueError, match=message):
            play(tmp_path, byte_tokenizer(), ["x"], rows, **lengths)
