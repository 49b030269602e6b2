"""`GuessDigitEnv`: the smallest environment with every kind of ending, for tests of trainers.

It is not registered. It keeps the contract, and on request it fails in each way in which a real
environment can fail.
"""

from dataclasses import dataclass
from typing import Any

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.policy import FunctionPolicy, Policy, Prompt
from llmenvs.tasks import Task, TaskSet
from llmenvs.verifiers import Status, Verdict

MAX_GUESSES = 3


@dataclass(frozen=True, slots=True)
class HiddenDigit:
    """Where a game stands: the digit, and the guesses made."""

    digit: int
    num_guesses: int = 0


class GuessDigitEnv(TextEnv[HiddenDigit]):
    """Guess a digit in three turns.

    Action: the digit. ``?`` gets a verdict that is not decided, ``raise`` makes the environment
    raise a RuntimeError.
    Reward: 1.0 for the right digit, else 0.0.
    Terminated: the digit was guessed. Truncated: three guesses were wrong, or it was ``?``.

    Args:
        options: see `TextEnv`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(tasks=TaskSet([{"task_id": "low"}, {"task_id": "high"}]), **options)

    def begin_episode(self, task: Task) -> Opening[HiddenDigit]:
        """Hide a digit of the task's half."""
        digit = int(self.np_random.integers(5)) + (5 if task["task_id"] == "high" else 0)
        prompt = f"Guess a digit, a {task['task_id']} one: "
        return Opening(HiddenDigit(digit), [{"role": "user", "content": prompt}])

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        """Compare the guess."""
        if action == "raise":
            raise RuntimeError("the game has a bug")
        after = HiddenDigit(state.digit, state.num_guesses + 1)
        if action == "?":
            lost = Verdict.undecided(Status.ERROR, reason="the umpire is asleep")
            return Turn(after, "Nobody knows. ", 1.0, terminated=True, verdict=lost)
        right = action.strip() == str(state.digit)
        over = right or after.num_guesses == MAX_GUESSES
        return Turn(
            after,
            "Right. " if right else "Wrong. ",
            float(right),
            terminated=right,
            truncated=over and not right,
            action_valid=action.strip().isdecimal(),
            verdict=Verdict.scored(float(right), success=right) if over else None,
        )

    def scripted_policies(self) -> dict[str, Policy]:
        """Return ``oracle`` (success 0.6: it tries its half in order), ``random`` and ``noop``."""
        return {
            "oracle": FunctionPolicy(_next_of_half),
            "random": FunctionPolicy(lambda prompt: str(prompt.seed % 10)),
            "noop": FunctionPolicy(lambda prompt: ""),
        }


def _next_of_half(prompt: Prompt) -> str:
    tried = sum(message["role"] == "assistant" for message in prompt.messages)
    return str(tried + (5 if "high" in prompt.messages[0]["content"] else 0))
