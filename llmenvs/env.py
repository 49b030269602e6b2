"""`TextEnv`: a Gymnasium environment over text that emits exact masks of generated tokens.

A new environment is a subclass with two methods. Both work on a *state* that holds all that changes
in an episode; keeping it out of ``self`` is what makes snapshots, pickling and interleaved episodes
right without further care.
"""

import abc
import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import gymnasium as gym

from llmenvs.episode_state import Outcome, Phase, Snapshot
from llmenvs.lookups import Lookup
from llmenvs.policy import Policy, ToolSchema
from llmenvs.renderers import NewContext, RawRenderer, Renderer
from llmenvs.spaces import UnicodeText
from llmenvs.stop_strings import cut_after_stop
from llmenvs.tasks import Task, TaskSource
from llmenvs.tokenizers import ByteTokenizer, as_tokenizer
from llmenvs.trajectory import StopReason, Trajectory
from llmenvs.transcript import Completion, Message, Transcript
from llmenvs.turn import Opening, Turn

__all__ = ["MAX_ACTION_LENGTH", "Opening", "TextEnv", "Turn"]

StateT = TypeVar("StateT")

MAX_ACTION_LENGTH = 2**20
"""Size of the action space in characters. Longer actions are taken too, as any text is."""


class TextEnv(gym.Env[str, str], abc.ABC, Generic[StateT]):
    """A Gymnasium environment whose observations and actions are text.

    The observation is the text that is new to the policy; the whole state is `transcript`. An
    action is a `str`. A policy that has token ids passes a `Completion`, whose ids are kept as they
    are; a plain `str` is encoded by the tokenizer.

    Info:
        token_ids: everything so far, (T,); a read-only sequence that ``numpy.asarray`` turns into
            int64. Where a chat template splits the episode, that of the current run.
        generated_mask: True where the policy generated the token, (T,), bool.
        task_id: of this episode.
        dataset_hash: of where the task came from.
        stop_strings: where a policy should stop.
        valid: whether the score is decided. Where it is False, the reward is 0.0, the episode is
            truncated, and training should leave it out.
        action_valid: after a step, whether the action could be read.
        verdict: once the episode is scored.

    Args:
        tasks: where episodes come from.
        tokenizer: a `Tokenizer`, or one of transformers or tokenizers; bytes by default. Leave it
            out where ``renderer`` brings its own.
        renderer: how text becomes tokens; plain concatenation by default.
        max_observation_length: of the observation space, in characters.
        render_mode: ``"ansi"`` or None, or what the subclass adds.

    Raises:
        ValueError: ``tokenizer`` beside ``renderer``, or an unknown ``render_mode``.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"]}  # noqa: RUF012 (Gymnasium's type)
    stop_strings: ClassVar[tuple[str, ...]] = ()
    blocking: ClassVar[bool] = False
    """Whether a step may wait for a process or the network, so that threads pay off."""
    cuts_at_stop: bool = False
    """Whether what a completion holds after its first stop string is dropped."""
    mask_environment: bool = True
    """Whether what the environment writes is masked; see `Transcript`."""

    def __init__(
        self,
        *,
        tasks: TaskSource,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
        max_observation_length: int = 2**16,
        render_mode: str | None = None,
    ) -> None:
        if tokenizer is not None and renderer is not None:
            raise ValueError(
                "give tokenizer or renderer, not both: a renderer has its own tokenizer"
            )
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(
                f"render_mode must be one of {self.metadata['render_modes']}, got {render_mode!r}"
            )
        self.tasks = tasks
        self.renderer = renderer or RawRenderer(
            ByteTokenizer() if tokenizer is None else as_tokenizer(tokenizer)
        )
        self.tokenizer = self.renderer.tokenizer
        self.render_mode = render_mode
        self.observation_space = UnicodeText(max_observation_length)
        self.action_space = UnicodeText(MAX_ACTION_LENGTH)
        self._dataset_hash = tasks.content_hash
        self._task: Task = {"task_id": ""}
        self._state: StateT | None = None
        self._transcript = Transcript()
        self._turn_rewards: list[float] = []
        self._phase = Phase.NEW
        self._outcome = Outcome()

    # What a subclass writes.

    @abc.abstractmethod
    def begin_episode(self, task: Task) -> Opening[StateT]:
        """Return the first state of ``task`` and the prompt; randomness is `np_random` alone."""

    @abc.abstractmethod
    def take_turn(self, state: StateT, action: str) -> Turn[StateT]:
        """Return what ``action``, any text at all, leads to; leave ``state`` as it is.

        Raise only for a fault of the program. What the policy did wrong is a turn with
        ``action_valid=False``; a check that could not be decided is a turn whose verdict says so.
        """

    @abc.abstractmethod
    def scripted_policies(self) -> dict[str, Policy]:
        """Return the policies ``oracle``, ``random`` and ``noop`` of this environment."""

    # What a subclass may write.

    def tools_of(self, task: Task) -> Sequence[ToolSchema]:
        """Return the schemas of the tools of ``task``, which a chat template shows; none here."""
        return ()

    def plan_lookup(self, state: StateT, action: str) -> Lookup | None:
        """Return what `take_turn` will ask of a service that episodes share, by default nothing.

        A rollout then asks once for all waiting episodes; see `llmenvs.lookups`.
        """
        return None

    def state_info(self, state: StateT) -> Mapping[str, Any]:
        """Return what the info holds besides, by default nothing; it must pickle and compare."""
        return {}

    # What a user calls.

    @property
    def tools(self) -> Sequence[ToolSchema]:
        """The schemas of the tools that may be called in this episode."""
        return () if self._phase is Phase.NEW else self.tools_of(self._task)

    @property
    def task(self) -> Task:
        """The task of this episode."""
        return self._task

    @property
    def transcript(self) -> Transcript:
        """Everything that was written in this episode."""
        return self._transcript

    @property
    def turn_rewards(self) -> tuple[float, ...]:
        """The reward of each turn of this episode."""
        return tuple(self._turn_rewards)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start an episode and return its prompt.

        Args:
            seed: the same seed gives the same episode, whatever was played before.
            options: ``{"task_id": …}`` chooses the task; without it one is drawn.

        Raises:
            ValueError: an unknown option or task_id; the episode before goes on.
        """
        chosen = self._chosen_task(options or {})
        super().reset(seed=seed)
        task = self.tasks.sample(self.np_random) if chosen is None else chosen
        opening = self.begin_episode(task)
        text = "".join(message["content"] for message in opening.messages)
        token_ids = self.renderer.render_prompt(opening.messages, tools=self.tools_of(task))
        self._task, self._state = task, opening.state
        self._transcript = Transcript(mask_environment=self.mask_environment)
        self._transcript.add_prompt(opening.messages, text, token_ids)
        self._turn_rewards = []
        self._phase, self._outcome = Phase.RUNNING, Outcome()
        return text, self._info(valid=True)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take one turn.

        Raises:
            gymnasium.error.ResetNeeded: no episode is under way.
            TypeError: ``action`` is not a string.
            ValueError: the action's ids are not in the vocabulary. After this and a TypeError the
                episode goes on as if the action had not been made.
        """
        if self._phase is not Phase.RUNNING:
            raise gym.error.ResetNeeded(f"call reset() before step(): {self._phase.value}")
        assert self._state is not None  # noqa: S101 (an invariant, for the type checker)
        # The completion is on record before the turn is taken, and a turn that raises ends the
        # episode, so that what the policy wrote is never lost nor taken twice.
        text, token_ids = self._add_completion(action)
        self._turn_rewards.append(0.0)
        self._phase = Phase.ENDED
        return self._record(self.take_turn(self._state, text), token_ids)

    def next_lookup(self, action: str) -> Lookup | None:
        """Return what a step with ``action`` will ask of a shared service, if anything."""
        if self._phase is not Phase.RUNNING or self._state is None:
            return None
        return self.plan_lookup(self._state, str(action))

    def render(self) -> Any:
        """Return the transcript's text in the mode ``"ansi"``, else None."""
        return self._transcript.text if self.render_mode == "ansi" else None

    def snapshot(self) -> Snapshot:
        """Return this moment of the episode, with the state of the randomness.

        Raises:
            gymnasium.error.ResetNeeded: there was no episode yet.
        """
        if self._phase is Phase.NEW:
            raise gym.error.ResetNeeded("call reset() before snapshot(): there is no episode yet")
        return Snapshot(
            rng_state=copy.deepcopy(self.np_random.bit_generator.state),
            task_id=self._task["task_id"],
            state=copy.deepcopy(self._state),
            transcript=self._transcript.copy(),
            turn_rewards=tuple(self._turn_rewards),
            phase=self._phase,
            outcome=self._outcome,
        )

    def restore(self, snapshot: Snapshot) -> dict[str, Any]:
        """Go back to ``snapshot``, of this environment or of another with the same arguments.

        Returns:
            The info of that moment.
        """
        self._task = self.tasks.find(snapshot.task_id)
        self.np_random.bit_generator.state = copy.deepcopy(dict(snapshot.rng_state))
        self._state = copy.deepcopy(snapshot.state)
        self._transcript = snapshot.transcript.copy()
        self._turn_rewards = list(snapshot.turn_rewards)
        self._phase, self._outcome = snapshot.phase, snapshot.outcome
        return self._info(valid=self._outcome.valid)

    def trajectory(
        self, *, stop_reason: StopReason | None = None, info: Mapping[str, Any] | None = None
    ) -> Trajectory:
        """Return the episode so far as arrays.

        Args:
            stop_reason: why it ends here, if not by the environment: TOKEN_LIMIT truncates it,
                ERROR truncates it and makes it invalid.
            info: more to keep beside task_id, dataset_hash, verdict and `state_info`.

        Raises:
            ValueError: the chat template split it, so that it is several; call `trajectories`.
        """
        trajectories = self.trajectories(stop_reason=stop_reason, info=info)
        if len(trajectories) != 1:
            raise ValueError(
                f"the chat template split this episode into {len(trajectories)} trajectories: "
                "call trajectories()"
            )
        return trajectories[0]

    def trajectories(
        self, *, stop_reason: StopReason | None = None, info: Mapping[str, Any] | None = None
    ) -> list[Trajectory]:
        """Return the episode so far as one trajectory for each unbroken run of turns.

        That is one, unless the renderer splits the episode; see `Transcript`. The arguments are
        those of `trajectory`.
        """
        outcome = self._outcome
        failed = stop_reason is StopReason.ERROR
        kept = {"task_id": self._task["task_id"], "dataset_hash": self._dataset_hash}
        if self._state is not None:
            kept.update(self.state_info(self._state))
        if outcome.verdict is not None:
            kept["verdict"] = outcome.verdict
        return Trajectory.from_runs(
            self._transcript,
            self._turn_rewards,
            terminated=outcome.terminated,
            truncated=outcome.truncated or stop_reason is not None,
            valid=outcome.valid and not failed,
            stop_reason=stop_reason or outcome.stop_reason,
            info={**kept, **(info or {})},
        )

    # How it works.

    def _chosen_task(self, options: Mapping[str, Any]) -> Task | None:
        unknown = set(options) - {"task_id"}
        if unknown:
            raise ValueError(f"options may hold task_id alone, got {sorted(unknown)} beside it")
        task_id = options.get("task_id")
        return None if task_id is None else self.tasks.find(task_id)

    def _add_completion(self, action: str) -> tuple[str, Sequence[int]]:
        """Put the action on record and return its text and ids; refuse it before, if at all."""
        if not isinstance(action, str):
            raise TypeError(
                f"an action must be a str or a Completion, got {type(action).__name__}: {action!r}"
            )
        if self.cuts_at_stop:
            action = cut_after_stop(action, self.stop_strings, self.tokenizer)
        if not isinstance(action, Completion) or action.token_ids is None:
            text = str(action)
            token_ids: Sequence[int] = self.tokenizer.encode(text)
            version = action.policy_version if isinstance(action, Completion) else None
            self._transcript.add_completion(text, token_ids, policy_version=version)
            return text, token_ids
        vocab_size = self.tokenizer.vocab_size
        if action.token_ids and max(action.token_ids) >= vocab_size:
            raise ValueError(
                f"token_ids must be below the tokenizer's vocab_size {vocab_size}, "
                f"got {max(action.token_ids)}: was the action sampled with another tokenizer?"
            )
        text = str(action)
        self._transcript.add_completion(
            text,
            action.token_ids,
            logprobs=action.logprobs,
            policy_version=action.policy_version,
        )
        return text, action.token_ids

    def _record(
        self, turn: Turn[StateT], completion_ids: Sequence[int]
    ) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if not math.isfinite(turn.reward):
            raise ValueError(f"take_turn must return a finite reward, got {turn.reward!r}")
        valid = turn.verdict is None or turn.verdict.decided
        reward = float(turn.reward) if valid else 0.0
        terminated = turn.terminated and valid
        truncated = turn.truncated or not valid
        message: Message = {"role": turn.role, "content": turn.observation}
        rendered = self.renderer.render_observation(
            [message],
            completion_ids=completion_ids,
            transcript=self._transcript,
            tools=self.tools,
        )
        if not isinstance(rendered, NewContext):
            self._transcript.add_observation([message], turn.observation, rendered)
        elif terminated or truncated:  # nobody reads a new context: the last turn stays at the end
            self._transcript.add_observation([message], turn.observation, [])
        else:
            self._transcript.start_run([message], turn.observation, rendered.token_ids)
        self._turn_rewards[-1] = reward
        self._state = turn.state
        self._phase = Phase.ENDED if terminated or truncated else Phase.RUNNING
        if terminated or truncated or turn.verdict is not None:
            self._outcome = Outcome(terminated, truncated, valid, turn.verdict)
        info = self._info(valid=valid)
        info["action_valid"] = turn.action_valid
        if turn.verdict is not None:
            info["verdict"] = turn.verdict
        return turn.observation, reward, terminated, truncated, info

    def _info(self, *, valid: bool) -> dict[str, Any]:
        assert self._state is not None  # noqa: S101 (an invariant, for the type checker)
        return {
            "token_ids": self._transcript.token_ids,
            "generated_mask": self._transcript.generated_mask,
            "task_id": self._task["task_id"],
            "dataset_hash": self._dataset_hash,
            "stop_strings": self.stop_strings,
            "valid": valid,
            **self.state_info(self._state),
        }
