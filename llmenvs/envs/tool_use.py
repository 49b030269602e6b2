"""``llmenvs/ToolUse-v0``: a request, tools that really run, and a world that remembers."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.envs.tool_text import STOP_STRINGS, Protocol, observation_of
from llmenvs.envs.tool_use_actions import read_action
from llmenvs.envs.tool_use_goals import (
    TASK_SCHEMA,
    Goal,
    goal_of_row,
    goal_of_scenario,
    scenario_of_task,
    session_of_task,
    task_of_session,
)
from llmenvs.envs.tool_use_policies import scripted_policies
from llmenvs.envs.tool_use_prompt import (
    NATIVE_TEMPLATE,
    SYSTEM_TEMPLATE,
    UNREADABLE,
    opening,
    session_in,
)
from llmenvs.envs.tool_use_scoring import score_episode
from llmenvs.policy import Policy, Prompt, ToolSchema
from llmenvs.renderers import Renderer
from llmenvs.tasks import Task, TaskSource, as_task_source
from llmenvs.templates import check_template
from llmenvs.tools import Tool, Toolbox, ToolResult
from llmenvs.tools.truncation import Truncation
from llmenvs.verifiers import Verdict
from llmenvs.verifiers.tool_call import ToolCall, score_calls
from llmenvs.worlds.requests import ProceduralRequests, templates_of
from llmenvs.worlds.tau2_requests import Tau2Requests
from llmenvs.worlds.tools_world import ToolsWorld
from llmenvs.worlds.world import Call, World

_FIELDS = ("context", "tools")
_TOO_MANY = "Error: no more tool calls may be made; answer the user."


class Limits(NamedTuple):
    """How far an episode goes where the caller does not say."""

    max_turns: int
    max_tool_calls: int
    max_result_tokens: int


LIMITS = Limits(8, 16, 1_024)
TAU2_LIMITS = Limits(100, 100, 65_536)
"""With tau2's tasks, whose plans have up to 33 calls and whose results are whole documents."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Where an episode stands.

    Attributes:
        goal: of its task.
        world: as it is now.
        calls: all that were made, in order, whether they worked or not.
        num_turns: of the policy.
        credit: the dense credit given so far.
    """

    goal: Goal
    world: World
    calls: tuple[Call, ...] = ()
    num_turns: int = 0
    credit: float = 0.0


class ToolUseEnv(TextEnv[Conversation]):
    r"""Meet a user's request with tools that change a world, over several turns.

    Action: text with tool calls, or with the answer to the user, which ends the episode; a text
    with both has its calls run and its answer not read. See `tool_text` for the protocol.
    Observation: what the calls gave, in their order, as a message of the role ``"tool"``.
    Reward: at the end the verdict's score in [0, 1], see `score_episode`; before it the change in
    dense credit, if any is given.
    Terminated: the user was answered. Truncated: ``max_turns`` were made; the world as it is then
    is scored.
    Hidden: the world, but for what the tools tell; the plan.

    Args:
        tasks: where requests come from; those of all worlds of the split ``train`` by default,
            or `Tau2Requests`. With ``tools``, rows that meet `TASK_SCHEMA`.
        tools: tools of your own, or those of an `MCPServer`, instead of a world's.
        parallel: run the calls of a turn at once, in threads; of your own tools only, since those
            of a world change it one after the other.
        protocol: ``"tagged"`` or ``"native"``.
        prompt_template: a format string for the system prompt with the fields ``context`` (rules,
            date and session) and ``tools``, instead of the protocol's.
        max_turns: of the policy, at least 1; 8 by default, and 100 with `Tau2Requests`.
        max_tool_calls: in an episode, at least 0; further ones are answered with an error. 16 by
            default, and 100 with `Tau2Requests`.
        max_result_tokens: of one result, at least 16; a longer one is cut and says so. 1,024 by
            default, and 65,536 with `Tau2Requests`.
        partial_credit: see `score_episode`; below 0.5.
        dense_credit: how much of the reward, from 0 to 1, is given turn by turn for calls that
            agree with the plan's: the mean of ToolRL's three parts of all calls so far. It comes
            beside the score of the end.
        tokenizer: see `TextEnv`.
        renderer: see `TextEnv`.
        render_mode: see `TextEnv`.

    Raises:
        ValueError: an argument out of its range; the message names it.
        ImportError: a world needs a package that is not installed.

    >>> import gymnasium, llmenvs
    >>> env = gymnasium.make("llmenvs/ToolUse-v0")
    >>> _ = env.reset(options={"task_id": "workbench/convert/train/0"})
    >>> env.unwrapped.transcript.messages[1]["content"]
    'What is 63.8 lb in g?'
    >>> call = '{"name": "convert_unit", "parameters": {"value": 63.8, "unit": "lb", "to": "g"}}'
    >>> env.step(f"<tool_call>{call}</tool_call>")[0]
    '\n<obs>\nconvert_unit: {"value":28939.1932,"unit":"g"}\n</obs>\n'
    >>> env.step("<response>That is 28939.1932 g.</response>")[1:3]
    (1.0, True)
    """

    def __init__(
        self,
        *,
        tasks: ProceduralRequests
        | Tau2Requests
        | TaskSource
        | Iterable[Mapping[str, Any]]
        | None = None,
        tools: Sequence[Tool] | None = None,
        parallel: bool = False,
        protocol: Protocol = "tagged",
        prompt_template: str | None = None,
        max_turns: int | None = None,
        max_tool_calls: int | None = None,
        max_result_tokens: int | None = None,
        partial_credit: float = 0.4,
        dense_credit: float = 0.0,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(
            tasks=_source_of(tasks, tools),
            tokenizer=tokenizer,
            renderer=renderer,
            render_mode=render_mode,
        )
        self._own = None if tools is None else ToolsWorld(box=Toolbox(tools))
        if parallel and self._own is None:
            raise ValueError("parallel needs tools of your own: a world's calls follow each other")
        self.parallel = parallel
        usual = TAU2_LIMITS if isinstance(tasks, Tau2Requests) else LIMITS
        max_turns = usual.max_turns if max_turns is None else max_turns
        max_tool_calls = usual.max_tool_calls if max_tool_calls is None else max_tool_calls
        if max_result_tokens is None:
            max_result_tokens = usual.max_result_tokens
        _check_at_least(max_turns=(max_turns, 1), max_tool_calls=(max_tool_calls, 0))
        _check_at_least(max_result_tokens=(max_result_tokens, 16))
        if protocol not in ("tagged", "native"):
            raise ValueError(f"protocol must be 'tagged' or 'native', got {protocol!r}")
        if not 0.0 <= partial_credit < 0.5 or not 0.0 <= dense_credit <= 1.0:
            raise ValueError(
                "partial_credit must be at least 0 and below 0.5, and dense_credit in [0, 1], "
                f"got {partial_credit} and {dense_credit}"
            )
        template = SYSTEM_TEMPLATE if protocol == "tagged" else NATIVE_TEMPLATE
        self.prompt_template = template if prompt_template is None else prompt_template
        check_template(self.prompt_template, fields=_FIELDS)
        self.protocol: Protocol = protocol
        self.max_turns = max_turns
        self.max_tool_calls = max_tool_calls
        self.partial_credit = partial_credit
        self.dense_credit = dense_credit
        self.blocking = self._own is not None  # type: ignore[misc]  # tools of yours may wait
        self._truncation = Truncation(self.tokenizer, max_result_tokens)

    @property
    def stop_strings(self) -> tuple[str, ...]:  # type: ignore[override]  # follows the protocol
        """The ends of calls and answer where they are tagged; a native turn ends by itself."""
        return STOP_STRINGS if self.protocol == "tagged" else ()

    def tools_of(self, task: Task) -> Sequence[ToolSchema]:
        """Return the tools of the task's world, if the chat template is to show them."""
        return self._goal(task).start.toolbox().schemas if self.protocol == "native" else ()

    def begin_episode(self, task: Task) -> Opening[Conversation]:
        """Say the rules, the tools and the request."""
        goal = self._goal(task)
        session = task["task_id"] if self._own else session_of_task(task["task_id"])
        messages = opening(
            goal.start,
            task["request"],
            session=session,
            template=self.prompt_template,
            protocol=self.protocol,
        )
        return Opening(Conversation(goal, goal.start), messages)

    def take_turn(self, state: Conversation, action: str) -> Turn[Conversation]:
        """Run the calls, or score the answer."""
        read = read_action(action, tagged=self.protocol == "tagged")
        state = replace(state, num_turns=state.num_turns + 1)
        if read.calls:
            state, observation = self._run(state, read.calls)
        elif read.response is not None:
            verdict = self._verdict(state, read.response)
            return Turn(state, "", verdict.score or 0.0, terminated=True, verdict=verdict)
        else:
            reason = f"Error: {read.fault}" if read.fault else UNREADABLE
            observation = observation_of([("protocol", reason)], protocol=self.protocol)
        state, reward = self._credited(state)
        return self._go_on(state, observation, reward, action_valid=bool(read.calls))

    def scripted_policies(self) -> dict[str, Policy]:
        """Return the policies of this environment and what they score.

        ``oracle`` (1.0) follows the plan, and takes every fact from the tools' results. ``random``
        (near 0.0) calls tools with random arguments. ``noop`` (0.0) answers nothing.
        ``wrong_value`` and ``side_effect`` (below 0.5) follow the plan but for one value, or do
        something besides.
        """
        return scripted_policies(self.tasks, self.protocol, self._tools_for)

    def _run(self, state: Conversation, calls: Sequence[ToolCall]) -> tuple[Conversation, str]:
        room = max(0, self.max_tool_calls - len(state.calls))
        made = [(call.name, call.parameters) for call in calls[:room]]
        world, results = self._results(state.world, made)
        lines = [
            (name, self._truncation.cut(result.text))
            for (name, _), result in zip(made, results, strict=True)
        ]
        lines += [(call.name, _TOO_MANY) for call in calls[room:]]
        observation = observation_of(lines, protocol=self.protocol)
        return replace(state, world=world, calls=(*state.calls, *made)), observation

    def _results(self, world: World, calls: Sequence[Call]) -> tuple[World, list[ToolResult]]:
        if self.parallel and len(calls) > 1:
            with ThreadPoolExecutor(len(calls), thread_name_prefix="tools") as threads:
                return world, [r for _, r in threads.map(lambda call: world.call(*call), calls)]
        results = []
        for name, arguments in calls:
            world, result = world.call(name, arguments)
            results.append(result)
        return world, results

    def _credited(self, state: Conversation) -> tuple[Conversation, float]:
        """Return the state after a turn's dense credit, and that credit."""
        if not self.dense_credit:
            return state, 0.0
        calls = [ToolCall(name, dict(arguments)) for name, arguments in state.calls]
        parts = score_calls(state.goal.calls, calls)
        credit = self.dense_credit * (parts.name + parts.param_name + parts.param_value) / 3
        return replace(state, credit=credit), credit - state.credit

    def _go_on(
        self, state: Conversation, observation: str, reward: float, *, action_valid: bool
    ) -> Turn[Conversation]:
        if state.num_turns < self.max_turns:
            return Turn(state, observation, reward, action_valid=action_valid, role="tool")
        verdict = self._verdict(state, None)
        return Turn(
            state,
            observation,
            reward + (verdict.score or 0.0),
            truncated=True,
            action_valid=action_valid,
            verdict=verdict,
            role="tool",
        )

    def _verdict(self, state: Conversation, response: str | None) -> Verdict:
        return score_episode(
            state.goal,
            state.world,
            state.calls,
            response,
            partial_credit=self.partial_credit,
        )

    def _tools_for(self, prompt: Prompt) -> Sequence[ToolSchema]:
        """Return the tools of the episode that ``prompt`` is from, which may be another's."""
        session = session_in(prompt.messages)
        if self._own is not None:
            return self._own.box.schemas
        return scenario_of_task(task_of_session(session)).world.toolbox().schemas

    def _goal(self, task: Task) -> Goal:
        if self._own is not None:
            return goal_of_row(task, self._own)
        return goal_of_scenario(task["task_id"])


def _source_of(
    tasks: TaskSource | Iterable[Mapping[str, Any]] | None, tools: Sequence[Tool] | None
) -> TaskSource:
    if tools is not None:
        if tasks is None:
            raise ValueError("give tasks beside tools: nothing is asked of your tools otherwise")
        return as_task_source(tasks, schema=TASK_SCHEMA)
    source = ProceduralRequests() if tasks is None else tasks
    if isinstance(source, Tau2Requests):
        return source
    if not isinstance(source, ProceduralRequests):
        raise ValueError(
            "tasks must be ProceduralRequests or Tau2Requests, or come with tools of your own, "
            f"got {type(tasks).__name__}"
        )
    for world in source.worlds:
        templates_of(world)  # a world whose packages are missing says so here, and not in a reset
    return source


def _check_at_least(**bounds: tuple[int, int]) -> None:
    for name, (value, least) in bounds.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
