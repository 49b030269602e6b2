"""What an environment's two functions return: `Opening`, how an episode starts, and `Turn`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from llmenvs.transcript import Message
from llmenvs.verifiers import Verdict

StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class Opening(Generic[StateT]):
    """How an episode starts: the first state and the messages that the policy reads first."""

    state: StateT
    messages: Sequence[Message]


class Turn(NamedTuple, Generic[StateT]):
    """What an action led to; a named tuple, since one is made in every step.

    Attributes:
        state: the next state.
        observation: the text that is new to the policy.
        reward: finite.
        terminated: the task came to its end.
        truncated: a limit outside of the task was reached.
        action_valid: the action could be read.
        verdict: the score of the episode, once there is one.
        role: whose message the observation is, ``"user"`` or ``"tool"``.
    """

    state: StateT
    observation: str
    reward: float
    terminated: bool = False
    truncated: bool = False
    action_valid: bool = True
    verdict: Verdict | None = None
    role: str = "user"
