"""verl (0.9): an agent loop that plays any text environment.

Rows of `llmenvs.integrations.verl_data` name the loop by their ``agent_name``; verl finds it by a
YAML file at ``actor_rollout_ref.rollout.agent.agent_loop_config_path``, which `write_config`
writes. The environment's chat rendering is ours, so that sampled ids are kept as they are, and
every other token has mask 0.

verl gets the sum of the turns' rewards. It drops the rewards of a whole batch where one is None, so
that an undecided episode has the filler 0.0 under a mask of 0 throughout: none of its tokens is
trained on, and ``undecided`` counts it. Its group's baseline counts the filler all the same.
"""

import uuid
from pathlib import Path
from typing import Any, ClassVar

from llmenvs.integrations.episodes import EnvPool, EpisodeSpec
from llmenvs.integrations.playing import play_episode, renderer_for
from llmenvs.integrations.sample_notes import NOTES
from llmenvs.integrations.verl_data import AGENT_NAME, compute_score, episode_rows, write_dataset
from llmenvs.integrations.verl_samples import from_verl, to_verl
from llmenvs.integrations.versions import check_version
from llmenvs.policy import Prompt
from llmenvs.renderers import Renderer
from llmenvs.running_episode import RolloutLimits
from llmenvs.transcript import Completion

TESTED = "0.9.1"
check_version("verl", tested=TESTED)

from verl.experimental.agent_loop.agent_loop import (  # noqa: E402 (the message comes first)
    AgentLoopBase,
    AgentLoopMetrics,
    AgentLoopOutput,
    register,
)

__all__ = [
    "LlmenvsAgentLoop",
    "compute_score",
    "episode_rows",
    "from_verl",
    "to_verl",
    "write_config",
    "write_dataset",
]


@register(AGENT_NAME)
class LlmenvsAgentLoop(AgentLoopBase):  # type: ignore[misc]  # verl is not there where mypy runs
    """Plays the episode that a row's ``extra_info`` names. verl makes one for each sample."""

    _pool: ClassVar[EnvPool] = EnvPool()
    _renderers: ClassVar[dict[int, Renderer]] = {}

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        """Return the episode; the arguments are verl's.

        Raises:
            ValueError: a row that names no episode, an environment or task that does not exist, a
                chat template that cannot be used, or a prompt that is too long.
        """
        spec = EpisodeSpec.from_dict(row.get("extra_info"), column="extra_info")
        renderer, lengths = self._renderer(), self.rollout_config
        trajectory = await play_episode(
            spec,
            _Server(self.server_manager, sampling_params, renderer),
            pool=self._pool,
            renderer=renderer,
            limits=RolloutLimits(
                max_new_tokens=lengths.response_length,
                max_episode_tokens=lengths.prompt_length + lengths.response_length,
            ),
        )
        fields = to_verl(trajectory)
        if len(fields["prompt_ids"]) > lengths.prompt_length:
            raise ValueError(
                f"the prompt of task {spec.task_id!r} has {len(fields['prompt_ids'])} tokens: set "
                f"data.max_prompt_length, which is {lengths.prompt_length}, to at least that"
            )
        return AgentLoopOutput(**self._fitted(fields), metrics=AgentLoopMetrics())

    def _fitted(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the fields with what verl cannot do without: a token, a length and a number."""
        length = self.rollout_config.response_length
        if fields["reward_score"] is None:
            fields["reward_score"] = 0.0
        if not fields["response_ids"]:
            filler = self.tokenizer.pad_token_id or 0
            fields |= {"response_ids": [filler], "response_mask": [0], "response_logprobs": [0.0]}
        if len(fields["response_ids"]) > length:
            del fields["extra_fields"][NOTES]  # which tell of turns that are cut off here
        sampled = [i for i, own in enumerate(fields["response_mask"][:length]) if own]
        length = sampled[-1] + 1 if sampled else length  # the cut may be in what is not sampled
        for name in ("response_ids", "response_mask", "response_logprobs"):
            if fields[name] is not None:
                fields[name] = fields[name][:length]
        return fields

    def _renderer(self) -> Renderer:
        key = id(self.tokenizer)  # the worker's, for as long as it lives
        if key not in self._renderers:
            self._renderers[key] = renderer_for(self.tokenizer)
        return self._renderers[key]


def write_config(path: str | Path) -> None:
    """Write the YAML file that tells verl's workers where the loop is."""
    target = f"{LlmenvsAgentLoop.__module__}.{LlmenvsAgentLoop.__qualname__}"
    Path(path).write_text(f"- name: {AGENT_NAME}\n  _target_: {target}\n")


class _Server:
    """verl's client of its LLM servers, as an `AsyncPolicy`."""

    def __init__(self, client: Any, sampling_params: dict[str, Any], renderer: Renderer) -> None:
        self._client = client
        self._sampling_params = sampling_params
        self._tokenizer = renderer.tokenizer
        self._request_id = uuid.uuid4().hex  # of all turns: verl keeps to one server and its cache

    async def act_one(self, prompt: Prompt) -> Completion:
        params = {**self._sampling_params, "max_tokens": prompt.max_new_tokens}
        if prompt.stop_strings:
            params["stop"] = list(prompt.stop_strings)
        output = await self._client.generate(
            request_id=self._request_id,
            prompt_ids=list(prompt.token_ids),
            sampling_params=params,
        )
        return Completion.from_tokens(
            self._tokenizer,
            output.token_ids,
            logprobs=output.log_probs,
            stop_strings=prompt.stop_strings,
        )
