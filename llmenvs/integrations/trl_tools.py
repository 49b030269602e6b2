"""TRL's ``environment_factory``: an environment with tools, as the bag of methods that TRL calls.

TRL takes every public method but ``reset`` and ``get_reward`` for a tool, and reads its schema from
the type hints and the docstring. So a Gymnasium environment cannot be passed as it is, and a class
is made here whose methods are the tools of the environment and nothing else. An answer to the user
ends an episode, which TRL does not tell to the environment; so there is one tool more, to answer
with.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmenvs.env import TextEnv
from llmenvs.env_making import make_text_env
from llmenvs.envs.tool_text import call_text
from llmenvs.integrations.tool_methods import tool_method
from llmenvs.integrations.trl_data import TESTED, dataset_of
from llmenvs.integrations.versions import check_version
from llmenvs.policy import ToolSchema

ANSWER_TOOL = "respond_to_user"
_ENDED = "Error: the conversation has ended; nothing was done."
_NUM_COMPARED = 32
_PROMPT = (
    "{context}\nCall the tools as you need them. At the end, call "
    + ANSWER_TOOL
    + " with your answer to the user, once; it ends the conversation.\n"
)
_ANSWER_SCHEMA: ToolSchema = {
    "name": ANSWER_TOOL,
    "description": "Tell the user the answer. It ends the conversation.",
    "parameters": {
        "type": "object",
        "properties": {"text": {"type": "string", "description": "the answer."}},
        "required": ["text"],
    },
}


def tool_environment(
    env_id: str,
    *,
    tokenizer: Any = None,
    env_options: Mapping[str, Any] | None = None,
) -> Callable[[], Any]:
    """Return what ``GRPOTrainer(environment_factory=…)`` takes.

    The model must call tools, `ANSWER_TOOL` the last; text without a call ends the sample for TRL,
    and is scored as if the user had been told nothing. ``get_reward`` is the return of the episode
    (the sum over turns), and None where the score is undecided. Take the data set from
    `tool_dataset`, with the same ``env_options``. TRL masks what tools return.

    Args:
        env_id: of an environment whose tasks all have the same tools, such as ``ToolUse-v0`` of one
            world.
        tokenizer: the trainer's, to check that its chat template can write tool calls.
        env_options: of the environment's constructor.

    Raises:
        ValueError: there is no such environment, it has no tools, or other ones for each task; or
            the chat template cannot write tool calls. The message says what to do.

    >>> from llmenvs.worlds.requests import ProceduralRequests
    >>> options = {"tasks": ProceduralRequests(worlds=["workbench"])}
    >>> factory = tool_environment("llmenvs/ToolUse-v0", env_options=options)
    >>> environment = factory()
    >>> environment.reset(task_id="workbench/convert/train/0", seed=0)
    >>> environment.convert_unit(value=63.8, unit="lb", to="g")
    '{"value":28939.1932,"unit":"g"}'
    >>> environment.respond_to_user(text="That is 28939.1932 g.")
    ''
    >>> environment.get_reward()
    1.0
    """
    check_version("trl", tested=TESTED, extra="trl")
    if tokenizer is not None:
        check_tool_template(tokenizer)
    schemas = _shared_tools(env_id, env_options)
    methods = {str(schema["name"]): tool_method(schema, _call) for schema in schemas}
    name = env_id.rpartition("/")[2].partition("-")[0]  # TRL logs the reward under it
    facade = type(name, (_Facade,), {"__doc__": f"The tools of {env_id}.", **methods})
    return lambda: facade(_native_env(env_id, env_options))


def tool_dataset(
    env_id: str,
    *,
    num_prompts: int,
    seed: int = 0,
    task_fields: Sequence[str] = (),
    env_options: Mapping[str, Any] | None = None,
) -> Any:
    """Return a `datasets.Dataset` for `tool_environment`; see `prompt_dataset`."""
    env = _native_env(env_id, env_options)
    return dataset_of(env, num_prompts=num_prompts, seed=seed, task_fields=task_fields)


def check_tool_template(tokenizer: Any) -> None:
    """Refuse a tokenizer whose chat template cannot write tool calls and their results.

    Raises:
        ValueError: it has no template, or one that leaves them out.
    """
    from trl.chat_template_utils import supports_tool_calling

    name = getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__
    if not getattr(tokenizer, "chat_template", None):
        raise ValueError(
            f"the tokenizer {name!r} has no chat template: set tokenizer.chat_template to one that "
            "writes tool calls, or use rollout_function(env_id, chat=False)"
        )
    if not supports_tool_calling(tokenizer):
        raise ValueError(
            f"the chat template of {name!r} cannot write tool calls and their results: set "
            "tokenizer.chat_template to one that can (Qwen3's for example, in trl/chat_templates), "
            "or use rollout_function(env_id), which needs none"
        )


class _Facade:
    """One episode at a time; the methods of subclasses are tools."""

    def __init__(self, env: TextEnv[Any]) -> None:
        self._env = env
        self._started = False
        self._ended = False
        self._valid = True
        self._reward = 0.0

    def reset(self, task_id: str | None = None, seed: int | None = None, **row: Any) -> None:
        """Start the episode of a row of the data set; nothing is left of the one before."""
        if task_id is None or seed is None:
            raise ValueError(
                "the data set must have the columns task_id and seed, since all samples of a group "
                f"play the same episode: make it by tool_dataset(env_id), got {sorted(row)}"
            )
        self._started, self._ended, self._valid, self._reward = True, False, True, 0.0
        self._env.reset(seed=seed, options={"task_id": task_id})

    def get_reward(self) -> float | None:
        """Return the return of the episode, or None where its score is undecided."""
        if not self._started:
            raise ValueError("call reset before get_reward: there is no episode yet")
        if not self._ended:
            self._step("")
        return self._reward if self._valid else None

    def _step(self, action: str) -> str:
        try:
            observation, reward, terminated, truncated, info = self._env.step(action)
        except Exception:
            self._ended, self._valid = True, False  # TRL shows the error to the model and goes on
            raise
        self._reward += reward
        self._valid = info["valid"]
        self._ended = terminated or truncated
        return observation


def _call(facade: _Facade, name: str, arguments: Mapping[str, Any]) -> str:
    if facade._ended:
        return _ENDED
    if name == ANSWER_TOOL:
        return facade._step(str(arguments.get("text", "")))
    call = {"name": name, "parameters": arguments}
    return facade._step(call_text([call], "native")).removeprefix(f"{name}: ")


def _native_env(env_id: str, env_options: Mapping[str, Any] | None) -> TextEnv[Any]:
    plain = make_text_env(env_id, **(env_options or {}))
    if not hasattr(plain, "protocol"):
        raise ValueError(
            f"environment {env_id!r} has no tools that a model calls by name: "
            "use rollout_function(env_id), which plays any text environment"
        )
    options = {"prompt_template": _PROMPT, **(env_options or {}), "protocol": "native"}
    return make_text_env(env_id, **options)


def _shared_tools(env_id: str, env_options: Mapping[str, Any] | None) -> list[ToolSchema]:
    """Return the schemas of the tools that all tasks have, and the one to answer with."""
    env = _native_env(env_id, env_options)
    found: list[Sequence[ToolSchema]] = []
    for seed in range(_NUM_COMPARED):
        env.reset(seed=seed)
        found.append(tuple(env.tools))
    if any(tools != found[0] for tools in found):
        raise ValueError(
            f"the tools of {env_id!r} differ between its tasks, and TRL takes one set for all: "
            "choose tasks with the same tools, such as env_options={'tasks': "
            "ProceduralRequests(worlds=['shop'])}, or use rollout_function(env_id)"
        )
    return [*found[0], _ANSWER_SCHEMA]
