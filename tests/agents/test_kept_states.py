"""What a model has read of an episode is not read again, and nothing else changes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from llmenvs import ByteTokenizer, Prompt, RolloutLimits, rollout
from llmenvs.agents.causal_lm import CausalLM
from llmenvs.agents.decoding import RecomputingDecoder
from llmenvs.agents.kept_states import EpisodeCache, KeptStates
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.testing import GuessDigitEnv

CPU = torch.device("cpu")
VOCAB = 257


def shaken(model: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return model


def transformer(max_length: int = 512) -> Transformer:
    return shaken(Transformer(TransformerConfig(vocab_size=VOCAB, max_length=max_length, width=16)))  # type: ignore[no-any-return]


def causal_lm(kind: str) -> CausalLM:
    transformers = pytest.importorskip("transformers")
    sizes: dict[str, Any] = {"vocab_size": VOCAB, "bos_token_id": None, "eos_token_id": 1}
    if kind == "gpt2":
        config = transformers.GPT2Config(n_positions=512, n_embd=16, n_layer=2, n_head=2, **sizes)
        return shaken(CausalLM(transformers.GPT2LMHeadModel(config)))  # type: ignore[no-any-return]
    config = (transformers.MistralConfig if kind == "mistral" else transformers.LlamaConfig)(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        **({"sliding_window": 8} if kind == "mistral" else {}),
        **sizes,
    )
    made = transformers.MistralForCausalLM if kind == "mistral" else transformers.LlamaForCausalLM
    return shaken(CausalLM(made(config)))  # type: ignore[no-any-return]


MODELS: dict[str, Callable[[], Any]] = {
    "ours": transformer,
    "llama": lambda: causal_lm("llama"),
    "gpt2": lambda: causal_lm("gpt2"),
}
TOKENS = st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=5)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=15, deadline=None)
@given(
    sequences=st.lists(TOKENS, min_size=1, max_size=4),
    data=st.data(),
)
def test_going_on_gives_the_logits_of_reading_everything(
    name: str, sequences: list[list[int]], data: st.DataObject
) -> None:
    model: Any = MODELS[name]()
    with torch.inference_mode():
        first = model.decoder()
        first.start(sequences)
        kept = [first.keep(row) for row in range(len(sequences))]
        longer, states = [], []
        for row, sequence in enumerate(sequences):
            # Some go on after much, some after little, some were never read.
            more = data.draw(TOKENS) * data.draw(st.sampled_from([1, 40]))
            known = data.draw(st.booleans())
            longer.append([*sequence, *more])
            states.append(kept[row] if known else None)
        cached, plain = model.decoder(), RecomputingDecoder(model, device=CPU)
        assert_close(cached.start(longer, states), plain.start(longer))
        rows = torch.tensor([len(longer) - 1, 0])
        for token_ids in (torch.tensor([3, 4]), torch.tensor([5, 6])):
            assert_close(cached.advance(rows, token_ids), plain.advance(rows, token_ids))
            rows = torch.tensor([1, 0])


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_window_of_attention_is_read_anew() -> None:
    """Gaps between what was kept and what is new would widen the window."""
    decoder = causal_lm("mistral").decoder()
    with torch.inference_mode():
        decoder.start([list(range(20))])
        assert decoder.keep(0) is None


class Reading(nn.Module):
    """Counts the tokens that a model is given."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.inner = model
        self.num_tokens = 0
        model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.num_tokens += kwargs["input_ids"].numel()


def played(policy: TransformerPolicy, num_envs: int = 3) -> list[Any]:
    envs: Any = [GuessDigitEnv() for _ in range(num_envs)]
    return rollout(envs, policy, seeds=range(5), limits=RolloutLimits(max_new_tokens=4))


@pytest.mark.parametrize("name", MODELS)
def test_episodes_are_the_same_with_and_without(name: str) -> None:
    model: Any = MODELS[name]()
    with_cache = played(TransformerPolicy(model, ByteTokenizer()))
    without = played(TransformerPolicy(model, ByteTokenizer(), max_kept_bytes=0))

    for one, other in zip(with_cache, without, strict=True):
        assert one.token_ids.tolist() == other.token_ids.tolist()
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-4)


def test_a_turn_reads_only_what_is_new() -> None:
    model = causal_lm("llama")
    reading = Reading(model.model)
    episodes = played(TransformerPolicy(model, ByteTokenizer()), num_envs=1)
    num_read = reading.num_tokens
    played(TransformerPolicy(model, ByteTokenizer(), max_kept_bytes=0), num_envs=1)

    assert num_read <= sum(len(episode.token_ids) for episode in episodes)
    assert reading.num_tokens > 2.5 * num_read


def test_new_weights_forget_what_the_old_ones_read() -> None:
    model = transformer()
    policy = TransformerPolicy(model, ByteTokenizer())
    policy.act([prompt([1, 2])])
    shaken(model)
    policy.version += 1
    fresh = TransformerPolicy(model, ByteTokenizer())
    fresh.version = 1
    (completion,) = policy.act([prompt([1, 2])])
    read = [1, 2, *(completion.token_ids or ()), 7]
    assert policy.act([prompt(read)])[0].logprobs == pytest.approx(
        fresh.act([prompt(read)])[0].logprobs, abs=1e-5
    )


def prompt(token_ids: list[int]) -> Prompt:
    return Prompt("one", token_ids, "", [], [], (), seed=1, max_new_tokens=3)


def states(length: int, fill: float = 0.0) -> KeptStates:
    tensor = torch.full((1, length, 2), fill)
    return KeptStates((tensor,), (tensor,))


def test_only_what_continues_what_was_kept_uses_it() -> None:
    cache = EpisodeCache(10_000)
    for token_ids, is_found in (
        ([1, 2, 3], True),
        ([1, 2], False),  # a new episode of the same name
        ([1, 4, 3], False),  # a template that rewrites what was said
        ([1], False),
    ):
        cache.put("one", [1, 2], states(2))
        assert (cache.take("one", token_ids) is not None) is is_found
        assert cache.take("one", [1, 2, 3]) is None, "what was kept is used once"
    assert cache.take("other", [1]) is None


def test_the_oldest_goes_when_the_memory_is_full() -> None:
    cache = EpisodeCache(3 * states(2).num_bytes)
    for name in "abcd":
        cache.put(name, [1, 2], states(2))
    assert cache.take("a", [1, 2, 3]) is None
    assert cache.take("b", [1, 2, 3]) is not None
    cache.put("large", list(range(100)), states(100))
    assert len(cache) == 2
    cache.clear()
    assert len(cache) == 0


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0, got -1"):
        EpisodeCache(-1)
