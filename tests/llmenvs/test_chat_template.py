"""A chat template's words surround tokens that stay as sampled; a bad template is named."""

import datetime
import pickle
import re
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import Completion, FunctionPolicy, Message, Transcript, check_text_env, rollout
from llmenvs.chat_renderer import ChatRenderer
from llmenvs.renderers import NewContext
from llmenvs.testing import GuessDigitEnv

pytest.importorskip("jinja2")
transformers = pytest.importorskip("transformers")

SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
CONTENT = "message.content"
CHATML = """{%- if tools %}{{- '<|im_start|>tools\n' }}
{%- for tool in tools %}{{- (tool | tojson) + '\n' }}{% endfor %}{{- '<|im_end|>\n' }}{% endif %}
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{% endif %}"""
TRIMMING = CHATML.replace(CONTENT, "message.content | trim")
DROPS_THINK = CHATML.replace(CONTENT, "message.content.split('</think>')[-1].lstrip()")
DEFAULT_SYSTEM = (
    "{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\nBe good.<|im_end|>\n' }}"
    "{% endif %}" + CHATML
)
SHORTENS = CHATML.replace(CONTENT, "('…' if message.role == 'assistant' else message.content)")
DATED = "{{- 'Today is ' + strftime_now('%d %b %Y') + '\n' }}" + CHATML
PLAIN_WORDS = """{%- for message in messages %}
{{- '### ' + message.role + ':\n' + message.content + '\n\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '### assistant:\n' }}{% endif %}"""
TOOL = {"name": "search", "description": "Find <|im_end|>.", "parameters": {"type": "object"}}


def make_tokenizer() -> Any:
    from tokenizers import Tokenizer as Rust
    from tokenizers import decoders, models, pre_tokenizers, trainers

    rust = Rust(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=SPECIAL,
        show_progress=False,
    )
    rust.train_from_iterator(["assistant\nuser\nYou are at (0, 1).\n\n\n"] * 4, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=rust, eos_token="<|endoftext|>")


HF = make_tokenizer()
START, END = (HF.convert_tokens_to_ids(token) for token in SPECIAL[:2])


def renderer(template: str = CHATML, **options: Any) -> ChatRenderer:
    return ChatRenderer(HF, chat_template=template, **options)


def said(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def play(
    chat: ChatRenderer, asked: Sequence[Message], answers: Sequence[str], *, ended: bool = True
) -> Transcript:
    """Return the transcript of a chat; the policy ends its turns itself or not."""
    transcript = Transcript()
    transcript.add_prompt([asked[0]], "", chat.render_prompt([asked[0]], tools=[]))
    for answer, message in zip(answers, asked[1:], strict=True):
        ids = [*chat.tokenizer.encode(answer), *([END] if ended else [])]
        transcript.add_completion(answer, ids)
        rendered = chat.render_observation(
            [message], completion_ids=ids, transcript=transcript, tools=[]
        )
        if isinstance(rendered, NewContext):
            transcript.start_run([message], "", rendered.token_ids)
        else:
            transcript.add_observation([message], "", rendered)
    return transcript


def whole(template: str, messages: Sequence[Message]) -> str:
    text: str = HF.apply_chat_template(
        list(messages), chat_template=template, tokenize=False, add_generation_prompt=True
    )
    return text


def text_of(transcript: Transcript) -> str:
    text: str = HF.decode(list(transcript.token_ids), clean_up_tokenization_spaces=False)
    return text


plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=12)


@pytest.mark.parametrize("template", [CHATML, DEFAULT_SYSTEM, PLAIN_WORDS])
@pytest.mark.parametrize("on_prefix_break", ["refuse", "split"])
def test_pieces_add_up_to_the_whole_rendering(template: str, on_prefix_break: Any) -> None:
    chat = renderer(template, on_prefix_break=on_prefix_break)

    @given(st.lists(plain, min_size=1, max_size=4), st.booleans())
    def check(contents: list[str], ended: bool) -> None:
        asked = [said("user", c) for c in contents]
        transcript = play(chat, asked, contents[:-1], ended=ended and template != PLAIN_WORDS)

        assert text_of(transcript) == whole(template, transcript.messages)
        assert len(transcript.runs) == 1

    check()


def test_a_sampled_end_of_turn_counts_as_generated_and_is_not_doubled() -> None:
    asked = [said("user", "Hi"), said("user", "So?")]
    sampled = play(renderer(), asked, ["Yes."], ended=True)
    missing = play(renderer(), asked, ["Yes."], ended=False)

    assert sampled.token_ids == missing.token_ids
    assert sum(sampled.generated_mask) == sum(missing.generated_mask) + 1
    assert renderer().tokenizer.end_of_turn_id == END


def test_sampled_ids_are_kept_where_encoding_gives_others() -> None:
    odd = [*(HF.convert_tokens_to_ids(c) for c in "user"), END]
    assert HF.encode("user") != odd[:-1]
    env = GuessDigitEnv(renderer=renderer())
    env.reset(seed=0)
    env.step(Completion("user", token_ids=odd))

    start, stop = env.transcript.turn_spans[0]
    assert env.transcript.token_ids[start:stop] == tuple(odd)


@given(st.lists(st.sampled_from([*SPECIAL, "\ufdd0", "\ufdd00\ufdd1", "a", " ", "\n", "\ud800"])))
def test_a_special_token_spelled_in_a_message_stays_text(parts: list[str]) -> None:
    content = "".join(parts)
    transcript = play(SHARED, [said("user", content), said("user", content)], [content])
    ids = list(transcript.token_ids)
    shown = content.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    assert (ids.count(START), ids.count(END)) == (4, 3)
    assert text_of(transcript) == whole(CHATML, [said("user", shown)] * 3).replace(
        f"user\n{shown}", "%", 1
    ).replace("user", "assistant", 1).replace("%", f"user\n{shown}")


SHARED = renderer()


def test_tool_schemas_and_tool_messages_are_rendered() -> None:
    chat = renderer()
    ids = chat.render_prompt([said("user", "Hi")], tools=[TOOL])
    observed = chat.render_observation(
        [said("tool", "found")], completion_ids=[END], transcript=Transcript(), tools=[TOOL]
    )

    assert chat.facts.takes_tools
    assert chat.facts.takes_tool_messages
    assert '"name": "search"' in HF.decode(ids)
    assert ids.count(END) == 2  # the one that the schema spells is text
    assert isinstance(observed, list)
    assert HF.decode(observed) == "\n<|im_start|>tool\nfound<|im_end|>\n<|im_start|>assistant\n"


def test_a_template_without_tools_says_so() -> None:
    facts = renderer(PLAIN_WORDS).facts

    assert not facts.takes_tools
    assert facts.end_of_turn is None


def test_trimming_is_found_and_allowed() -> None:
    transcript = play(renderer(TRIMMING), [said("user", " a\n"), said("user", "b ")], [" c \n"])

    assert renderer(TRIMMING).facts.trims_content
    assert not renderer().facts.trims_content
    assert "\n c \n<|im_end|>\n<|im_start|>user\nb<|im_end|>" in text_of(transcript)


REFUSED = {
    "drops thoughts": (
        DROPS_THINK,
        r"with <think> in earlier turns, .*<think>.* becomes .*\n.*on_prefix_break=\"split\"",
    ),
    "raises": ("{{ raise_exception('not today') }}", "raised on messages of the .* not today"),
    "is no template": ("{% for %}", "the chat template raised"),
    "has no generation prompt": (CHATML.partition("{%- if add")[0], "no generation prompt"),
    "loses the text": (CHATML.replace(CONTENT, "''"), "loses or changes the user's text"),
    "changes the text": (CHATML.replace(CONTENT, "message.content | upper"), "loses or changes"),
    "writes the date": (DATED, r"today's date, .*give date="),
    "reads the clock": ("{% set f = '%d' %}{{ strftime_now(f) }}" + CHATML, "not written out"),
    "rolls dice": (CHATML + "{{ range(99) | random }}", "other text each time"),
    "counts": (
        CHATML.replace("message.role +", "message.role + ' ' + (messages | length) | string +"),
        "over several turns",
    ),
    "writes later messages in another way": (
        CHATML.replace(
            "'\n' + message",
            "(loop.index if loop.index > 3 and message.role == 'user' else '') ~ '\n' + message",
        ),
        "in another way later in a conversation: over several turns",
    ),
    "writes tool messages in another way beside schemas": (
        CHATML.replace("+ message.role", "+ message.role + ('s' if tools else '')"),
        "changes what it wrote before.*with tool schemas",
    ),
    "names tools in another way beside schemas": (
        CHATML.replace(
            "+ message.role", "+ ('out' if tools and message.role == 'tool' else message.role)"
        ),
        "in another way later in a conversation: with tool schemas and tool messages",
    ),
    "closes the last answer only": (
        CHATML.replace("message.content +", "message.content + ('' if loop.last else '!') +"),
        r"changes what it wrote before.*over several turns",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_is_refused_that(name: str) -> None:
    template, message = REFUSED[name]
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        renderer(template)


def test_no_template_and_no_chat_tokenizer_are_refused() -> None:
    with pytest.raises(ValueError, match="has no chat template: give chat_template="):
        ChatRenderer(HF)
    with pytest.raises(TypeError, match=r"must be one of transformers, .* got int"):
        ChatRenderer(3)
    with pytest.raises(ValueError, match="must be 'refuse' or 'split', got 'merge'"):
        renderer(on_prefix_break="merge")


def test_a_given_date_stands_in_for_the_clock() -> None:
    chat = renderer(DATED, date=datetime.date(2024, 7, 26))

    assert HF.decode(chat.render_prompt([said("user", "Hi")], tools=[])).startswith(
        "Today is 26 Jul 2024\n"
    )


def test_a_message_that_the_template_drops_is_an_error() -> None:
    no_tools = CHATML.replace(
        "{{- '<|im_start|>' + message.role",
        "{{- '' if message.role == 'tool' else '<|im_start|>' + message.role",
    )
    chat = renderer(no_tools)
    assert not chat.facts.takes_tool_messages

    with pytest.raises(ValueError, match="does not show the message of the role 'tool'"):
        chat.render_observation(
            [said("tool", "found")], completion_ids=[], transcript=Transcript(), tools=[]
        )


def test_a_role_that_the_template_refuses_is_an_error() -> None:
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    chat = renderer(strict + CHATML)

    assert not chat.facts.takes_system
    with pytest.raises(ValueError, match="roles system, user: no system"):
        chat.render_prompt([said("system", "s"), said("user", "u")], tools=[])


THOUGHTS = ["<think>\nhm\n</think>\n\n1", "2", "<think>\nso\n</think>\n\n3"]


def test_an_answer_that_the_template_shortens_tells_no_end_of_turn() -> None:
    assert renderer(SHORTENS, on_prefix_break="split").facts.end_of_turn is None


def test_white_space_that_the_template_trims_splits_nothing() -> None:
    chat = renderer(TRIMMING, on_prefix_break="split")
    transcript = play(chat, [said("user", "a"), said("user", "b")], [" c \n"])

    assert len(transcript.runs) == 1
    assert "\n c \n<|im_end|>\n<|im_start|>user\nb<|im_end|>" in text_of(transcript)


def test_the_last_turn_of_an_episode_is_in_its_last_info() -> None:
    env = GuessDigitEnv(renderer=renderer(DROPS_THINK, on_prefix_break="split"))
    env.reset(seed=0)
    infos = [env.step(thought)[4] for thought in THOUGHTS]

    assert [any(info["generated_mask"]) for info in infos] == [False, True, True]
    assert infos[-1]["generated_mask"][-1]
    assert env.transcript.messages[-1]["content"] == "Wrong. "


def test_a_split_starts_anew_where_the_template_changes_what_was_before() -> None:
    chat = renderer(DROPS_THINK, on_prefix_break="split")
    asked = [said("user", str(i)) for i in range(4)]
    transcript = play(chat, asked, THOUGHTS)
    first, second, third = transcript.runs

    assert [len(run.turn_spans) for run in transcript.runs] == [1, 2, 0]
    assert [len(run.runs) for run in (first, second)] == [1, 1]
    assert text_of(first) == whole(DROPS_THINK, asked[:1]) + THOUGHTS[0] + "<|im_end|>"
    assert text_of(second).startswith(whole(DROPS_THINK, second.messages[:3]))
    assert "hm" not in text_of(second)
    assert text_of(third) == whole(DROPS_THINK, transcript.messages)
    assert not any(third.generated_mask)


def test_a_split_renderer_splits_nothing_that_the_template_keeps() -> None:
    env = GuessDigitEnv(renderer=renderer(DROPS_THINK, on_prefix_break="split"))
    (trajectory,) = rollout([env], FunctionPolicy(lambda prompt: "x"), seeds=[0])

    assert len(trajectory.turn_rewards) == 3
    assert trajectory.episode_reward is None


@pytest.mark.parametrize(
    ("template", "on_prefix_break"),
    [
        (CHATML, "refuse"),
        (TRIMMING, "refuse"),
        (PLAIN_WORDS, "refuse"),
        (DROPS_THINK, "split"),
        (SHORTENS, "split"),
    ],
)
def test_environments_keep_the_contract(template: str, on_prefix_break: Any) -> None:
    chat = renderer(template, on_prefix_break=on_prefix_break)

    check_text_env(gym.make("llmenvs/GridWorld-v0", renderer=chat, max_turns=6))


class AlwaysThinking(GuessDigitEnv):
    """Its random policy thinks, so that a template can drop the thought."""

    def scripted_policies(self) -> dict[str, Any]:
        policies = super().scripted_policies()
        return {**policies, "random": FunctionPolicy(lambda prompt: THOUGHTS[0])}


def test_an_environment_that_is_split_keeps_the_contract() -> None:
    check_text_env(AlwaysThinking(renderer=renderer(DROPS_THINK, on_prefix_break="split")))


def test_a_renderer_pickles() -> None:
    chat = renderer(DROPS_THINK, on_prefix_break="split")
    copied = pickle.loads(pickle.dumps(chat))
    messages = [said("user", "<|im_end|> Hi")]

    assert copied.render_prompt(messages, tools=[]) == chat.render_prompt(messages, tools=[])


def test_a_split_episode_is_adjacent_trajectories_in_rollout() -> None:
    envs = [
        GuessDigitEnv(renderer=renderer(DROPS_THINK, on_prefix_break="split")) for _ in range(2)
    ]
    trajectories = rollout(envs, FunctionPolicy(lambda prompt: THOUGHTS[0]), seeds=[0, 1, 2])

    assert [t.info["episode"] for t in trajectories] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [t.run for t in trajectories] == [0, 1, 2] * 3
    assert [t.stop_reason.value for t in trajectories[:3]] == ["split", "split", "truncated"]
    assert [len(t.turn_rewards) for t in trajectories] == [1] * 9
    assert all(t.generated_mask[-len(HF.encode(THOUGHTS[0])) :].all() for t in trajectories)


def test_one_trajectory_of_a_split_episode_is_refused() -> None:
    env = GuessDigitEnv(renderer=renderer(DROPS_THINK, on_prefix_break="split"))
    env.reset(seed=0)
    env.step(THOUGHTS[0])
    env.step(THOUGHTS[0])

    with pytest.raises(ValueError, match=r"into 2 trajectories: call trajectories\(\)"):
        env.trajectory()


def test_a_snapshot_of_a_split_episode_can_be_gone_back_to() -> None:
    env = GuessDigitEnv(renderer=renderer(DROPS_THINK, on_prefix_break="split"))
    env.reset(seed=0)
    env.step(THOUGHTS[0])
    snapshot = pickle.loads(pickle.dumps(env.snapshot()))
    expected = env.step(THOUGHTS[1])[4]
    env.reset(seed=5)
    env.restore(snapshot)

    assert env.step(THOUGHTS[1])[4] == expected
    assert len(env.transcript.runs) == 2
