"""TRL's ``rollout_func``: our environments are played with the model that is being trained.

TRL gives the prompts, each as often as its group is large, and takes one row for each, in order. It
gives no other column of the data set, so the prompt itself names its episode.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from llmenvs.env import TextEnv
from llmenvs.env_making import make_text_env
from llmenvs.integrations.trl_data import TESTED, episode_in
from llmenvs.integrations.trl_samples import to_trl
from llmenvs.integrations.versions import check_version
from llmenvs.rollout import rollout
from llmenvs.running_episode import RolloutLimits

RolloutFunction = Callable[[list[Any], Any], dict[str, Any]]


def rollout_function(
    env_id: str,
    *,
    chat: bool = True,
    limits: RolloutLimits | None = None,
    max_envs: int = 64,
    num_threads: int = 8,
    env_options: Mapping[str, Any] | None = None,
) -> RolloutFunction:
    """Return what ``GRPOTrainer(rollout_func=…)`` takes, for any text environment.

    Give `environment_reward` beside it as ``reward_funcs``, and prompts of `prompt_dataset`. The
    model samples by transformers, at TRL's temperature, and in evaluation mode, so that dropout
    changes no probability; ``top_p``, ``top_k`` and the like are not applied. Nothing that the
    environment wrote is trained on. Sampling follows from ``args.seed``, the step and the process.

    Args:
        env_id: of a `TextEnv`.
        chat: write through the tokenizer's chat template; otherwise texts are concatenated.
        limits: of tokens; by default completions of ``args.max_completion_length`` tokens, and
            episodes of what the model reads at once.
        max_envs: episodes that are played at the same time.
        num_threads: for environments whose steps wait.
        env_options: of the environment's constructor.

    Raises:
        ValueError: there is no such environment. When called: prompts that name no episode or are
            no whole groups, or a chat template that cannot be used; the message says what to do.
    """
    check_version("trl", tested=TESTED, extra="trl")
    make_text_env(env_id, **(env_options or {}))
    return _Rollouts(
        env_id,
        chat=chat,
        limits=limits,
        max_envs=max_envs,
        num_threads=num_threads,
        env_options=dict(env_options or {}),
    )


class _Rollouts:
    """Keeps the environments between calls, and counts the calls for the sampling seed."""

    def __init__(
        self,
        env_id: str,
        *,
        chat: bool,
        limits: RolloutLimits | None,
        max_envs: int,
        num_threads: int,
        env_options: Mapping[str, Any],
    ) -> None:
        self._env_id = env_id
        self._chat = chat
        self._limits = limits
        self._max_envs = max_envs
        self._num_threads = num_threads
        self._env_options = env_options
        self._envs: list[TextEnv[Any]] = []
        self._renderer: Any = None
        self._num_calls = 0

    def __call__(self, prompts: list[Any], trainer: Any) -> dict[str, Any]:
        episodes = [episode_in(prompt) for prompt in prompts]
        _check_groups(len(prompts), trainer)
        envs = self._ready_envs(trainer.processing_class, len(prompts))
        model = trainer.accelerator.unwrap_model(trainer.model)
        was_training = model.training
        try:
            policy = _policy_of(model, trainer, envs[0])
            trajectories = rollout(
                envs,
                policy,
                seeds=[episode.seed for episode in episodes],
                task_ids=[episode.task_id for episode in episodes],
                sampling_seed=self._next_sampling_seed(trainer),
                limits=self._limits_of(trainer, policy),
                num_threads=self._num_threads,
            )
        finally:
            model.train(was_training)
        return to_trl(trajectories, pad_token_id=_filler_of(trainer.processing_class))

    def _ready_envs(self, tokenizer: Any, count: int) -> Sequence[TextEnv[Any]]:
        if self._renderer is None:
            self._renderer = _renderer_of(tokenizer, chat=self._chat)
        while len(self._envs) < min(count, self._max_envs):
            options = {**self._env_options, "renderer": self._renderer}
            self._envs.append(make_text_env(self._env_id, **options))
        return self._envs[:count]

    def _next_sampling_seed(self, trainer: Any) -> int:
        numbers = (trainer.args.seed, trainer.state.global_step, self._num_calls)
        self._num_calls += 1
        entropy = [*numbers, trainer.accelerator.process_index]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def _limits_of(self, trainer: Any, policy: Any) -> RolloutLimits:
        from llmenvs.agents.model_source import within_length

        limits = self._limits or RolloutLimits(max_new_tokens=trainer.args.max_completion_length)
        return within_length(limits, policy)


def _policy_of(model: Any, trainer: Any, env: TextEnv[Any]) -> Any:
    """Return the trainer's model, in evaluation mode, as a policy that samples as TRL scores."""
    from llmenvs.agents.causal_lm import CausalLM
    from llmenvs.agents.model_source import check_policy
    from llmenvs.agents.policy import TransformerPolicy

    policy = TransformerPolicy(CausalLM(model), env.tokenizer, temperature=trainer.temperature)
    check_policy(policy, env)
    policy.version = trainer.state.global_step
    return policy


def _renderer_of(tokenizer: Any, *, chat: bool) -> Any:
    from llmenvs.chat_renderer import ChatRenderer
    from llmenvs.renderers import RawRenderer
    from llmenvs.tokenizers import as_tokenizer

    return ChatRenderer(tokenizer) if chat else RawRenderer(as_tokenizer(tokenizer))


def _filler_of(tokenizer: Any) -> int:
    return int(tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id)


def _check_groups(num_prompts: int, trainer: Any) -> None:
    size = trainer.num_generations if trainer.model.training else trainer.num_generations_eval
    everywhere = num_prompts * trainer.accelerator.num_processes  # a group may span processes
    if everywhere % size:
        raise ValueError(
            f"a batch must be whole groups of num_generations {size}, got {everywhere} prompts: "
            "choose a per_device_train_batch_size, or num_generations, that divides so"
        )
