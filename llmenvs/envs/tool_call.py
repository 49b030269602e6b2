"""``llmenvs/ToolCall-v0``: a request, one turn of tool calls, compared with the wanted ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.envs.tool_call_policies import scripted_policies
from llmenvs.envs.tool_call_prompt import (
    NATIVE_TEMPLATE,
    SYSTEM_TEMPLATE,
    opening,
    system_text,
)
from llmenvs.envs.tool_call_tasks import BundledToolCalls, tool_call_tasks
from llmenvs.envs.tool_text import STOP_STRINGS, Protocol
from llmenvs.envs.tool_use_actions import read_action
from llmenvs.policy import Policy, ToolSchema
from llmenvs.renderers import Renderer
from llmenvs.tasks import Task, TaskSet, TaskSource
from llmenvs.templates import check_template
from llmenvs.verifiers import FormatVerifier, Status, Verdict
from llmenvs.verifiers.tool_call import ToolCallVerifier
from llmenvs.verifiers.tool_call.bfcl import BFCLVerifier
from llmenvs.verifiers.tool_call.toolrl import Credit, LengthReward, ToolRLSettings

RewardKind = Literal["exact", "toolrl"]
_MAX_KEPT_TEXTS = 1_024


class ToolCallEnv(TextEnv[Task]):
    r"""Meet a request with tool calls in one turn; they are compared and not run.

    Action: text with ``<think>``, and then ``<tool_call>`` or ``<response>``; see
    `tool_text`. Calls are read in every common notation.
    Reward: the verdict's score. With ``reward="exact"`` it is in ``score_range``, and highest
    exactly for the wanted calls in any order, or for an answer without a call where none is wanted;
    no call and no answer is never right. With ``reward="toolrl"`` it is ToolRL's sum of format,
    correctness and length, in [-3, 4] by default; where no call is wanted its highest is 1.0.
    Terminated: after the one turn.
    Hidden: the wanted calls.

    Args:
        tasks: a task source such as `BundledToolCalls`, or rows that meet `TASK_SCHEMA`; the
            bundled ones of the split ``train`` by default.
        protocol: ``"tagged"`` shows the tools in the system prompt; ``"native"`` leaves that to a
            chat template, and every text without a call is an answer.
        prompt_template: a format string for the system prompt with the fields ``context`` (what a
            task puts before it) and ``tools``, instead of the protocol's.
        reward: ``"exact"`` or ``"toolrl"``.
        score_range: lowest and highest reward of ``"exact"``, such as ToolRL's (-3.0, 3.0).
        format_weight: how much of the score of ``"exact"``, from 0 to below 1, is for the format of
            the protocol ``tagged``; the rest is for the calls.
        credit: what earns partial credit in ToolRL's reward: ``"fine"``, ``"intermediate"``,
            ``"coarse"`` or ``"refined"``.
        correctness_max_one: ToolRL's correctness in [-1, 1] rather than [-3, 3].
        two_stage: ToolRL's two stages, at step 30.
        schedule: ToolRL's ranges that move over 150 steps.
        length: ToolRL's reward for long thoughts, ``"fixed"`` or ``"dynamic"``.
        training_step: of the moving variants, from 0; set the attribute as the training goes on.
        tokenizer: see `TextEnv`.
        renderer: see `TextEnv`.
        render_mode: see `TextEnv`.

    Raises:
        ValueError: an argument out of its range, one of the other reward, or a bad row.

    >>> import gymnasium, llmenvs
    >>> env = gymnasium.make("llmenvs/ToolCall-v0")
    >>> _ = env.reset(options={"task_id": "single-train-10"})
    >>> env.unwrapped.transcript.messages[1]["content"]
    'Please unlock the garage door for the courier.\n'
    >>> call = '{"name": "unlock_door", "parameters": {"door": "garage"}}'
    >>> env.step(f"<think> One call. </think>\n<tool_call>\n{call}\n</tool_call>")[1:3]
    (1.0, True)
    """

    def __init__(
        self,
        *,
        tasks: TaskSource | Iterable[Mapping[str, Any]] | None = None,
        protocol: Protocol = "tagged",
        prompt_template: str | None = None,
        reward: RewardKind = "exact",
        score_range: tuple[float, float] = (0.0, 1.0),
        format_weight: float = 0.0,
        credit: Credit = "fine",
        correctness_max_one: bool = False,
        two_stage: bool = False,
        schedule: bool = False,
        length: LengthReward | None = None,
        training_step: int = 0,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
        render_mode: str | None = None,
    ) -> None:
        source = _source_of(tasks)
        super().__init__(
            tasks=source, tokenizer=tokenizer, renderer=renderer, render_mode=render_mode
        )
        if protocol not in ("tagged", "native"):
            raise ValueError(f"protocol must be 'tagged' or 'native', got {protocol!r}")
        settings = ToolRLSettings(credit, correctness_max_one, two_stage, schedule, length)
        _check_reward(reward, score_range, settings, training_step)
        _check_format_weight(format_weight, protocol, reward)
        if reward == "toolrl" and isinstance(source, TaskSet):
            for task in source:
                _check_scored_by_toolrl(task)
        template = SYSTEM_TEMPLATE if protocol == "tagged" else NATIVE_TEMPLATE
        self.prompt_template = template if prompt_template is None else prompt_template
        check_template(self.prompt_template, fields=("context", "tools"))
        self.protocol: Protocol = protocol
        self.reward: RewardKind = reward
        self.format_weight = format_weight
        self.verifier = ToolCallVerifier(
            mode=reward,
            score_range=score_range,
            credit=credit,
            correctness_max_one=correctness_max_one,
            two_stage=two_stage,
            schedule=schedule,
            length=length,
            step=training_step,
        )
        self._bfcl = BFCLVerifier()
        self._format = FormatVerifier("toolrl")
        self._system_texts: dict[str, str] = {}  # writing schemas takes longer than the rest

    @property
    def stop_strings(self) -> tuple[str, ...]:  # type: ignore[override]  # follows the protocol
        """The ends of calls and answer where they are tagged; a native turn ends by itself."""
        return STOP_STRINGS if self.protocol == "tagged" else ()

    @property
    def training_step(self) -> int:
        """The step of the training, from 0, that ToolRL's moving variants depend on."""
        return self.verifier.step

    @training_step.setter
    def training_step(self, step: int) -> None:
        if step < 0:
            raise ValueError(f"training_step must be at least 0, got {step}")
        self.verifier.step = step

    def tools_of(self, task: Task) -> Sequence[ToolSchema]:
        """Return the tools of the task, if the chat template is to show them."""
        return tuple(task["tools"]) if self.protocol == "native" else ()

    def begin_episode(self, task: Task) -> Opening[Task]:
        """Show the tools and the dialogue."""
        if self.reward == "toolrl":
            _check_scored_by_toolrl(task)
        system = self._system_texts.get(task["task_id"])
        if system is None:
            system = system_text(task, template=self.prompt_template, protocol=self.protocol)
            if len(self._system_texts) < _MAX_KEPT_TEXTS:
                self._system_texts[task["task_id"]] = system
        return Opening(task, opening(task, system=system, protocol=self.protocol))

    def take_turn(self, state: Task, action: str) -> Turn[Task]:
        """Compare the calls with the wanted ones; the observation is empty."""
        read = read_action(action, tagged=self.protocol == "tagged")
        answered = bool(read.response)
        verdict = self._verdict(state, action, answered=answered)
        return Turn(
            state,
            "",
            verdict.score or 0.0,
            terminated=True,
            action_valid=bool(read.calls) or answered,
            verdict=verdict,
        )

    def scripted_policies(self) -> dict[str, Policy]:
        """Return the policies of this environment and what they score by ``"exact"``.

        ``oracle`` (1.0) makes the wanted calls, or answers. ``random`` (below 0.3) calls a random
        tool with values of the right types. ``noop`` (0.0) writes nothing. ``wrong_value`` (below
        1.0 on each task) makes the wanted calls with one value off, and a call where none is
        wanted.
        """
        return scripted_policies(self.tasks, self.prompt_template, self.protocol)

    def _verdict(self, task: Task, action: str, *, answered: bool) -> Verdict:
        if self.reward == "toolrl":
            return self.verifier(action, task.get("ground_truth", task["calls"]))
        if "bfcl" in task:
            verdict = self._scaled(self._bfcl(action, task["bfcl"]))
        else:
            verdict = self.verifier(action, task["calls"])
        if verdict.success and not answered and not task["calls"] and verdict.extracted is None:
            verdict = replace(
                verdict,
                score=self.verifier.score_range[0],
                success=False,
                status=Status.NO_ANSWER,
                reason="no call, as wanted, but the user was told nothing",
            )
        return self._with_format(verdict, action) if self.protocol == "tagged" else verdict

    def _scaled(self, verdict: Verdict) -> Verdict:
        """Return BFCL's verdict, whose score is 0 or 1, in our range."""
        return replace(verdict, score=self.verifier.score_range[bool(verdict.score)])

    def _with_format(self, verdict: Verdict, action: str) -> Verdict:
        """Return the verdict with the part ``format``, and its weight in the score."""
        score = verdict.score
        followed = self._format(action).score
        if score is None or followed is None:
            return verdict
        low, high = self.verifier.score_range
        best = low + (high - low) * followed
        if self.format_weight:
            score = (1.0 - self.format_weight) * score + self.format_weight * best
        return replace(verdict, score=score, parts={**verdict.parts, "format": followed})


def _source_of(tasks: TaskSource | Iterable[Mapping[str, Any]] | None) -> TaskSource:
    if tasks is None:
        return BundledToolCalls()
    return tasks if isinstance(tasks, TaskSource) else tool_call_tasks(tasks)


def _check_reward(
    reward: RewardKind,
    score_range: tuple[float, float],
    settings: ToolRLSettings,
    training_step: int,
) -> None:
    """Refuse an argument of the other reward; the verifier checks their ranges."""
    if reward not in ("exact", "toolrl"):
        raise ValueError(f"reward must be 'exact' or 'toolrl', got {reward!r}")
    if reward == "toolrl" and tuple(score_range) != (0.0, 1.0):
        raise ValueError(f"score_range needs reward='exact', got {score_range!r}")
    if reward == "exact" and (settings != ToolRLSettings() or training_step):
        raise ValueError(
            "credit, correctness_max_one, two_stage, schedule, length and training_step need "
            f"reward='toolrl', got {settings!r} and training_step={training_step}"
        )
    if training_step < 0:
        raise ValueError(f"training_step must be at least 0, got {training_step}")


def _check_scored_by_toolrl(task: Task) -> None:
    if task.get("wants_any_call"):
        raise ValueError(
            f"task {task['task_id']!r} wants any call, which ToolRL's reward cannot score: "
            "leave it out, or use reward='exact'"
        )


def _check_format_weight(weight: float, protocol: Protocol, reward: RewardKind) -> None:
    if not 0.0 <= weight < 1.0:
        raise ValueError(f"format_weight must be at least 0 and below 1, got {weight}")
    if weight and (protocol == "native" or reward == "toolrl"):
        raise ValueError(
            "format_weight needs protocol='tagged' and reward='exact', got "
            f"{weight} with {protocol!r} and {reward!r}"
        )
