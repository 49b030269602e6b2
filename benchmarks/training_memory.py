"""The memory of an update's log-probabilities: with the logits of all tokens, and in chunks.

    python benchmarks/training_memory.py [--tokens 2048] [--out FILE]

Each case is a process of its own, whose peak is measured over what it had before the update: one
forward and backward pass of a Llama with SmolLM2's vocabulary of 49,152 and little else, so that
the logits are what counts; and one of eight layers of SmolLM2's width over a small vocabulary, with
its activations kept or computed again. CPU, fp32.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from machine import cpu_and_packages, keep

import llmenvs
from llmenvs.agents.causal_lm import CausalLM
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.recomputation import recompute_layers
from llmenvs.agents.train_summary import peak_memory
from llmenvs.tokenizers import ByteTokenizer

LENGTH = 512
CASES = {
    "all logits": {"chunk_tokens": 2**30},
    "chunks of 512": {"chunk_tokens": 512},
    "chunks of 256": {"chunk_tokens": 256},
    "all activations": {"layers": 8},
    "layers recomputed": {"layers": 8, "recompute": True},
}


def measure(case: dict[str, Any], num_tokens: int) -> dict[str, Any]:
    """Run one case in this process."""
    import transformers

    torch.set_num_threads(1)
    layers = case.get("layers", 1)
    wide = layers > 1
    config = transformers.LlamaConfig(
        vocab_size=512 if wide else 49_152,
        hidden_size=576 if wide else 64,
        intermediate_size=1536 if wide else 64,
        num_hidden_layers=layers,
        num_attention_heads=9 if wide else 2,
        num_key_value_heads=3 if wide else 2,
        max_position_embeddings=LENGTH + 1,
    )
    tokenizer = ByteTokenizer()
    tokenizer.vocab_size = config.vocab_size
    model = CausalLM(transformers.LlamaForCausalLM(config))
    policy = TransformerPolicy(model, tokenizer, chunk_tokens=case.get("chunk_tokens", 512))
    if case.get("recompute"):
        recompute_layers(model)
    token_ids = torch.randint(0, config.vocab_size, (num_tokens // LENGTH, LENGTH + 1))
    before, started = peak_memory(), time.process_time()
    policy.logprobs(token_ids).sum().backward()
    megabytes = round((peak_memory() - before) / 2**20)
    return {"peak_mb": megabytes, "cpu_s": round(time.process_time() - started, 2)}


def main() -> None:
    """Measure, print, and write one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--out", type=Path, help="append the result to this file of JSON lines")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case is not None:
        print(json.dumps(measure(CASES[args.case], args.tokens)))
        return
    found = {}
    for case in CASES:
        words = [sys.executable, __file__, "--case", case, "--tokens", str(args.tokens)]
        output = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        found[case] = json.loads(output.splitlines()[-1])
        print(f"{case:<20}{found[case]['peak_mb']:>7} MB{found[case]['cpu_s']:>8} s")
    result = {
        "benchmark": "training_memory",
        "tokens": args.tokens,
        "cases": found,
        "llmenvs": llmenvs.__version__,
        **cpu_and_packages(("torch", "transformers")),
    }
    keep(result, args.out)


if __name__ == "__main__":
    main()
