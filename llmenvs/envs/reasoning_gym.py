"""``llmenvs/ReasoningGym-v0``: reasoning-gym's procedural tasks, answered in one completion."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.envs.reasoning_gym_scorer import MAX_ANSWER_CHARS, as_config
from llmenvs.envs.reasoning_gym_solvers import solve
from llmenvs.envs.reasoning_gym_tasks import NUM_ITEMS, ReasoningGymTasks
from llmenvs.envs.reasoning_gym_worker import score_answer
from llmenvs.policy import FunctionPolicy, Policy, Prompt
from llmenvs.renderers import Renderer
from llmenvs.tasks import Task
from llmenvs.templates import check_template
from llmenvs.transcript import Message
from llmenvs.verifiers import Verdict
from llmenvs.verifiers.answer_spans import extract_answer

PROMPT_TEMPLATE = (
    "{question}\n\nThink first, within <think> and </think>. Then give the final answer within "
    "<answer> and </answer>, and nothing else there.\n"
)


class ReasoningGymEnv(TextEnv[Task]):
    """Answer a question of reasoning-gym with one completion.

    Action: any text with a last ``<answer>…</answer>``; what it encloses is the answer.
    Reward: 1.0 where reasoning-gym's own scorer takes the answer for right, else 0.0. Its partial
    credit, for an answer that only contains the right one for example, is kept by option.
    Terminated: after the one completion.
    Hidden: the answer.

    The scorer runs in a worker process, where ``eval`` and the like are taken from it; see
    `llmenvs.envs.reasoning_gym_scorer`. The first score takes seconds, in which the worker starts.

    Args:
        dataset: a name of reasoning-gym's registry, such as ``"chain_sum"``.
        split: ``"train"`` or ``"test"``, which share no question.
        config: of the data set, such as ``{"max_terms": 3}``.
        partial_credit: keep the scorer's scores between 0 and 1.
        prompt_template: a format string with the field ``question``.
        tokenizer: see `TextEnv`.
        renderer: see `TextEnv`.
        render_mode: see `TextEnv`.

    Raises:
        ImportError: reasoning-gym is not installed.
        ValueError: an unknown data set or split, or a config that the data set refuses.
    """

    blocking = True

    def __init__(
        self,
        *,
        dataset: str,
        split: str = "train",
        config: Mapping[str, Any] | None = None,
        partial_credit: bool = False,
        prompt_template: str = PROMPT_TEMPLATE,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
        render_mode: str | None = None,
    ) -> None:
        source = ReasoningGymTasks(dataset, split, dict(config or {}))
        super().__init__(
            tasks=source, tokenizer=tokenizer, renderer=renderer, render_mode=render_mode
        )
        check_template(prompt_template, fields=("question",))
        self.prompt_template = prompt_template
        self.partial_credit = partial_credit
        self._source = source

    def begin_episode(self, task: Task) -> Opening[Task]:
        """Ask the question."""
        prompt: Message = {"role": "user", "content": self._prompt(task)}
        return Opening(task, [prompt])

    def take_turn(self, state: Task, action: str) -> Turn[Task]:
        """Let the scorer judge the answer; the observation is empty."""
        answer = extract_answer(action)
        verdict = self._verdict(state, answer)
        return Turn(
            state,
            "",
            verdict.score or 0.0,
            terminated=True,
            action_valid=bool(answer),
            verdict=verdict,
        )

    def scripted_policies(self) -> dict[str, Policy]:
        """Return ``oracle`` (1.0), ``random`` (another item's answer) and ``noop`` (0.0).

        The oracle knows the answer that reasoning-gym tells; boxnet and rush_hour, of which it
        tells none, it solves. It plays in the environment that asked, and in no other.
        """
        return {
            "oracle": FunctionPolicy(self._right_answer),
            "random": FunctionPolicy(self._other_answer),
            "noop": FunctionPolicy(lambda prompt: ""),
        }

    def _prompt(self, task: Task) -> str:
        return self.prompt_template.format(question=task["question"])

    def _verdict(self, task: Task, answer: str | None) -> Verdict:
        if not answer:
            return Verdict.no_answer("there is no <answer>…</answer>, or nothing in it")
        if len(answer) > MAX_ANSWER_CHARS:
            return Verdict.no_answer(f"the answer has {len(answer)} characters")
        target = {
            "dataset": self._source.dataset,
            "config": as_config(self._source.config),
            "entry": task["entry"],
        }
        return score_answer(answer, target, partial_credit=self.partial_credit)

    def _right_answer(self, prompt: Prompt) -> str:
        asked = prompt.messages[-1]["content"]
        if self._state is None or self._prompt(self._state) != asked:
            raise ValueError("the oracle plays in the environment that asked, and knows no other")
        answer = self._state["answer"] or solve(self._source.dataset, self._state["entry"])
        return f"<think></think><answer>{answer}</answer>"

    def _other_answer(self, prompt: Prompt) -> str:
        index = int(np.random.default_rng(prompt.seed).integers(NUM_ITEMS))
        answer = self._source.item(index)["answer"]
        return f"<think></think><answer>{answer}</answer>"
