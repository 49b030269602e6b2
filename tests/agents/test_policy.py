"""Sampling follows the prompt's seed whatever the batch; its log-probabilities are the model's."""

from typing import Any

import numpy as np
import pytest
import torch

from llmenvs import ByteTokenizer, Prompt
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.transformer import Transformer, TransformerConfig


def network(seed: int = 0, **sizes: Any) -> Transformer:
    """Weights large enough that logits differ."""
    model = Transformer(
        TransformerConfig(**{"vocab_size": 257, "max_length": 64, **sizes}), seed=seed
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    return model


def prompt(text: str, *, seed: int = 0, stop: tuple[str, ...] = (), limit: int = 6) -> Prompt:
    return Prompt(text, list(text.encode()), text, [], [], stop, seed=seed, max_new_tokens=limit)


PROMPTS = [prompt("a"), prompt("a longer prompt", seed=1), prompt("mid", seed=2, limit=3)]


def test_a_completion_does_not_depend_on_its_batch() -> None:
    policy = TransformerPolicy(network(), ByteTokenizer())
    together = policy.act(PROMPTS)
    alone = [policy.act([p])[0] for p in PROMPTS]

    assert [c.token_ids for c in together] == [c.token_ids for c in alone]
    assert [len(c.token_ids or ()) for c in together] == [6, 6, 3]
    for one, other in zip(together, alone, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def test_the_seed_decides_what_is_sampled() -> None:
    policy = TransformerPolicy(network(), ByteTokenizer())
    completions = [policy.act([prompt("a", seed=seed)])[0].token_ids for seed in (1, 1, 2)]

    assert completions[0] == completions[1] != completions[2]


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_sampled_logprobs_are_those_that_training_computes(temperature: float) -> None:
    policy = TransformerPolicy(network(), ByteTokenizer(), temperature=temperature)
    for p, completion in zip(PROMPTS, policy.act(PROMPTS), strict=True):
        sampled = list(completion.token_ids or ())
        token_ids = torch.tensor([[*p.token_ids, *sampled, 0, 0]])
        start = len(p.token_ids)
        logprobs = policy.logprobs(token_ids)[0, start : start + len(sampled)]

        assert logprobs.tolist() == pytest.approx(completion.logprobs, abs=1e-5)


def test_sampling_follows_the_models_distribution() -> None:
    policy = TransformerPolicy(network(vocab_size=5), ByteTokenizer())
    ids = [3, 1]
    drawn = [
        c.token_ids[0]  # type: ignore[index]
        for c in policy.act(
            [Prompt("", ids, "", [], [], (), seed=s, max_new_tokens=1) for s in range(4000)]
        )
    ]
    with torch.inference_mode():
        expected = policy.model(torch.tensor([ids]))[0, -1].softmax(-1).numpy()

    np.testing.assert_allclose(np.bincount(drawn, minlength=5) / 4000, expected, atol=0.03)


def test_ids_that_the_tokenizer_does_not_have_are_never_sampled() -> None:
    policy = TransformerPolicy(network(vocab_size=2000), ByteTokenizer())
    completions = policy.act([prompt("a", seed=seed, limit=20) for seed in range(50)])
    (first,) = policy.act([prompt("a")])
    token_ids = torch.tensor([[97, *(first.token_ids or ())]])

    assert max(i for c in completions for i in c.token_ids or ()) <= 256
    assert policy.logprobs(token_ids)[0, 1:].tolist() == pytest.approx(first.logprobs, abs=1e-5)


class Scripted(torch.nn.Module):
    """Always says the same bytes after a prompt of one token."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids = [*text.encode(), 256]
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
        logits = torch.full((*token_ids.shape, 257), -100.0)
        for position in range(min(token_ids.shape[1], len(self.ids))):
            logits[:, position, self.ids[position]] = 100.0
        return logits


def test_it_stops_at_a_stop_string_and_at_the_end_of_the_turn() -> None:
    policy = TransformerPolicy(Scripted("up</a>more"), ByteTokenizer())
    (stopped,) = policy.act([prompt("x", stop=("</a>",), limit=60)])
    (ended,) = policy.act([prompt("x", limit=60)])

    assert stopped == "up</a>"
    assert stopped.token_ids == tuple(b"up</a>")
    assert ended == "up</a>more"
    assert ended.token_ids == (*b"up</a>more", 256)
    assert stopped.logprobs == pytest.approx([0.0] * 6)


def test_the_policy_tells_its_version() -> None:
    policy = TransformerPolicy(network(), ByteTokenizer())
    policy.version = 7

    assert policy.act([prompt("a")])[0].policy_version == 7


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="temperature must be above 0, got 0"):
        TransformerPolicy(network(), ByteTokenizer(), temperature=0.0)
    policy = TransformerPolicy(network(), ByteTokenizer())
    with pytest.raises(ValueError, match="at least one token"):
        policy.act([prompt("")])
    with pytest.raises(ValueError, match="70 tokens but the model reads 64"):
        policy.act([prompt("x" * 70)])


class TestTransformer:
    def test_no_position_sees_what_follows_it(self) -> None:
        model = network()
        ids = torch.randint(257, (2, 10), generator=torch.Generator().manual_seed(0))
        changed = ids.clone()
        changed[:, 6:] = 0

        torch.testing.assert_close(model(ids)[:, :6], model(changed)[:, :6])
        assert not torch.allclose(model(ids)[:, 6:], model(changed)[:, 6:])

    def test_the_untrained_policy_is_uniform_and_follows_its_seed(self) -> None:
        config = TransformerConfig(vocab_size=7)
        before = torch.random.get_rng_state()
        one, two, other = (Transformer(config, seed=seed) for seed in (1, 1, 2))
        logits = one(torch.tensor([[1, 2, 3]]))

        assert not logits.any()
        for a, b in zip(one.parameters(), two.parameters(), strict=True):
            assert torch.equal(a, b)
        assert not torch.equal(one.token_embedding.weight, other.token_embedding.weight)
        assert torch.equal(torch.random.get_rng_state(), before)
