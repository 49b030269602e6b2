"""An OpenRLHF (0.11) agent that plays any text environment: for ``--train.agent_func_path``.

The file to name there is this one, or one that imports `AgentExecutor` from it. The label of a row
says which episode it is; `prompt_rows` makes the rows. The engine is asked with token ids and what
it sampled is kept, so that nothing is tokenised again between turns.

OpenRLHF gets the sum of the turns' rewards. It takes no row without a reward, so that an undecided
episode has the filler 0.0 and no token that is trained on; ``extra_logs`` counts those as
``undecided``. Its group's baseline counts the filler all the same, which OpenRLHF cannot be told
not to do.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

from llmenvs.integrations.episodes import EnvPool, EpisodeSpec, draw_episodes
from llmenvs.integrations.openrlhf_samples import to_openrlhf
from llmenvs.integrations.playing import play_episode, renderer_for
from llmenvs.integrations.versions import check_version
from llmenvs.policy import Prompt
from llmenvs.renderers import Renderer
from llmenvs.running_episode import RolloutLimits
from llmenvs.transcript import Completion

TESTED = "0.11.2"
check_version("openrlhf", tested=TESTED)

from openrlhf.utils.agent import AgentExecutorBase  # noqa: E402 (the message above comes first)

__all__ = ["AgentExecutor", "prompt_rows"]


class AgentExecutor(AgentExecutorBase):  # type: ignore[misc]  # OpenRLHF is not there for mypy
    """Plays the episode that the label of a row names."""

    def __init__(self) -> None:
        self._pool = EnvPool()
        self._renderers: dict[int, Renderer] = {}

    async def execute(
        self,
        prompt: str,
        label: str,
        sampling_params: Any,
        max_length: int,
        hf_tokenizer: Any,
        llm_engine: Any,
        images: Any = None,
    ) -> dict[str, Any]:
        """Return the episode as OpenRLHF's dict; the arguments are OpenRLHF's.

        Raises:
            ValueError: a label that names no episode, an environment or a task that does not exist,
                a chat template that cannot be used, or images, which text environments have none
                of.
        """
        if images:
            raise ValueError(f"text environments take no images, got {len(images)}")
        spec = EpisodeSpec.from_dict(_loaded(label), column="label")
        renderer = self._renderer_for(hf_tokenizer)
        limits = RolloutLimits(
            max_new_tokens=sampling_params.max_tokens or max_length, max_episode_tokens=max_length
        )
        trajectory = await play_episode(
            spec,
            _Engine(llm_engine, sampling_params, renderer),
            pool=self._pool,
            renderer=renderer,
            limits=limits,
        )
        response = to_openrlhf(trajectory, prompt=prompt, label=label)
        filler = {"reward": 0.0, "scores": 0.0} if response["reward"] is None else {}
        return {**response, **filler}

    def _renderer_for(self, tokenizer: Any) -> Renderer:
        if id(tokenizer) not in self._renderers:  # trying a template takes a moment
            self._renderers[id(tokenizer)] = renderer_for(tokenizer)
        return self._renderers[id(tokenizer)]


def prompt_rows(
    env_id: str,
    *,
    num_prompts: int,
    seed: int = 0,
    env_options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of a data set, to write as JSON lines.

    Each has ``input``, the first messages (``--data.input_key input``, with
    ``--data.apply_chat_template``), and ``label``, the episode as JSON (``--data.label_key``).

    Raises:
        ValueError: there is no such environment, or no prompts.
    """
    episodes = draw_episodes(env_id, num_episodes=num_prompts, seed=seed, env_options=env_options)
    return [
        {
            "input": [dict(message) for message in episode.messages],
            "label": json.dumps(episode.spec.to_dict()),
        }
        for episode in episodes
    ]


class _Engine:
    """OpenRLHF's engine, of vLLM's interface, as an `AsyncPolicy`."""

    def __init__(self, engine: Any, sampling_params: Any, renderer: Renderer) -> None:
        self._engine = engine
        self._sampling_params = sampling_params
        self._tokenizer = renderer.tokenizer

    async def act_one(self, prompt: Prompt) -> Completion:
        params = copy.deepcopy(self._sampling_params)
        params.max_tokens = prompt.max_new_tokens
        if prompt.stop_strings:
            params.stop = [*(getattr(params, "stop", None) or ()), *prompt.stop_strings]
            params.include_stop_str_in_output = True
        answer = await self._engine.generate(list(prompt.token_ids), params, multi_modal_data=None)
        output = answer.outputs[0]
        ids = list(output.token_ids)
        logprobs = None
        if params.logprobs is not None and output.logprobs is not None:
            logprobs = [entry[i].logprob for i, entry in zip(ids, output.logprobs, strict=True)]
        return Completion.from_tokens(
            self._tokenizer, ids, logprobs=logprobs, stop_strings=prompt.stop_strings
        )


def _loaded(label: Any) -> Any:
    try:
        return json.loads(label) if isinstance(label, str) else label
    except ValueError as error:
        raise ValueError(
            f"label must be JSON, made by prompt_rows(env_id), got {label!r:.200}"
        ) from error
