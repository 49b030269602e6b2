"""The task of `trl_baseline.py` as an environment: a few characters, a digit, an end."""

from typing import Any

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.policy import FunctionPolicy, Policy
from llmenvs.tasks import Task
from llmenvs.verifiers import Verdict

PARTLY_RIGHT = 0.1


class DigitEnv(TextEnv[Task]):
    """Answer with one digit.

    Action: the digit, and the end-of-turn token.
    Reward: 1.0 for the right digit, 0.1 for another one, 0.0 for anything else; it is 0.0 too where
    the turn was not ended by its token, as the baseline has it.
    Terminated: after the one completion.

    Args:
        options: see `TextEnv`; tasks have ``prompt`` and ``answer``.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)

    def begin_episode(self, task: Task) -> Opening[Task]:
        """Ask."""
        return Opening(task, [{"role": "user", "content": task["prompt"]}])

    def take_turn(self, state: Task, action: str) -> Turn[Task]:
        """Compare the digit."""
        answer = action.strip()
        ended = self.transcript.token_ids[-1] == self.tokenizer.end_of_turn_id
        if not ended or len(answer) != 1 or answer not in "0123456789":
            score = 0.0
        else:
            score = 1.0 if answer == state["answer"] else PARTLY_RIGHT
        verdict = Verdict.scored(score, success=score == 1.0)
        return Turn(state, "", score, terminated=True, verdict=verdict)

    def scripted_policies(self) -> dict[str, Policy]:
        """Return three policies that all know nothing."""
        nothing = FunctionPolicy(lambda prompt: "")
        return {"oracle": nothing, "random": nothing, "noop": nothing}
