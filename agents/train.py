"""`train`: a run of training in a folder, from the first episode or from where it was left.

A run that is killed and started again with the same arguments gives the same metrics and weights,
bit for bit: everything random in an iteration follows from the seed and the iteration's number, and
a checkpoint holds the weights, the optimizer, the reference, the critic, the counters and what the
curriculum has measured. That holds on one kind of machine with one number of threads, and for
environments that do not wait for something outside; those answer in an order of their own, and the
rounding of a batch depends on what is in it.

Where several processes train together (see `llmenvs.agents.distributed`), each calls `train`, and
the main one alone holds the folder and writes to it. All of them read checkpoints from it.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmenvs.agents.algorithms import Ingredients, algorithm_of
from llmenvs.agents.checkpoints import CheckpointError
from llmenvs.agents.curriculum import SuccessCurriculum
from llmenvs.agents.distributed import is_main, on_main
from llmenvs.agents.environments import make_env, make_envs
from llmenvs.agents.lora import fingerprint
from llmenvs.agents.memory import is_out_of_memory, memory_advice
from llmenvs.agents.metrics_log import MetricsLog, metrics_logs
from llmenvs.agents.model_files import can_save, load_policy, save_model
from llmenvs.agents.model_settings import settled
from llmenvs.agents.model_source import check_policy, make_policy, within_length
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.rendering import renderer_of
from llmenvs.agents.run_folder import RunFolder
from llmenvs.agents.train_config import TrainConfig
from llmenvs.agents.train_data import given_episodes
from llmenvs.agents.train_summary import metrics_of, note_of, summary_of
from llmenvs.agents.trainer import Iteration, Trainer
from llmenvs.agents.trajectory_files import read_trajectories
from llmenvs.bench.records import write_summary
from llmenvs.env import TextEnv
from llmenvs.progress import progress_bar
from llmenvs.renderers import Renderer
from llmenvs.trajectory import Trajectory

logger = logging.getLogger(__name__)

_TINY_MAX_LENGTH = 1024


class TrainingStopped(RuntimeError):
    """The run cannot go on; the message says why, and from where it can be taken up."""


def train(
    config: TrainConfig,
    out: Path,
    *,
    policy: TransformerPolicy | None = None,
    overwrite: bool = False,
    resume_from: int | None = None,
    progress: bool = False,
    on_iteration: Callable[[Iteration], None] | None = None,
) -> dict[str, Any]:
    """Train until ``config.iterations`` were made, and return what ``summary.json`` holds.

    Args:
        config: what to do.
        out: the folder of the run; made if it is not there, gone on with if it is this run's.
        policy: what to train in place of ``config.model``, which then is only its name.
        overwrite: drop what another run left in the folder.
        resume_from: go on from the checkpoint after so many iterations instead of the newest one;
            0 starts anew.
        progress: show a bar on standard error.
        on_iteration: called after each iteration, in the main process.

    Raises:
        ValueError: bad settings, a model that does not fit, or the folder of another run; nothing
            was changed.
        CheckpointError: a damaged checkpoint; the message names the file and the newest whole one.
        TrainingStopped: the loss is not finite, or no episode is valid any more. The checkpoints
            stay as they are.

    >>> import tempfile
    >>> from llmenvs.agents.reinforce import ReinforceConfig
    >>> settings = ReinforceConfig(batch_size=4)
    >>> config = TrainConfig(
    ...     "reinforce", {"llmenvs/GridWorld-v0": 1.0}, settings, iterations=2, num_envs=4,
    ...     env_options={"max_turns": 2})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = train(config, Path(folder) / "run")
    >>> summary["iterations"], summary["episodes"]
    (2, 8)
    """
    folder = RunFolder(out, keep_checkpoints=config.keep_checkpoints)
    with ExitStack() as stack:
        is_new = on_main(
            lambda: stack.enter_context(folder.claimed(config.identity, overwrite=overwrite))
        )
        if is_new and resume_from:
            raise ValueError(f"resume_from must be 0 in a new run, got {resume_from}")
        run = _Run(config, folder, policy, is_new=is_new)
        first = run.take_up(resume_from)
        logs: list[MetricsLog] = []
        on_main(lambda: logs.extend(stack.enter_context(_logs_of(config, out, first))))
        num_left, shown = config.iterations - first, progress and is_main()
        with progress_bar(config.algorithm, total=num_left, shown=shown) as bar:
            for number in range(first, config.iterations):
                iteration, metrics = run.step(number, logs)
                bar.advance(note_of(metrics))
                if on_iteration is not None and is_main():
                    on_iteration(iteration)
        return on_main(run.finish)


def _logs_of(
    config: TrainConfig, out: Path, first: int
) -> AbstractContextManager[Sequence[MetricsLog]]:
    return metrics_logs(
        out,
        first=first,
        tensorboard=config.tensorboard,
        wandb_project=config.wandb_project,
        config=config.identity,
    )


class _Run:
    """A trainer and the folder that it is kept in."""

    def __init__(
        self,
        config: TrainConfig,
        folder: RunFolder,
        policy: TransformerPolicy | None,
        *,
        is_new: bool,
    ) -> None:
        self._config = config
        self._folder = folder
        self._is_new = is_new
        start = self._starting_policy() if policy is None else policy
        self._policy = settled(start, config, handed_over=folder.handed_over)
        self._num_invalid = 0  # iterations in a row
        renderer = renderer_of(self._policy, config.renderer)
        rendering = {"renderer": renderer} if renderer else {"tokenizer": self._policy.tokenizer}
        self._env = make_env(config.envs, config.env_options, **rendering)
        check_policy(self._policy, self._env)
        self._sampler = SuccessCurriculum(self._env.tasks) if config.curriculum else None
        envs = self._make_envs(renderer)
        data = on_main(lambda: self._given_episodes(envs))
        self._trainer = self._make_trainer(envs, data)
        if is_new:  # all that can be wrong was tried: from here on the folder is this run's
            on_main(lambda: self._begin(data))

    def take_up(self, resume_from: int | None) -> int:
        """Load the newest checkpoint, or the one asked for; returns the iterations made."""
        known = on_main(self._folder.checkpoints.iterations)
        if resume_from is not None and resume_from not in (0, *known):
            raise ValueError(f"resume_from must be 0 or one of {known}, got {resume_from}")
        made = (known[-1] if known else 0) if resume_from is None else resume_from
        if made > 0:
            state = self._folder.checkpoints.load(made)
            self._check_base(state.get("base"))
            try:
                self._trainer.load_state_dict(state["trainer"])
                if self._sampler is not None:
                    self._sampler.load_state_dict(state["sampler"])
            except (KeyError, TypeError, ValueError) as error:
                path = self._folder.checkpoints.path(made)
                raise CheckpointError(f"{path} is not of this run: {error}") from error
            logger.info("going on from iteration %d", made)
        on_main(lambda: self._folder.rewind(made))
        return made

    def step(self, number: int, logs: Sequence[MetricsLog]) -> tuple[Iteration, dict[str, Any]]:
        """Make an iteration, write down what came of it, and save when it is time."""
        started = time.perf_counter()
        try:
            iteration = self._trainer.step()
        except FloatingPointError as error:
            raise TrainingStopped(f"iteration {number}: {error}; {self._left_at()}") from error
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            advice = memory_advice(self._config, error)
            raise TrainingStopped(f"iteration {number}: {advice}; {self._left_at()}") from error
        metrics = metrics_of(iteration, seconds=time.perf_counter() - started)
        for log in logs:
            log.write(number, metrics)
        config = self._config
        if is_main() and config.transcripts_every and number % config.transcripts_every == 0:
            self._folder.write_transcripts(
                number, iteration.trajectories, num_episodes=config.num_transcripts
            )
        self._stop_if_dead(iteration)
        made = number + 1
        if is_main() and (made % config.save_every == 0 or made == config.iterations):
            self._folder.checkpoints.save(made, self._state())
        return iteration, metrics

    def finish(self) -> dict[str, Any]:
        """Save the model where it can be loaded from, and write the summary."""
        if can_save(self._policy):
            save_model(self._folder.model, self._policy)
        summary = summary_of(self._folder.read_metrics(), self._config)
        write_summary(self._folder.path, summary)
        return summary

    def _begin(self, data: Sequence[Trajectory]) -> None:
        """Make the folder this run's, with all that it starts from."""
        self._folder.begin(self._config.identity)
        if can_save(self._policy):
            save_model(self._folder.model, self._policy)
        if data:
            self._folder.write_data(data)

    def _starting_policy(self) -> TransformerPolicy:
        """Return the model of the folder if the run has begun, so that it is the same again."""
        config = self._config
        # With adapters the folder has the merged weights, which are not those that stand still.
        if not self._is_new and self._folder.model.exists() and config.lora_rank is None:
            return load_policy(str(self._folder.model), temperature=config.temperature)
        return make_policy(
            config.model,
            lambda: make_env(config.envs, config.env_options),
            seed=config.seed,
            max_length=_TINY_MAX_LENGTH,
            temperature=config.temperature,
        )

    def _make_envs(self, renderer: Renderer | None) -> Sequence[TextEnv[Any]]:
        config = self._config
        return make_envs(
            config.num_envs,
            config.envs,
            config.env_options,
            tokenizer=self._policy.tokenizer,
            renderer=renderer,
        )

    def _given_episodes(self, envs: Sequence[TextEnv[Any]]) -> list[Trajectory]:
        if algorithm_of(self._config.algorithm).plays:
            return []
        if not self._is_new and self._folder.data.exists():
            return read_trajectories(self._folder.data)
        return given_episodes(self._config, envs, self._policy)

    def _make_trainer(self, envs: Sequence[TextEnv[Any]], data: Sequence[Trajectory]) -> Trainer:
        config, algorithm = self._config, algorithm_of(self._config.algorithm)
        settings = config.settings
        if algorithm.plays:
            limits = within_length(settings.limits, self._policy)
            settings = replace(settings, limits=limits)
        return algorithm.make(
            Ingredients(
                policy=self._policy,
                envs=envs,
                data=data,
                settings=settings,
                seed=config.seed,
                sampler=self._sampler,
            )
        )

    def _state(self) -> dict[str, Any]:
        sampler = None if self._sampler is None else self._sampler.state_dict()
        state = {"trainer": self._trainer.state_dict(), "sampler": sampler}
        return {**state, "base": self._base()}

    def _base(self) -> str | None:
        """Return what tells the weights under the adapters, of which a checkpoint has none."""
        return None if self._config.lora_rank is None else fingerprint(self._policy.model)

    def _check_base(self, base: str | None) -> None:
        if base != self._base():
            raise CheckpointError(
                f"the adapters in {self._folder.path} were made for other weights than those of "
                f"model {self._config.model!r} now: give the model that the run began with"
            )

    def _stop_if_dead(self, iteration: Iteration) -> None:
        if not iteration.trajectories or any(t.valid for t in iteration.trajectories):
            self._num_invalid = 0
            return
        self._num_invalid += 1
        if self._num_invalid < self._config.max_invalid_iterations:
            return
        raise TrainingStopped(
            f"no episode of the last {self._num_invalid} iterations was valid, the last one "
            f"because {_why(iteration.trajectories[-1].info)}; {self._left_at()}"
        )

    def _left_at(self) -> str:
        known = self._folder.checkpoints.iterations()
        if not known:
            return "there is no checkpoint yet"
        return f"the last checkpoint, after {known[-1]} iterations, is kept"


def _why(info: Mapping[str, Any]) -> str:
    if "error" in info:
        return f"of {info['error']}"
    verdict = info.get("verdict")
    return "its score was undecided" if verdict is None else f"undecided: {verdict.reason}"
