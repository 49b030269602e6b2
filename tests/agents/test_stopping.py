"""A stop string is found at the very token at which decoding everything would find it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from llmenvs import ByteTokenizer, Prompt, RolloutLimits, rollout
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.stopping import StopStrings
from llmenvs.testing import GuessDigitEnv
from llmenvs.tokenizers import FastTokenizer, Tokenizer
from llmenvs.trajectory import StopReason

MakePolicy = Callable[..., TransformerPolicy]


def pieces() -> Tokenizer:
    """Pieces of words with bytes to fall back on, as SentencePiece has them."""
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Rust

    words = ["▁", "a", "b", "</", ">", "▁a", "a>", ">é", "▁<", "ab>b", "é"]
    vocab = [("<unk>", 0.0), *((f"<0x{i:02X}>", -9.0) for i in range(256))]
    vocab += [(word, -float(n)) for n, word in enumerate(words)]
    rust = Rust(models.Unigram(vocab, unk_id=0, byte_fallback=True))
    rust.pre_tokenizer = pre_tokenizers.Metaspace()
    rust.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    rust.add_special_tokens([AddedToken("<|end|>", special=True)])
    return FastTokenizer(rust, end_of_turn="<|end|>")


def byte_level() -> Tokenizer:
    """Bytes and some pairs of them that cross characters, with a special token."""
    from tokenizers import Tokenizer as Rust
    from tokenizers import decoders, models, pre_tokenizers, trainers

    rust = Rust(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    rust.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    rust.train_from_iterator([">é</a>é>a b</a>日本"] * 9, trainer)
    return FastTokenizer(rust, end_of_turn="<|end|>")


TOKENIZERS = {"bytes": ByteTokenizer(), "byte level": byte_level(), "pieces": pieces()}
STOPS = ["</a>", "é", "a>", " b", "日", ">é", "b</a>é", "\n"]


@pytest.mark.parametrize("name", TOKENIZERS)
@given(
    text=st.text(alphabet="<>/aébc 日本\n", max_size=60),
    stops=st.lists(st.sampled_from(STOPS), min_size=1, max_size=3),
    noise=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 250)), max_size=8),
)
def test_it_stops_where_decoding_everything_would(
    name: str, text: str, stops: list[str], noise: list[tuple[int, int]]
) -> None:
    tokenizer = TOKENIZERS[name]
    token_ids = tokenizer.encode(text)
    for place, token_id in noise:  # ids that a model may write and no text is encoded to
        token_ids.insert(min(place, len(token_ids)), token_id)
    if tokenizer.end_of_turn_id is not None:
        token_ids.insert(len(token_ids) // 2, tokenizer.end_of_turn_id)  # decodes to nothing
    checked = StopStrings(tokenizer, stops)
    for length in range(1, len(token_ids) + 1):
        decoded = tokenizer.decode(token_ids[:length])
        expected = any(stop in decoded for stop in stops)

        assert checked.is_in(token_ids[:length]) is expected
        if expected:
            return


def test_the_work_for_a_token_does_not_grow_with_the_completion() -> None:
    class Counting(ByteTokenizer):
        most = 0

        def decode(self, token_ids: Any) -> str:
            self.most = max(self.most, len(token_ids))
            return super().decode(token_ids)

    tokenizer = Counting()
    stop_strings = StopStrings(tokenizer, ["</answer>"])
    written = list(b"so and so " * 500)
    assert not any(stop_strings.is_in(written[:n]) for n in range(1, 5000, 7))
    assert tokenizer.most < 60


def test_tokens_without_text_may_stand_inside_a_stop_string() -> None:
    written = [*b"so </ans", *[256] * 200, *b"wer>"]
    stop_strings = StopStrings(ByteTokenizer(), ["</answer>"])
    assert not stop_strings.is_in(written[:-1])
    assert stop_strings.is_in(written)


def test_without_stop_strings_or_with_an_empty_one_nothing_stops() -> None:
    assert not StopStrings(ByteTokenizer(), []).is_in([97])
    assert not StopStrings(ByteTokenizer(), [""]).is_in([97])


class Writer(nn.Module):
    """Writes given bytes, whatever it reads: the token at place n after the prompt is known."""

    def __init__(self, token_ids: list[int], *, prompt_length: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self._token_ids = token_ids
        self._prompt_length = prompt_length

    def forward(self, token_ids: Tensor) -> Tensor:
        logits = torch.zeros(*token_ids.shape, 257)
        for place in range(token_ids.shape[1]):
            number = max(place - self._prompt_length + 1, 0) % len(self._token_ids)
            logits[:, place, self._token_ids[number]] = 50.0
        return logits * self.scale


@pytest.mark.parametrize(
    ("text", "stop", "expected_ids"),
    [
        ("ab</a>é", "</a>", "ab</a>"),
        ("aé!", "é", "aé"),  # only its second byte makes it the character
        ("日本", "日", "日"),
    ],
)
def test_a_policy_stops_inside_what_it_writes(text: str, stop: str, expected_ids: str) -> None:
    policy = TransformerPolicy(Writer(list(text.encode()), prompt_length=1), ByteTokenizer())
    (completion,) = policy.act([Prompt("", [1], "", [], [], [stop], seed=0, max_new_tokens=20)])
    assert completion == expected_ids
    assert bytes(completion.token_ids or ()) == expected_ids.encode()


def test_a_model_that_ends_at_once_says_nothing_and_can_be_trained() -> None:
    """A fault of the policy's: its turns are wrong, its episodes valid, its tokens in the loss."""
    policy = TransformerPolicy(Writer([256], prompt_length=1), ByteTokenizer())
    (completion,) = policy.act([Prompt("", [1], "", [], [], (), seed=0, max_new_tokens=20)])
    assert (completion, completion.token_ids) == ("", (256,))
    (trajectory,) = rollout([GuessDigitEnv()], policy, seeds=[0])
    assert trajectory.valid
    assert trajectory.generated_mask.sum() == len(trajectory.turn_rewards) > 0
    update = GRPOTrainer([GuessDigitEnv()], policy, GRPOConfig(num_groups=1, group_size=2)).step()
    assert update.update == {"loss": 0.0, "signal_share": 0.0}


def test_an_episode_that_outgrows_the_context_is_cut_says_so_and_trains(
    chat_policy: MakePolicy,
) -> None:
    policy = chat_policy(max_length=48)
    envs = [GuessDigitEnv(tokenizer=policy.tokenizer) for _ in range(8)]
    limits = RolloutLimits(max_new_tokens=16, max_episode_tokens=48)
    trajectories = rollout(envs, policy, seeds=range(8), limits=limits)
    cut = [t for t in trajectories if t.stop_reason is StopReason.TOKEN_LIMIT]

    assert cut
    assert all(t.valid and t.truncated and not t.terminated for t in cut)
    for trajectory in cut:
        token_ids = torch.tensor(trajectory.token_ids.tolist())[None]
        mask = torch.tensor(trajectory.generated_mask.tolist())[None]
        last = int(mask.nonzero()[:, 1].max()) + 1
        logprobs = policy.logprobs(token_ids[:, :last], loss_mask=mask[:, :last])
        logprobs.sum().backward()
        np.testing.assert_allclose(
            logprobs[mask[:, :last]].detach(),
            trajectory.logprobs[trajectory.generated_mask],
            atol=1e-4,
        )
