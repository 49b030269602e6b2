"""``llmenvs/MathAnswer-v0``: a question, one completion, a verdict."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.envs.math_families import solve_text
from llmenvs.envs.math_tasks import TASK_SCHEMA, ProceduralMath
from llmenvs.policy import FunctionPolicy, Policy, Prompt
from llmenvs.renderers import Renderer
from llmenvs.tasks import Task, TaskSet, TaskSource, as_task_source
from llmenvs.templates import check_template
from llmenvs.transcript import Message
from llmenvs.verifiers import Verifier
from llmenvs.verifiers.math import MathVerifier

PROMPT_TEMPLATES: Mapping[str, str] = {
    "plain": "{question}\nEnd with the answer alone on the last line.\n",
    "boxed": "{question}\nReason step by step, and put the final answer within \\boxed{{}}.\n",
    "r1": (
        "{question}\nThink first, within <think> and </think>. Then give the final answer within "
        "<answer> and </answer>.\n"
    ),
}
"""The prompt styles; ``r1`` asks for the format of DeepSeek-R1 (2025)."""

_ANSWERS = {"plain": "{}", "boxed": "\\boxed{{{}}}", "r1": "<think></think><answer>{}</answer>"}


class MathAnswerEnv(TextEnv[Task]):
    r"""Answer a question with one completion.

    Action: any text that holds a final answer (see the math verifier for where it may stand).
    Reward: the verdict's score, 1.0 for an answer equal to the target and evaluated, else 0.0. A
    verdict that could not be decided makes the episode invalid.
    Terminated: after the one completion.
    Hidden: the answer.

    Args:
        tasks: problems: a task source such as `ProceduralMath`, or rows with ``question`` and
            ``answer``; procedural ones of the split ``train`` by default.
        prompt_style: a key of `PROMPT_TEMPLATES`.
        prompt_template: a format string with the field ``question`` instead of the style's.
        verifier: decides; `MathVerifier` with ``require_evaluated`` by default, since a task to
            compute 6 is not solved by ``2 \times 3``.
        tokenizer: see `TextEnv`.
        renderer: see `TextEnv`.
        render_mode: see `TextEnv`.

    >>> import gymnasium, llmenvs
    >>> env = gymnasium.make("llmenvs/MathAnswer-v0", prompt_style="boxed")
    >>> question, info = env.reset(options={"task_id": "arithmetic-1-train-0"})
    >>> question.splitlines()[0]
    'Find the value of 5 - 9 + 9.'
    >>> env.step(r"5 - 9 = -4, so \boxed{5}")[1:3]
    (1.0, True)
    """

    def __init__(
        self,
        *,
        tasks: TaskSource | Iterable[Mapping[str, Any]] | None = None,
        prompt_style: str = "boxed",
        prompt_template: str | None = None,
        verifier: Verifier | None = None,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
        render_mode: str | None = None,
    ) -> None:
        source = ProceduralMath() if tasks is None else as_task_source(tasks, schema=TASK_SCHEMA)
        super().__init__(
            tasks=source, tokenizer=tokenizer, renderer=renderer, render_mode=render_mode
        )
        if prompt_style not in PROMPT_TEMPLATES:
            raise ValueError(
                f"prompt_style must be one of {list(PROMPT_TEMPLATES)}, got {prompt_style!r}"
            )
        template = PROMPT_TEMPLATES[prompt_style] if prompt_template is None else prompt_template
        check_template(template, fields=("question",))
        self.prompt_style = prompt_style
        self.prompt_template = template
        self.verifier = MathVerifier(require_evaluated=True) if verifier is None else verifier

    def begin_episode(self, task: Task) -> Opening[Task]:
        """Ask the question."""
        prompt: Message = {
            "role": "user",
            "content": self.prompt_template.format(question=task["question"]),
        }
        return Opening(task, [prompt])

    def take_turn(self, state: Task, action: str) -> Turn[Task]:
        """Let the verifier judge the completion; the observation is empty."""
        verdict = self.verifier(action, state["answer"])
        return Turn(
            state,
            "",
            verdict.score or 0.0,
            terminated=True,
            action_valid=verdict.extracted is not None,
            verdict=verdict,
        )

    def scripted_policies(self) -> dict[str, Policy]:
        """Return ``oracle`` (1.0), ``random`` (a number up to 99: near 0.0) and ``noop`` (0.0).

        The oracle reads the numbers of a procedural problem out of the prompt and solves it. Of a
        task set of your own it knows the answers, so that it checks data and verifier at once.
        """
        answer = _ANSWERS[self.prompt_style].format
        known = {}
        if isinstance(self.tasks, TaskSet):
            for task in self.tasks:
                prompt = self.prompt_template.format(question=task["question"])
                known[prompt] = task["answer"]

        def oracle(prompt: Prompt) -> str:
            asked = prompt.messages[-1]["content"]
            found = known.get(asked) or solve_text(asked)
            if found is None:
                raise ValueError(f"the oracle cannot read the question in {asked[:200]!r}")
            return answer(found)

        def guess(prompt: Prompt) -> str:
            return answer(int(np.random.default_rng(prompt.seed).integers(100)))

        return {
            "oracle": FunctionPolicy(oracle),
            "random": FunctionPolicy(guess),
            "noop": FunctionPolicy(lambda prompt: ""),
        }
