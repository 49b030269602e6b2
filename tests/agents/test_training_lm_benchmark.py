"""The benchmark that a session with a GPU is to run runs here, with a model of two thin layers."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmenvs.agents.model_files import save_model

BENCHMARK = Path(__file__).parent.parent.parent / "benchmarks" / "training_lm.py"
SMALL = "--steps 1 --groups 2 --group-size 2 --max-new-tokens 6 --micro-batch-size 4 --repeats 1"


@pytest.mark.slow
@pytest.mark.skipif(not BENCHMARK.exists(), reason="the benchmarks are not in a wheel")
def test_both_implementations_are_measured_on_both_environments(
    tmp_path: Path, chat_policy: Callable[..., Any]
) -> None:
    pytest.importorskip("trl")
    save_model(tmp_path / "model", chat_policy(max_length=4096))
    words = [*SMALL.split(), "--model", str(tmp_path / "model"), "--out", str(tmp_path / "out")]
    subprocess.run([sys.executable, str(BENCHMARK), "--device", "cpu", *words], check=True)
    results = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]

    assert [result["setup"]["env"] for result in results] == [
        "llmenvs/MathAnswer-v0",
        "llmenvs/SearchQA-v0",
    ]
    for result in results:
        (pair,) = result["pairs"]
        for figures in pair.values():
            assert figures["device"] == "cpu"
            assert figures["share_of_bf16_peak"] is None
            assert figures["training_tokens"] > figures["generated_tokens"] > 0
            assert 0.0 < figures["generation_s"] < figures["train_s"]
        assert str(tmp_path) not in json.dumps(result)
