"""The plain HTTP protocol of served environments: its requests and replies, version 1.

Every request is a POST of a JSON object. It may say its ``schema_version``; one that the server
does not speak is refused, and every reply says its own. A field that is not listed is refused too.

Text is all that travels, each turn only what is new in it. Which tokens the policy sampled is the
business of the client, whose transcript keeps them: see `RemoteEnv`.

Steps and episodes are numbered from 1. A client that sends the number may repeat a request whose
reply it did not get: it gets the same reply, and nothing is done twice.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from llmenvs.transcript import Message

SCHEMA_VERSION = 1
MAX_SEED = 2**63 - 1

Version = Literal[1]
SessionId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$", description="32 hex digits")]
Number = Annotated[int, msgspec.Meta(ge=1, le=MAX_SEED)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEED)]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all requests have."""

    schema_version: Version = 1


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What all replies have."""

    schema_version: Version = 1


class ResetRequest(Request, frozen=True, kw_only=True):
    """Start an episode, in a session that is opened for it where there is none.

    Attributes:
        session_id: a session; a new one of that name where it is not known; without it, a new one.
        env_id: of the environment, where a session is opened and several are served.
        seed: the same seed gives the same episode.
        task_id: chooses the task.
        episode: the number of the episode in its session.
    """

    session_id: SessionId | None = None
    env_id: str | None = None
    seed: Seed | None = None
    task_id: str | None = None
    episode: Number | None = None


class StepRequest(Request, frozen=True, kw_only=True):
    """Take one turn.

    Attributes:
        session_id: of the session.
        action: what the policy wrote.
        step: the number of the step in its episode.
        episode: the number of the episode in its session.
    """

    session_id: SessionId
    action: str
    step: Number | None = None
    episode: Number | None = None


class SessionRequest(Request, frozen=True, kw_only=True):
    """Ask about a session, close it, or take a snapshot of it."""

    session_id: SessionId


class RestoreRequest(Request, frozen=True, kw_only=True):
    """Go back to a snapshot, in a session of the same environment.

    Attributes:
        session_id: as in `ResetRequest`.
        snapshot_id: of the snapshot.
    """

    session_id: SessionId | None = None
    snapshot_id: SessionId


class PolicyRequest(Request, frozen=True, kw_only=True):
    """Ask a scripted policy of an environment what it would write.

    Attributes:
        policy: which one.
        env_id: as in `ResetRequest`.
        messages: all that was said in the episode.
        text: the same as one text.
        stop_strings: where to stop.
        tools: the schemas of the tools.
        seed: of a policy that is random.
    """

    policy: Literal["oracle", "random", "noop"]
    env_id: str | None = None
    messages: Sequence[Message]
    text: str
    stop_strings: Sequence[str] = ()
    tools: Sequence[Mapping[str, Any]] = ()
    seed: Seed = 0


class ResetBatch(Request, frozen=True, kw_only=True):
    """Several resets, done side by side."""

    items: Sequence[ResetRequest]


class StepBatch(Request, frozen=True, kw_only=True):
    """Several steps, done side by side; those of one session in their order."""

    items: Sequence[StepRequest]


class EpisodeStart(Reply, frozen=True, kw_only=True):
    """How an episode started.

    Attributes:
        session_id: of its session.
        env_id: of its environment.
        episode: its number in the session.
        step: 0.
        observation: the prompt.
        messages: the prompt as messages.
        tools: the schemas of the tools that may be called.
        stop_strings: where a policy should stop.
        cuts_at_stop: whether what comes after the first stop string is dropped.
        task_id: of the task.
        dataset_hash: of where the task came from.
        info: what the environment's info holds besides.
    """

    session_id: str
    env_id: str
    episode: int
    step: int = 0
    observation: str
    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]]
    stop_strings: Sequence[str]
    cuts_at_stop: bool
    task_id: str
    dataset_hash: str
    info: Mapping[str, Any]


class StepReply(Reply, frozen=True, kw_only=True):
    """What a turn led to.

    Attributes:
        session_id: of the session.
        episode: the number of the episode.
        step: the number of the step.
        observation: the text that is new to the policy.
        role: whose message it is, "user" or "tool".
        reward: 0.0 where ``valid`` is false.
        terminated: the task came to its end.
        truncated: a limit outside of the task was reached, or the score could not be decided.
        valid: whether the score is decided; where not, leave the episode out of training.
        action_valid: whether the action could be read.
        verdict: once the episode is scored; its score is null where it is undecided.
        info: what the environment's info holds besides.
    """

    session_id: str
    episode: int
    step: int
    observation: str
    role: str
    reward: float
    terminated: bool
    truncated: bool
    valid: bool
    action_valid: bool
    verdict: Mapping[str, Any] | None
    info: Mapping[str, Any]


class StateReply(Reply, frozen=True, kw_only=True):
    """Where a session stands.

    Attributes:
        session_id: of the session.
        env_id: of its environment.
        episode: the number of its episode, 0 before the first.
        step: how many steps were taken in it.
        running: whether a step may be taken.
        task_id: of the task.
        messages: all that was said.
        turn_rewards: the reward of each step.
        expires_in_s: seconds until it is closed, if nobody uses it.
    """

    session_id: str
    env_id: str
    episode: int
    step: int
    running: bool
    task_id: str
    messages: Sequence[Message]
    turn_rewards: Sequence[float]
    expires_in_s: float


class Closed(Reply, frozen=True, kw_only=True):
    """A session is closed, and was open until now where ``was_open`` is true."""

    session_id: str
    was_open: bool


class SnapshotReply(Reply, frozen=True, kw_only=True):
    """A snapshot was taken; it is kept for as long as an idle session."""

    snapshot_id: str
    env_id: str


class Restored(Reply, frozen=True, kw_only=True):
    """A session stands where the snapshot was taken, in an episode of a new number."""

    session_id: str
    env_id: str
    episode: int
    step: int


class PolicyReply(Reply, frozen=True, kw_only=True):
    """What a scripted policy would write."""

    completion: str


class Problem(Reply, frozen=True, kw_only=True):
    """Why a request, or one item of a batch, was not done.

    Attributes:
        status: as HTTP has it, so that items of a batch have one too.
        error: the kind, for programs: the same status may have several.
        detail: a sentence, for people.
    """

    status: int
    error: str
    detail: str


class BatchReply(Reply, frozen=True, kw_only=True):
    """The replies to a batch, in its order; a `Problem` for each item that was not done.

    Attributes:
        items: as objects: those of the single request.
    """

    items: Sequence[Mapping[str, Any]]


class EnvDescription(Reply, frozen=True, kw_only=True):
    """A served environment.

    Attributes:
        env_id: under which it is asked for.
        dataset_hash: of its tasks.
        stop_strings: where a policy should stop, before any episode.
        cuts_at_stop: whether what comes after the first stop string is dropped.
        mask_environment: whether what the environment writes is masked.
        max_observation_length: in characters.
        scripted_policies: whether the server answers for them.
    """

    env_id: str
    dataset_hash: str
    stop_strings: Sequence[str]
    cuts_at_stop: bool
    mask_environment: bool
    max_observation_length: int
    scripted_policies: bool


class EnvList(Reply, frozen=True, kw_only=True):
    """The served environments."""

    envs: Sequence[EnvDescription]


class Health(Reply, frozen=True, kw_only=True):
    """That the server answers."""

    status: Literal["ok"] = "ok"
    env_ids: Sequence[str]
    num_sessions: int
