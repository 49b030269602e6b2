"""A decoder with a cache gives the logits that reading the whole sequences anew gives."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from llmenvs import ByteTokenizer, Prompt
from llmenvs.agents.causal_lm import CausalLM
from llmenvs.agents.decoding import LanguageModel, RecomputingDecoder, decoder_of
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.transformer import Transformer, TransformerConfig

CPU = torch.device("cpu")
VOCAB = 11
ModelT = TypeVar("ModelT", bound=nn.Module)


def small_transformer() -> Transformer:
    model = Transformer(TransformerConfig(vocab_size=VOCAB, max_length=32, width=16))
    return shaken(model)


def small_causal_lm(kind: str = "llama") -> CausalLM:
    transformers = pytest.importorskip("transformers")
    sizes: dict[str, Any] = {"vocab_size": VOCAB, "bos_token_id": None, "eos_token_id": 1}
    if kind == "gpt2":
        config = transformers.GPT2Config(n_positions=32, n_embd=16, n_layer=2, n_head=2, **sizes)
        return shaken(CausalLM(transformers.GPT2LMHeadModel(config)))
    config = transformers.LlamaConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        **sizes,
    )
    return shaken(CausalLM(transformers.LlamaForCausalLM(config)))


def shaken(model: ModelT) -> ModelT:
    """Weights large enough that logits differ."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    return model


MODELS: dict[str, Callable[[], Transformer | CausalLM]] = {
    "ours": small_transformer,
    "llama": small_causal_lm,
    "gpt2": lambda: small_causal_lm("gpt2"),
}
SEQUENCES = st.lists(
    st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=6), min_size=1, max_size=4
)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=20, deadline=None)
@given(sequences=SEQUENCES, data=st.data())
def test_a_cache_changes_no_logits(
    name: str, sequences: list[list[int]], data: st.DataObject
) -> None:
    model = MODELS[name]()
    cached, plain = model.decoder(), RecomputingDecoder(model, device=CPU)
    with torch.inference_mode():
        torch.testing.assert_close(
            cached.start(sequences), plain.start(sequences), atol=1e-4, rtol=1e-4
        )
        count = len(sequences)
        for _ in range(3):
            rows = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=5))
            count = len(rows)
            ids = data.draw(st.lists(st.integers(0, VOCAB - 1), min_size=count, max_size=count))
            step = torch.tensor(rows), torch.tensor(ids)
            torch.testing.assert_close(
                cached.advance(*step), plain.advance(*step), atol=1e-4, rtol=1e-4
            )


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_the_same_where_only_some_are_wanted(name: str) -> None:
    model = MODELS[name]()
    token_ids = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]])
    wanted = torch.tensor([[False, True, True, False], [True, False, False, False]])

    torch.testing.assert_close(model.logits_at(token_ids, wanted), model(token_ids)[wanted])


@pytest.mark.parametrize("name", MODELS)
def test_masked_logprobs_and_their_gradient_are_those_of_all_tokens(name: str) -> None:
    model = MODELS[name]()
    policy = TransformerPolicy(model, ByteTokenizer(), temperature=0.7)
    token_ids = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 9], [5, 6, 7, 0], [1, 2, 3, 4]])
    loss_mask = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 0], [0, 1, 0, 0], [0, 1, 0, 1]]).bool()
    weights = torch.arange(16.0).view(4, 4)
    found = policy.logprobs(token_ids, loss_mask=loss_mask)
    gradient = gradient_of((found * weights).sum(), model)
    every = torch.where(loss_mask, policy.logprobs(token_ids), 0.0)

    torch.testing.assert_close(found, every)
    torch.testing.assert_close(gradient, gradient_of((every * weights).sum(), model))


def gradient_of(loss: Tensor, model: nn.Module) -> Tensor:
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_nothing_asked_gives_zeros() -> None:
    policy = TransformerPolicy(small_transformer(), ByteTokenizer())
    token_ids = torch.ones(2, 3, dtype=torch.long)

    assert not policy.logprobs(token_ids, loss_mask=torch.zeros(2, 3, dtype=torch.bool)).any()
    assert not policy.logprobs(token_ids[:, :1]).any()


class CountingModel(nn.Module):
    """A causal model without a cache that counts the sequences it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(VOCAB))
        self.seen: list[int] = []

    def forward(self, token_ids: Tensor) -> Tensor:
        self.seen.append(len(token_ids))
        return self.bias.expand(*token_ids.shape, VOCAB)


def test_a_prompt_that_a_group_shares_is_read_once() -> None:
    model = CountingModel()
    prompts = [Prompt("", [1, 2], "", [], [], (), seed=s, max_new_tokens=2) for s in range(8)]
    completions = TransformerPolicy(model, ByteTokenizer()).act(prompts)

    assert model.seen == [1, 8]
    assert len({c.token_ids for c in completions}) > 4


def test_a_model_without_a_cache_is_asked_anew() -> None:
    assert all(isinstance(make(), LanguageModel) for make in MODELS.values())
    assert isinstance(decoder_of(CountingModel(), device=CPU), RecomputingDecoder)


def test_a_model_of_transformers_keeps_dropout_off_in_training() -> None:
    model = small_causal_lm("gpt2").train()
    token_ids = torch.tensor([[1, 2, 3]])

    assert torch.equal(model(token_ids), model(token_ids))
    assert model.vocab_size == VOCAB
    assert model.max_length == 32
