"""The peer of `training_lm`: TRL's `GRPOTrainer` on the same prompts, without vLLM."""

import importlib
import tempfile
from collections.abc import Callable
from typing import Any, ClassVar

from training_lm_task import Setup, extra_reward, make_envs

from llmenvs.agents.model_files import load_policy


def train_trl(
    setup: Setup, *, now: Callable[[], float], flops: Callable[[Any, int], float]
) -> dict[str, Any]:
    """Train and return the figures; one step comes before those that are measured.

    Args:
        setup: of the run.
        now: the time when the device is done.
        flops: of an update, by the model and a sequence's length.
    """
    from transformers import TrainerCallback

    datasets, trl = importlib.import_module("datasets"), importlib.import_module("trl")
    policy: Any = load_policy(setup.model)
    (env, *_) = make_envs(setup, policy)
    rows = []
    for seed in range(setup.groups * (setup.steps + 1)):
        env.reset(seed=seed)
        rows.append(
            {"prompt": [dict(message) for message in env.transcript.messages], "seed": seed}
        )

    def reward(completions: list[Any], seed: list[int], **columns: Any) -> list[float]:
        """Play the first turn."""
        found = []
        for completion, its_seed, token_ids in zip(
            completions, seed, columns["completion_ids"], strict=True
        ):
            env.reset(seed=its_seed)
            gained = env.step(completion[0]["content"])[1]
            found.append(float(gained) + extra_reward(token_ids))
        return found

    class Timed(trl.GRPOTrainer):  # type: ignore[misc, name-defined]
        """Keeps how long generation takes, and how long the sequences are."""

        seconds: ClassVar[float] = 0.0
        generated: ClassVar[int] = 0
        lengths: ClassVar[list[int]] = []

        def _generate_single_turn(self, prompt_ids: Any, *args: Any, **options: Any) -> Any:
            started = now()
            output = super()._generate_single_turn(prompt_ids, *args, **options)
            type(self).seconds += now() - started
            pairs = zip(prompt_ids, output[0], strict=True)
            type(self).lengths += [len(prompt) + len(written) for prompt, written in pairs]
            type(self).generated += sum(map(len, output[0]))
            return output

    class WarmUp(TrainerCallback):
        """Starts the clock after the first step."""

        def on_step_end(self, args: Any, state: Any, control: Any, **options: Any) -> None:
            if state.global_step == 1:
                Timed.seconds, Timed.generated, Timed.lengths = 0.0, 0, []
                self.started = now()

    with tempfile.TemporaryDirectory() as folder:
        config = trl.GRPOConfig(
            output_dir=folder,
            max_steps=setup.steps + 1,
            per_device_train_batch_size=setup.micro_batch_size,
            gradient_accumulation_steps=max(1, setup.samples // setup.micro_batch_size),
            num_generations=setup.group_size,
            max_completion_length=setup.max_new_tokens,
            num_iterations=1,
            beta=0.0,
            temperature=1.0,
            learning_rate=setup.learning_rate,
            lr_scheduler_type="constant",
            max_grad_norm=1.0,
            use_cpu=setup.device == "cpu",
            bf16=setup.device == "cuda",
            activation_checkpointing=setup.gradient_checkpointing,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            logging_steps=setup.steps + 1,
        )
        clock = WarmUp()
        trainer = Timed(
            model=policy.model.model,
            reward_funcs=reward,
            args=config,
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=policy.tokenizer.tokenizer,
            callbacks=[clock],
        )
        trainer.train()
    return {
        "train_s": now() - clock.started,
        "generation_s": Timed.seconds,
        "generated_tokens": Timed.generated,
        "training_tokens": sum(Timed.lengths),
        "turns_mean": 1.0,
        "flops": sum(flops(policy.model.model, length) for length in Timed.lengths),
    }
