"""Environments and a small language model for the tests of training, and torch on one thread."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import pytest
import torch

from llmenvs import Turn
from llmenvs.agents.causal_lm import CausalLM
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.testing import GuessDigitEnv, HiddenDigit
from llmenvs.tokenizers import TransformersTokenizer
from llmenvs.verifiers import Status, Verdict

os.environ.setdefault("HF_HUB_OFFLINE", "1")
torch.set_num_threads(1)  # on models this small a second thread costs more than it brings

LETTER = "llmenvs_tests/Letter-v0"
NAN = "llmenvs_tests/NaN-v0"
DEAD = "llmenvs_tests/Dead-v0"
UNDECIDED = "llmenvs_tests/Undecided-v0"


class LetterEnv(GuessDigitEnv):
    """Two turns whose reward any text has a share of, so that an untrained model learns."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        reward = sum(map(ord, action)) % 7 / 6
        over = state.num_guesses == 1
        verdict = Verdict.scored(reward, success=reward > 0.5) if over else None
        after = HiddenDigit(state.digit, state.num_guesses + 1)
        return Turn(after, "Go on. ", reward, terminated=over, verdict=verdict)


class NaNEnv(LetterEnv):
    """Rewards some completions with NaN."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        turn = super().take_turn(state, action)
        return turn._replace(reward=float("nan")) if turn.reward < 0.2 else turn


class DeadEnv(GuessDigitEnv):
    """Raises in every turn."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        raise RuntimeError("the sandbox is gone")


class UndecidedEnv(LetterEnv):
    """Decides nothing about the task ``low``."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        if self._task["task_id"] == "high":
            return super().take_turn(state, action)
        lost = Verdict.undecided(Status.ERROR, reason="the umpire is asleep")
        return Turn(state, "", 0.0, terminated=True, verdict=lost)


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    """Register the environments for a module."""
    entry_points: dict[str, Any] = {
        LETTER: LetterEnv,
        NAN: NaNEnv,
        DEAD: DeadEnv,
        UNDECIDED: UndecidedEnv,
    }
    for env_id, entry_point in entry_points.items():
        gym.register(env_id, entry_point=entry_point)
    yield
    for env_id in entry_points:
        del gym.registry[env_id]


CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_chat_policy(
    *, template: str | None = CHATML, max_length: int = 512, seed: int = 0, **options: Any
) -> Any:
    """Return a Llama of two thin layers over bytes, with a chat template."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    rust = tokenizers.Tokenizer(tokenizers.models.BPE())
    rust.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    rust.train_from_iterator(["user assistant guess a digit"] * 5, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, eos_token="<|im_end|>", clean_up_tokenization_spaces=False
    )
    tokenizer.chat_template = template
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=max_length,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = transformers.LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(torch.ones(()) if parameter.dim() == 1 else noise * 0.2)
    return TransformerPolicy(CausalLM(model), TransformersTokenizer(tokenizer), **options)


@pytest.fixture(scope="session")
def chat_policy() -> Callable[..., Any]:
    """Return the maker of a small language model of transformers with a chat template."""
    return make_chat_policy
