"""Train a tiny model with TRL's GRPO to walk to a goal, over several turns an episode.

    pip install "llmenvs[trl]"
    python examples/trl_rollout.py --steps 30

It takes half a minute on a CPU, and the mean reward goes from -2 to 5. For a model of yours, load
it and its tokenizer in place of the two below, drop ``chat=False``, and leave the options out.
"""

import argparse

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

from llmenvs.integrations import trl

ENV_ID = "llmenvs/GridWorld-v0"
TASK = {"task_id": "near", "width": 2, "height": 2, "start": [0, 0], "terminals": [[1, 0, 5.0]]}
OPTIONS = {"tasks": [TASK], "max_turns": 4}
MOVES = [f"<action>{move}</action>" for move in ("up", "down", "left", "right")]


def main() -> None:
    """Train, and tell the mean reward."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30)
    torch.set_num_threads(1)  # a model this small is slower with more

    words = {word: i for i, word in enumerate(["<pad>", "<end>", "<unk>", *MOVES, *"01(),"])}
    rust = Tokenizer(models.WordLevel(words, unk_token="<unk>"))  # noqa: S106 (no password)
    pattern = Regex(r"<action>\w+</action>|[01(),]")
    rust.pre_tokenizer = pre_tokenizers.Split(pattern, behavior="isolated")
    names = {"pad_token": "<pad>", "eos_token": "<end>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=rust, **names)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), num_hidden_layers=2, **size))

    batch = {"per_device_train_batch_size": 64, "num_generations": 16, "max_completion_length": 1}
    run = {
        "max_steps": parser.parse_args().steps,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
    }
    args = GRPOConfig(output_dir="runs/trl", learning_rate=5e-3, use_cpu=True, **batch, **run)
    dataset = trl.prompt_dataset(ENV_ID, num_prompts=32, env_options=OPTIONS)
    trl.check_dataset(dataset, args)
    play = trl.rollout_function(ENV_ID, chat=False, env_options=OPTIONS)
    trainer = GRPOTrainer(
        model, trl.environment_reward, args, dataset, processing_class=tokenizer, rollout_func=play
    )
    trainer.train()
    rewards = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]
    print(f"mean reward: {rewards[0]:.2f} in the first step, {rewards[-1]:.2f} in the last")


if __name__ == "__main__":
    main()
