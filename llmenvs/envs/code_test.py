"""``llmenvs/CodeTest-v0``: a problem, a program in a fenced block, tests in a sandbox."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.envs.code_test_policies import scripted_policies
from llmenvs.envs.code_test_tasks import TASK_SCHEMA, ProceduralCode
from llmenvs.policy import Policy
from llmenvs.renderers import Renderer
from llmenvs.tasks import Task, TaskSource, as_task_source
from llmenvs.templates import check_template
from llmenvs.transcript import Message
from llmenvs.verifiers import CodeVerifier, Verdict, Verifier

PROMPT_TEMPLATE = """{statement}

{interface}

{examples}

Answer with the whole program in one block:
```python
...
```
"""
_FIELDS = ("statement", "interface", "examples")
_HIDDEN_FAILURE = "The tests that you can see pass, and a hidden one fails."
_ALL_HIDDEN = "A hidden test fails."


@dataclass(frozen=True, slots=True)
class Attempts:
    """Where an episode stands."""

    task: Task
    num_turns: int = 0


class CodeTestEnv(TextEnv[Attempts]):
    r"""Solve a programming problem with a program that is run against tests.

    Action: a text whose last fenced block is the program, see `CodeVerifier`.
    Observation: after a program that fails, if there are turns left: the first failing test of
    those that the prompt shows, or that a hidden one fails; what a hidden test holds is never told.
    Reward: the verdict's score times ``decay`` for every turn before; 0.0 in a turn after which the
    episode goes on. A verdict that could not be decided makes the episode invalid.
    Terminated: the tests pass, or the last turn was made.
    Hidden: all tests but those that the prompt shows.

    Args:
        tasks: a task source such as `ProceduralCode`, or rows that meet `TASK_SCHEMA`; our own
            problems of the split ``train`` by default.
        max_turns: programs that may be tried, at least 1.
        decay: of the reward with every turn, in [0, 1].
        prompt_template: a format string with the fields ``statement``, ``interface`` and
            ``examples``.
        verifier: decides; a `CodeVerifier` by default, which runs programs in this machine's
            strongest sandbox, and raises `SandboxUnavailable` where there is none.
        tokenizer: see `TextEnv`.
        renderer: see `TextEnv`.
        render_mode: see `TextEnv`.

    Raises:
        ValueError: an argument out of its range; the message names it.

    >>> import gymnasium, llmenvs
    >>> env = gymnasium.make("llmenvs/CodeTest-v0", max_turns=2)
    >>> prompt, _ = env.reset(options={"task_id": "count_vowels-0"})
    >>> prompt.splitlines()[0]
    'Count the vowels of a text.'
    >>> wrong = "```python\ndef count_vowels(text):\n    return 0\n```"
    >>> env.step(wrong)[1:4]
    (0.0, False, False)
    """

    blocking: ClassVar[bool] = True

    def __init__(
        self,
        *,
        tasks: TaskSource | Iterable[Mapping[str, Any]] | None = None,
        max_turns: int = 1,
        decay: float = 0.8,
        prompt_template: str = PROMPT_TEMPLATE,
        verifier: Verifier | None = None,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
        render_mode: str | None = None,
    ) -> None:
        source = ProceduralCode() if tasks is None else as_task_source(tasks, schema=TASK_SCHEMA)
        super().__init__(
            tasks=source, tokenizer=tokenizer, renderer=renderer, render_mode=render_mode
        )
        if max_turns < 1 or not 0.0 <= decay <= 1.0:
            raise ValueError(
                f"max_turns must be at least 1 and decay in [0, 1], got {max_turns!r} and {decay!r}"
            )
        check_template(prompt_template, fields=_FIELDS)
        self.max_turns = max_turns
        self.decay = decay
        self.prompt_template = prompt_template
        self.verifier = CodeVerifier() if verifier is None else verifier

    def begin_episode(self, task: Task) -> Opening[Attempts]:
        """State the problem."""
        prompt: Message = {"role": "user", "content": prompt_of(task, self.prompt_template)}
        return Opening(Attempts(task), [prompt])

    def take_turn(self, state: Attempts, action: str) -> Turn[Attempts]:
        """Run the program, and score it or say what fails."""
        verdict = self.verifier(action, state.task["target"])
        after = Attempts(state.task, state.num_turns + 1)
        valid_action = verdict.extracted is not None
        if verdict.decided and not verdict.success and after.num_turns < self.max_turns:
            return Turn(after, _feedback(verdict), 0.0, action_valid=valid_action)
        reward = (verdict.score or 0.0) * self.decay**state.num_turns
        return Turn(after, "", reward, terminated=True, action_valid=valid_action, verdict=verdict)

    def scripted_policies(self) -> dict[str, Policy]:
        """Return ``oracle`` (1.0), ``random`` (a constant: near 0.0) and ``noop`` (0.0).

        The oracle knows the solution of our own problems, and of a task set whose rows have one.
        """
        return scripted_policies(self.tasks, lambda task: prompt_of(task, self.prompt_template))


def prompt_of(task: Task, template: str) -> str:
    """Return the prompt of a task."""
    return template.format(**{name: task.get(name, "") for name in _FIELDS})


def _feedback(verdict: Verdict) -> str:
    """Say what fails, if the prompt shows the test; a program that cannot run fails all of them."""
    if verdict.parts.get("visible") == 1.0 and "hidden" in verdict.parts:
        return f"\n{_HIDDEN_FAILURE}\n"
    if "visible" not in verdict.parts and verdict.parts.get("syntax") == 1.0:
        return f"\n{_ALL_HIDDEN}\n"  # no test is told of that nobody said may be
    return f"\n{verdict.reason}\n"
