"""A saved policy is the same when loaded, and one that does not fit is refused before it trains."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import torch

import llmenvs
from llmenvs import ByteTokenizer, Prompt, RolloutLimits
from llmenvs.agents.causal_lm import CausalLM
from llmenvs.agents.model_files import can_save, load_policy, save_model
from llmenvs.agents.model_source import check_policy, make_policy, within_length
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.env import TextEnv
from llmenvs.testing import GuessDigitEnv
from llmenvs.tokenizers import as_tokenizer


def grid() -> TextEnv[Any]:
    env: TextEnv[Any] = gym.make("llmenvs/GridWorld-v0").unwrapped  # type: ignore[assignment]
    return env


def bytes_policy(vocab_size: int = 257) -> TransformerPolicy:
    sizes = TransformerConfig(vocab_size=vocab_size, max_length=64, width=8)
    return TransformerPolicy(Transformer(sizes), ByteTokenizer())


def hugging_face_policy(*, eos: str | None = "<eos>", pad: str | None = "<pad>") -> Any:
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    vocab = {"<pad>": 0, "<eos>": 1, "<unk>": 2, **{str(i): 3 + i for i in range(10)}, " ": 13}
    rust = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocab, unk_token="<unk>"))
    rust.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex("."), "isolated")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, eos_token=eos, pad_token=pad, unk_token="<unk>"
    )
    config = transformers.LlamaConfig(
        vocab_size=20,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=1,
    )
    model = CausalLM(transformers.LlamaForCausalLM(config))
    return TransformerPolicy(model, as_tokenizer(tokenizer))


def answers(policy: TransformerPolicy) -> list[Any]:
    prompts = [Prompt("", [3, 5], "", [], [], (), seed=s, max_new_tokens=6) for s in range(4)]
    return [(c.token_ids, c.logprobs) for c in policy.act(prompts)]


def test_the_tiny_model_follows_its_seed_and_survives_a_folder(tmp_path: Path) -> None:
    one, two = (make_policy("tiny", grid, seed=3, max_length=99) for _ in range(2))
    save_model(tmp_path / "model", one)
    loaded = load_policy(str(tmp_path / "model"))

    assert answers(one) == answers(two) == answers(loaded)
    assert loaded.tokenizer.encode("You are") == one.tokenizer.encode("You are")
    assert loaded.tokenizer.end_of_turn_id == one.tokenizer.end_of_turn_id is not None
    assert loaded.tokenizer.vocab_size <= 512


@pytest.mark.parametrize("make", [bytes_policy, hugging_face_policy])
def test_a_saved_policy_is_the_same_when_loaded(tmp_path: Path, make: Any) -> None:
    policy = make()
    save_model(tmp_path / "model", policy)
    save_model(tmp_path / "model", policy)  # in place of the first

    assert can_save(policy)
    assert answers(load_policy(str(tmp_path / "model"))) == answers(policy)


def test_a_model_of_another_kind_cannot_be_saved(tmp_path: Path) -> None:
    policy = TransformerPolicy(torch.nn.Linear(2, 2), ByteTokenizer())
    with pytest.raises(TypeError, match="cannot save a Linear with a ByteTokenizer"):
        save_model(tmp_path / "model", policy)

    assert not can_save(policy)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no model: config\.json is missing"):
        load_policy(str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is not JSON"):
        load_policy(str(tmp_path))
    (tmp_path / "config.json").write_text('{"kind": "llmenvs.Transformer", "sizes": {}}')
    with pytest.raises(ValueError, match="cannot be read as a model"):
        load_policy(str(tmp_path))


def test_a_vocabulary_larger_than_the_embedding_is_refused() -> None:
    with pytest.raises(ValueError, match="has 257 ids but the model's embedding 200 rows"):
        check_policy(bytes_policy(vocab_size=200), grid())
    check_policy(bytes_policy(vocab_size=300), grid())


def test_a_tokenizer_without_an_end_needs_an_environment_with_stop_strings() -> None:
    policy = hugging_face_policy(eos=None)
    with pytest.raises(ValueError, match="no end-of-sequence token and the environment no stop"):
        check_policy(policy, GuessDigitEnv())
    if grid().stop_strings:
        check_policy(policy, grid())


def test_a_tokenizer_without_padding_trains_as_one_with_it() -> None:
    policies = [hugging_face_policy(pad=pad) for pad in (None, "<pad>")]
    policies[1].model.load_state_dict(policies[0].model.state_dict())
    check_policy(policies[0], GuessDigitEnv())
    batch = torch.tensor([[3, 4, 5, 6], [3, 4, 0, 0]])
    loss_mask = torch.tensor([[False, True, True, True], [False, True, False, False]])

    assert answers(policies[0]) == answers(policies[1])
    assert torch.equal(*(policy.logprobs(batch, loss_mask=loss_mask) for policy in policies))
    env = GuessDigitEnv(tokenizer=policies[0].tokenizer)
    (played,) = llmenvs.rollout([env], policies[0], seeds=[0])
    assert played.valid


def test_episodes_are_kept_to_what_the_model_reads() -> None:
    limits = RolloutLimits(max_new_tokens=4, max_episode_tokens=1000)

    assert within_length(limits, bytes_policy()).max_episode_tokens == 64
    short = RolloutLimits(max_new_tokens=4, max_episode_tokens=10)
    assert within_length(short, bytes_policy()) == short
