"""Log-probabilities made in chunks, in bfloat16, or from recomputed layers are the plain ones."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from llmenvs import ByteTokenizer, Prompt
from llmenvs.agents.causal_lm import CausalLM
from llmenvs.agents.optimization import frozen_copy
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.recomputation import recompute_layers
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.agents.value_model import value_head_for

MakePolicy = Callable[..., TransformerPolicy]
TOKENS = torch.randint(0, 200, (3, 11), generator=torch.Generator().manual_seed(0))
MASK = torch.rand(TOKENS.shape, generator=torch.Generator().manual_seed(1)) < 0.6


def ours(**options: Any) -> TransformerPolicy:
    model = Transformer(TransformerConfig(vocab_size=257, max_length=64, width=16))
    nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(2))
    return TransformerPolicy(model, ByteTokenizer(), **options)


def gemma(**options: Any) -> TransformerPolicy:
    """Caps its logits, so that they are not the head's alone."""
    transformers = pytest.importorskip("transformers")
    config = transformers.Gemma2Config(
        vocab_size=257,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        final_logit_softcapping=0.05,
    )
    model = CausalLM(transformers.Gemma2ForCausalLM(config))
    return TransformerPolicy(model, ByteTokenizer(), **options)


@pytest.fixture(params=["ours", "llama", "gemma"])
def make(request: pytest.FixtureRequest, chat_policy: MakePolicy) -> MakePolicy:
    makers: dict[str, MakePolicy] = {"ours": ours, "llama": chat_policy, "gemma": gemma}
    return makers[request.param]


def gradients(policy: TransformerPolicy, values: Tensor) -> list[Tensor]:
    policy.model.zero_grad()
    (values * torch.linspace(0.5, 1.5, values.numel()).view(values.shape)).sum().backward()
    return [p.grad.clone() for p in policy.model.parameters() if p.grad is not None]


def test_chunks_give_the_values_and_the_gradient_of_the_whole(make: MakePolicy) -> None:
    whole, chunked = make(), make(chunk_tokens=2)
    chunked.model.load_state_dict(whole.model.state_dict())
    scores: list[Callable[[TransformerPolicy], Tensor]] = [
        lambda policy: policy.logprobs(TOKENS, loss_mask=MASK),
        lambda policy: policy.evaluate(TOKENS, loss_mask=MASK).entropy,
        lambda policy: policy.evaluate(TOKENS, loss_mask=MASK).logprobs,
    ]
    for of in scores:
        expected, found = of(whole), of(chunked)
        torch.testing.assert_close(found, expected)
        for one, other in zip(gradients(chunked, found), gradients(whole, expected), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_the_probabilities_are_those_of_the_model_s_own_logits(make: MakePolicy) -> None:
    policy = make(temperature=0.7, chunk_tokens=3)
    logits = policy.model(TOKENS)[:, :-1, : policy.tokenizer.vocab_size] / 0.7
    expected = logits.log_softmax(-1).gather(-1, TOKENS[:, 1:, None])[..., 0]
    torch.testing.assert_close(policy.logprobs(TOKENS)[:, 1:], expected, atol=1e-5, rtol=1e-5)


def test_a_head_is_plain_where_the_logits_are_nothing_more(chat_policy: MakePolicy) -> None:
    heads = [policy.model.has_plain_head for policy in (ours(), chat_policy(), gemma())]
    assert heads == [True, True, False]


def test_no_tensor_has_the_logits_of_all_tokens(chat_policy: MakePolicy) -> None:
    policy = chat_policy(chunk_tokens=4)
    largest = 0

    def pack(tensor: Tensor) -> Tensor:
        nonlocal largest
        if tensor.dtype == torch.float32 and tensor.shape[-1] == policy.tokenizer.vocab_size:
            largest = max(largest, tensor.numel() // tensor.shape[-1])
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        policy.logprobs(TOKENS).sum().backward()
    assert largest <= 4


def test_recomputed_layers_give_the_same_gradient_and_sample_the_same(make: MakePolicy) -> None:
    plain, recomputing = make(), make()
    recomputing.model.load_state_dict(plain.model.state_dict())
    saved = [0, 0]
    found = []
    recompute_layers(recomputing.model)
    for index, policy in enumerate((plain, recomputing)):

        def pack(tensor: Tensor, index: int = index) -> Tensor:
            saved[index] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            logprobs = policy.logprobs(TOKENS, loss_mask=MASK)
        found.append((logprobs.detach(), gradients(policy, logprobs), sampled(policy)))
    assert saved[1] < 0.6 * saved[0]
    torch.testing.assert_close(found[1], found[0])


def test_a_model_with_dropout_recomputes_without_it() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.OPTConfig(
        vocab_size=257,
        hidden_size=16,
        ffn_dim=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        word_embed_proj_dim=16,
        dropout=0.5,
        max_position_embeddings=64,
    )
    policy = TransformerPolicy(CausalLM(transformers.OPTForCausalLM(config)), ByteTokenizer())
    before = policy.logprobs(TOKENS)
    recompute_layers(policy.model)
    torch.testing.assert_close(policy.logprobs(TOKENS), before)


def test_a_model_without_layers_that_are_known_is_named() -> None:
    with pytest.raises(ValueError, match="gradient_checkpointing is not there for a Linear"):
        recompute_layers(nn.Linear(2, 2))


def test_a_copy_of_a_model_that_recomputes_is_its_own(chat_policy: MakePolicy) -> None:
    policy = chat_policy()
    recompute_layers(policy.model)
    reference = frozen_copy(policy)
    before = reference.logprobs(TOKENS)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.mul_(0.5)
    assert torch.equal(reference.logprobs(TOKENS), before)


def sampled(policy: TransformerPolicy) -> list[Any]:
    prompts = [Prompt("", [3, 5, n], "", [], [], (), seed=n, max_new_tokens=6) for n in range(3)]
    return [(c.token_ids, c.logprobs) for c in policy.act(prompts)]


def test_bf16_keeps_weights_gradients_and_probabilities_in_fp32(make: MakePolicy) -> None:
    policy, exact = make(precision="bf16"), make()
    exact.model.load_state_dict(policy.model.state_dict())
    logprobs = policy.logprobs(TOKENS, loss_mask=MASK)
    grads = gradients(policy, logprobs)
    expected = exact.logprobs(TOKENS, loss_mask=MASK)

    assert logprobs.dtype == torch.float32
    assert {g.dtype for g in grads} == {torch.float32}
    assert not torch.equal(logprobs, expected)
    torch.testing.assert_close(logprobs, expected, atol=0.3, rtol=0.1)
    assert frozen_copy(policy).precision == "bf16"


def test_what_was_sampled_in_bf16_is_near_what_the_update_computes(make: MakePolicy) -> None:
    policy = make(precision="bf16")
    for token_ids, logprobs in sampled(policy):
        whole = torch.tensor([[3, 5, 0, *token_ids]])
        assert all(logprob <= 0.0 for logprob in logprobs)
        assert policy.logprobs(whole).shape == whole.shape
    (first, *_) = sampled(policy)
    again = policy.logprobs(torch.tensor([[3, 5, 0, *first[0]]]))[0, 3:]
    torch.testing.assert_close(torch.tensor(first[1]), again.detach(), atol=0.2, rtol=0.1)


def test_the_weights_that_are_sampled_from_are_rounded_once_and_follow_those_that_learn(
    make: MakePolicy,
) -> None:
    policy = make(precision="bf16")
    copied = policy._rounded.of(policy.model)
    assert {p.dtype for p in copied.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in policy.model.parameters()} == {torch.float32}
    buffers = zip(policy.model.buffers(), copied.buffers(), strict=True)
    assert all(torch.equal(one, other) for one, other in buffers)
    assert policy._rounded.of(policy.model) is copied
    optimizer = torch.optim.SGD(policy.model.parameters(), lr=0.1)
    policy.logprobs(TOKENS, loss_mask=MASK).sum().backward()
    optimizer.step()
    sampled(policy)
    assert policy._rounded.of(policy.model) is copied
    for one, other in zip(policy.model.parameters(), copied.parameters(), strict=True):
        assert torch.equal(one.detach().bfloat16(), other)


def test_values_are_not_rounded_to_bf16(chat_policy: MakePolicy) -> None:
    policy = chat_policy(precision="bf16")
    head = value_head_for(policy.model)
    head.bias.data.fill_(1.001)
    values = policy.evaluate(TOKENS, loss_mask=MASK, value_head=head).values
    assert values is not None
    torch.testing.assert_close(values.detach(), torch.full(TOKENS.shape, 1.001))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp16"}, "precision must be one of"),
        ({"chunk_tokens": 0}, "chunk_tokens must be at least 1, got 0"),
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
    ],
)
def test_impossible_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ours(**options)
