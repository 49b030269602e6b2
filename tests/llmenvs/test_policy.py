"""`FunctionPolicy`: what a function may answer."""

import pytest

from llmenvs.policy import FunctionPolicy, Prompt
from llmenvs.transcript import Completion

PROMPT = Prompt("0", [104], "h", [], [], [], seed=0, max_new_tokens=8)


def test_a_text_becomes_a_completion_without_ids() -> None:
    [completion] = FunctionPolicy(lambda prompt: prompt.text + "i").act([PROMPT])

    assert completion == "hi"
    assert completion.token_ids is None


def test_a_completion_keeps_its_ids_and_logprobs() -> None:
    sampled = Completion("hi", token_ids=[104, 105], logprobs=[-0.5, -0.25])

    [completion] = FunctionPolicy(lambda _: sampled).act([PROMPT])

    assert completion is sampled


def test_a_forgotten_return_is_refused_and_not_taken_as_the_text_none() -> None:
    forgetful = FunctionPolicy(lambda _: None)  # type: ignore[arg-type, return-value]

    with pytest.raises(TypeError, match="must return a str or a Completion, got NoneType: None"):
        forgetful.act([PROMPT])
