"""`TrainConfig`: what a run of training is made of, beside the settings of its algorithm."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from llmenvs.agents.algorithms import algorithm_of
from llmenvs.agents.policy import Precision
from llmenvs.agents.settings import one_of

_KEPT_APART = (  # what may differ when a run is taken up again: no iteration depends on it
    "iterations",
    "save_every",
    "keep_checkpoints",
    "transcripts_every",
    "num_transcripts",
    "tensorboard",
    "wandb_project",
    "max_invalid_iterations",
    "settings",
)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What is trained, where, and what is kept of it.

    Attributes:
        algorithm: see `ALGORITHMS`.
        envs: weights by environment id, above 0; each episode is one of them by weight.
        settings: of the algorithm; its defaults by default.
        env_options: what the environments' constructors take, see `make_env`.
        model: tiny, or a folder with a model, or a name that transformers knows.
        iterations: of the run in all, those of earlier processes included.
        seed: of weights, tasks and sampling.
        temperature: of the sampling, above 0.
        renderer: raw joins the texts; chat writes them as the tokenizer's chat template does. None
            is chat where there is a template that can be used, and else raw.
        curriculum: draw the tasks by the measured success, so that groups keep variance.
        num_envs: episodes at once, at least 1.
        device: of torch, cpu or cuda for example.
        precision: fp32, or bf16 for sampling and the products of an update; weights stay fp32.
        lora_rank: of adapters that learn in place of the weights, see `add_lora`; None has none.
        gradient_checkpointing: compute activations again in the backward pass; slower, and saves
            memory.
        static_decoding: sample in tensors of fixed shapes, with CUDA graphs on a GPU.
        reference_device: where the initial policy is kept; None is beside the one that learns.
        sampler_url: of a server with the OpenAI API that samples, see `RemotePolicy`; None samples
            here.
        sampler_kind: how that server takes new weights.
        sampler_model: the name that the server has for the model.
        data: for an algorithm that plays no episodes: whose it learns from, oracle, random or
            policy, or a file of transcripts.
        data_episodes: how many are played for it.
        solved_only: leave out given episodes that were not solved.
        save_every: iterations from one checkpoint to the next.
        keep_checkpoints: how many of the newest are kept, at least 2.
        transcripts_every: iterations from one whose transcripts are kept to the next; 0 keeps none.
        num_transcripts: episodes that are kept of such an iteration.
        tensorboard: write the metrics for TensorBoard too.
        wandb_project: write the metrics to this project of Weights and Biases too.
        max_invalid_iterations: how many in a row without a valid episode end the run.
    """

    algorithm: str
    envs: Mapping[str, float]
    settings: Any = None
    env_options: Mapping[str, Any] = field(default_factory=dict)
    model: str = "tiny"
    iterations: int = 100
    seed: int = 0
    temperature: float = 1.0
    renderer: Literal["raw", "chat"] | None = None
    curriculum: bool = False
    num_envs: int = 128
    device: str = "cpu"
    precision: Precision = "fp32"
    lora_rank: int | None = None
    gradient_checkpointing: bool = False
    static_decoding: bool = False
    reference_device: str | None = None
    sampler_url: str | None = None
    sampler_kind: Literal["sglang", "vllm"] = "sglang"
    sampler_model: str = "default"
    data: str = "oracle"
    data_episodes: int = 512
    solved_only: bool = False
    save_every: int = 10
    keep_checkpoints: int = 2
    transcripts_every: int = 10
    num_transcripts: int = 8
    tensorboard: bool = False
    wandb_project: str | None = None
    max_invalid_iterations: int = 3

    def __post_init__(self) -> None:
        algorithm = algorithm_of(self.algorithm)
        settings = algorithm.settings() if self.settings is None else self.settings
        if not isinstance(settings, algorithm.settings):
            raise ValueError(
                f"settings of {self.algorithm} must be a {algorithm.settings.__name__}, "
                f"got a {type(settings).__name__}"
            )
        object.__setattr__(self, "settings", settings)
        for name in ("iterations", "num_envs", "data_episodes", "save_every", "num_transcripts"):
            _at_least(1, name, getattr(self, name))
        _at_least(1, "max_invalid_iterations", self.max_invalid_iterations)
        _at_least(2, "keep_checkpoints", self.keep_checkpoints)
        if self.lora_rank is not None:
            _at_least(1, "lora_rank", self.lora_rank)
        one_of(get_args(Precision), precision=self.precision)
        one_of(("sglang", "vllm"), sampler_kind=self.sampler_kind)
        _at_least(0, "transcripts_every", self.transcripts_every)
        _at_least(0, "seed", self.seed)
        if not self.temperature > 0.0:
            raise ValueError(f"temperature must be above 0, got {self.temperature!r}")
        if self.renderer not in ("raw", "chat", None):
            raise ValueError(f"renderer must be 'raw', 'chat' or None, got {self.renderer!r}")
        if self.curriculum and not algorithm.plays:
            raise ValueError(f"curriculum needs an algorithm that plays, not {self.algorithm}")
        if not self.envs or not all(weight > 0.0 for weight in self.envs.values()):
            raise ValueError(f"envs must have weights above 0, at least one, got {dict(self.envs)}")

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the curve, JSON-ready: two runs that agree in it may share a folder."""
        fields = {**asdict(replace(self, settings=None)), **_flat(asdict(self.settings))}
        return {name: value for name, value in fields.items() if name not in _KEPT_APART}


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with those of a rollout beside them, as the command line has them."""
    flat = {name: value for name, value in settings.items() if name != "limits"}
    return {**flat, **settings.get("limits", {})}


def _at_least(least: int, name: str, value: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
