"""Random trajectories, a tiny model and tokenizers for the trainers: real classes, made here."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from llmenvs.envs.math_answer import MathAnswerEnv
from llmenvs.trajectory import StopReason, Trajectory
from llmenvs.transcript import Transcript
from llmenvs.verifiers import Status, Verdict

MOVES = [f"<action>{move}</action>" for move in ("up", "down", "left", "right")]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="session")
def random_trajectory() -> Callable[[int], Trajectory]:
    """Return a function from a seed to a trajectory of up to five turns, of any length each."""
    return _random_trajectory


@pytest.fixture(scope="session")
def one_step_options() -> dict[str, Any]:
    """Options of a grid world of four cells, one move from its goal."""
    task = {"task_id": "near", "width": 2, "height": 2, "start": [0, 0], "terminals": [[1, 0, 5.0]]}
    return {"tasks": [task], "max_turns": 4}


@pytest.fixture(scope="session")
def serving() -> Callable[[Any], AbstractContextManager[str]]:
    """Return a context manager in which an application answers, at the address that it gives."""
    return _serving


@contextmanager
def _serving(app: Any) -> Iterator[str]:
    uvicorn = pytest.importorskip("uvicorn")
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def undecided_env_id() -> str:
    """Return the id of an environment none of whose answers can be decided."""
    env_id = "llmenvs-tests/Undecided-v0"
    gymnasium.register(env_id, _undecided_env)
    return env_id


@pytest.fixture(scope="session")
def word_tokenizer() -> Any:
    """Moves and the characters of cells are tokens, all else is unknown: 20 tokens in all."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    transformers = pytest.importorskip("transformers")
    words = ["<pad>", "<end>", "<unk>", *MOVES, *"0123456789(),"]
    rust = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    pattern = Regex(r"<action>\w+</action>|[0-9(),]")
    rust.pre_tokenizer = pre_tokenizers.Split(pattern, behavior="isolated")
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )


@pytest.fixture(scope="session")
def byte_tokenizer() -> Callable[[str], Any]:
    """Return a function from a chat template to a byte-level tokenizer with ChatML's tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    transformers = pytest.importorskip("transformers")

    def make(template: str = CHATML) -> Any:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        rust = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
        rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        rust.decoder = decoders.ByteLevel()
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=rust, pad_token="<|endoftext|>", eos_token="<|im_end|>"
        )
        tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
        tokenizer.chat_template = template
        return tokenizer

    return make


@pytest.fixture(scope="session")
def tiny_model() -> Callable[[Any], Any]:
    """Return a function from a tokenizer to a Llama of two layers, always of the same weights."""
    transformers = pytest.importorskip("transformers")

    def make(tokenizer: Any) -> Any:
        import torch

        config = transformers.LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=32_768,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        )
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(0)
            return transformers.LlamaForCausalLM(config)

    return make


@pytest.fixture(scope="session")
def tool_template() -> str:
    """Qwen3's chat template, as TRL has it."""
    trl = pytest.importorskip("trl")
    return (Path(trl.__path__[0]) / "chat_templates" / "qwen3.jinja").read_text()


def _undecided_env(**options: Any) -> MathAnswerEnv:
    def lost(completion: str, target: object) -> Verdict:
        return Verdict.undecided(Status.ERROR, reason="the worker was lost")

    return MathAnswerEnv(verifier=lost, **options)


def _random_trajectory(seed: int) -> Trajectory:
    rng = np.random.default_rng([seed])
    transcript = Transcript()
    _add_text(rng, transcript.add_prompt, "user", least=1)
    rewards = []
    for _ in range(int(rng.integers(6))):
        count = int(rng.integers(5))
        logprobs = tuple((-rng.random(count)).tolist()) if rng.random() < 0.9 else None
        ids = rng.integers(1, 90, size=count).tolist()
        transcript.add_completion("said", ids, logprobs=logprobs, policy_version=3)
        rewards.append(float(np.float32(rng.normal())))
        _add_text(rng, transcript.add_observation, "tool", least=0)
    valid = bool(rng.random() < 0.8)
    return Trajectory.from_transcript(
        transcript,
        rewards,
        terminated=valid,
        truncated=not valid,
        valid=valid,
        stop_reason=StopReason.TERMINATED if valid else StopReason.UNDECIDED,
        info={"task_id": f"task-{seed}"},
    )


def _add_text(rng: np.random.Generator, add: Any, role: str, *, least: int) -> None:
    ids = rng.integers(1, 90, size=int(rng.integers(least, 5))).tolist()
    add([{"role": role, "content": "text"}], "text", ids)
