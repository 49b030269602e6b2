"""Rendering a chat of 50 turns: by differences, and naively by rendering the whole history again.

    python benchmarks/chat_rendering.py [--turns 50] [--out FILE]

Both go through the same chat template and tokenizer in the same run, CPU time. The naive way
renders and encodes all messages after every turn, as trainers that keep messages do; it costs time
in the square of the turns, and encodes what the policy sampled again.
"""

import argparse
import platform
import statistics
import time
from pathlib import Path
from typing import Any

from machine import keep

import llmenvs
from llmenvs.chat_renderer import ChatRenderer
from llmenvs.envs import GridWorldEnv

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ACTION = "I have been here before, so I try the other way. <action>left</action>"


def make_tokenizer() -> Any:
    """A byte-level BPE of transformers, fitted here."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    rust = Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rust.train_from_iterator([ACTION, "A wall. You are at (0, 0).", TEMPLATE] * 9, trainer)
    make: Any = PreTrainedTokenizerFast
    tokenizer = make(tokenizer_object=rust, eos_token="<|im_end|>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def by_differences(tokenizer: Any, num_turns: int) -> tuple[list[float], int]:
    """Return the CPU seconds of each turn of the environment, and the tokens of the episode."""
    env = GridWorldEnv(renderer=ChatRenderer(tokenizer), max_turns=num_turns + 1)
    env.reset(seed=0)
    costs = []
    for _ in range(num_turns):
        start = time.process_time()
        env.step(ACTION)
        costs.append(time.process_time() - start)
    return costs, len(env.transcript)


def naively(tokenizer: Any, num_turns: int) -> list[float]:
    """Return the CPU seconds of rendering the whole history after each turn."""
    env = GridWorldEnv(max_turns=num_turns + 1)
    env.reset(seed=0)
    costs = []
    for _ in range(num_turns):
        env.step(ACTION)
        messages = list(env.transcript.messages)
        start = time.process_time()
        tokenizer.apply_chat_template(messages, tokenize=True, add_generation_prompt=True)
        costs.append(time.process_time() - start)
    return costs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--turns", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="append the result to this file of JSON lines")
    args = parser.parse_args()
    tokenizer = make_tokenizer()
    runs = [by_differences(tokenizer, args.turns) for _ in range(args.repeats)]
    num_tokens = runs[0][1]
    rows = {
        "by differences": [statistics.median(c) for c in zip(*(r[0] for r in runs), strict=True)],
        "naive": [
            statistics.median(c)
            for c in zip(
                *(naively(tokenizer, args.turns) for _ in range(args.repeats)), strict=True
            )
        ],
    }
    result: dict[str, Any] = {
        "benchmark": "chat_rendering",
        "turns": args.turns,
        "tokens": num_tokens,
        "repeats": args.repeats,
        "versions": {"llmenvs": llmenvs.__version__},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    for name, costs in rows.items():
        early, late = statistics.median(costs[:10]), statistics.median(costs[-10:])
        print(
            f"{name:<16}{sum(costs) * 1e3:8.1f} ms for {num_tokens:,} tokens, "
            f"{num_tokens / sum(costs):>10,.0f} tokens/s, "
            f"last turns {late / early:5.2f} x the first"
        )
        result[name] = {
            "total_ms": round(sum(costs) * 1e3, 2),
            "last_over_first": round(late / early, 2),
        }
    keep(result, args.out)


if __name__ == "__main__":
    main()
