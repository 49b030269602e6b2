"""REINFORCE weights turns by the returns that follow them; SFT imitates generated tokens alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from llmenvs import ByteTokenizer, StopReason, rollout
from llmenvs.agents.batching import training_batch
from llmenvs.agents.fitted_tokenizer import fit_tokenizer
from llmenvs.agents.optimization import Learner
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.reinforce import ReinforceConfig, ReinforceTrainer, reinforce_batch
from llmenvs.agents.sft import SFTConfig, SFTTrainer
from llmenvs.agents.trainer import iterate
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.bench.metrics import episode_metrics
from llmenvs.envs import GridWorldEnv
from llmenvs.policy import FunctionPolicy
from llmenvs.running_episode import RolloutLimits
from llmenvs.testing import GuessDigitEnv

CPU = torch.device("cpu")
WALK = ["right", "up", "right", "right"]


def the_walk() -> FunctionPolicy:
    def move(prompt: object) -> str:
        turn = sum(m["role"] == "assistant" for m in prompt.messages)  # type: ignore[attr-defined]
        return WALK[turn]

    return FunctionPolicy(move)


def test_every_token_of_a_turn_has_the_turns_return() -> None:
    (walk,) = rollout([GridWorldEnv()], the_walk(), seeds=[0])
    batch = reinforce_batch([walk], ReinforceConfig(baseline=False), device=CPU)
    assert batch is not None
    weights = [
        set(batch.weights[0, start:stop].tolist()) for start, stop in walk.turn_spans.tolist()
    ]

    assert weights == [{2.0}, {3.0}, {4.0}, {5.0}]
    assert not batch.weights[~batch.loss_mask].any()


def test_the_baseline_is_the_mean_return_and_the_discount_discounts() -> None:
    (walk,) = rollout([GridWorldEnv()], the_walk(), seeds=[0])
    config = ReinforceConfig(discount=0.5)
    batch = reinforce_batch([walk], config, device=CPU)
    assert batch is not None
    returns = np.array([-1.125, -0.25, 1.5, 5.0])
    firsts = [batch.weights[0, start].item() for start, _ in walk.turn_spans.tolist()]

    assert firsts == pytest.approx(returns - returns.mean())


def test_a_return_goes_on_over_the_runs_of_a_split_episode() -> None:
    (walk,) = rollout([GridWorldEnv()], the_walk(), seeds=[0])
    config = ReinforceConfig(baseline=False)
    runs = [
        replace(walk, stop_reason=StopReason.SPLIT, episode_reward=2.0),
        replace(walk, run=1, episode_reward=2.0),
    ]
    batch = reinforce_batch(runs, config, device=CPU)
    assert batch is not None
    firsts = [[batch.weights[i, start].item() for start, _ in walk.turn_spans] for i in (0, 1)]

    assert firsts == [[4.0, 5.0, 6.0, 7.0], [2.0, 3.0, 4.0, 5.0]]


def test_entropy_is_rewarded() -> None:
    """Random moves without a reward: all that is left to learn from is the entropy."""
    model = _model(257)
    policy = TransformerPolicy(model, ByteTokenizer())
    with torch.no_grad():
        model.head.weight[48:58].add_(1.0)
        model.norm.bias.add_(0.1)
    config = ReinforceConfig(
        batch_size=4, entropy_coefficient=1.0, limits=RolloutLimits(max_new_tokens=1)
    )
    row = {"width": 4, "height": 4, "start": [0, 0], "terminals": [[3, 3, 5]]}
    trainer = ReinforceTrainer([GridWorldEnv(tasks=[row], max_turns=1)], policy, config)
    prompt = torch.tensor([[*b"any text"]])
    before = policy.model(prompt)[0, -1].softmax(-1)
    for _ in iterate(trainer, 5):
        pass
    after = policy.model(prompt)[0, -1].softmax(-1)

    assert -(after * after.log()).sum() > -(before * before.log()).sum() + 1e-3


def test_undecided_episodes_are_left_out() -> None:
    lost = rollout([GuessDigitEnv()], FunctionPolicy(lambda prompt: "?"), seeds=[0, 1])

    assert reinforce_batch(lost, ReinforceConfig(), device=CPU) is None
    with pytest.raises(ValueError, match="no valid trajectory to learn from, got 2"):
        SFTTrainer(TransformerPolicy(_model(257), ByteTokenizer()), lost)


def _model(vocab_size: int, seed: int = 0) -> Transformer:
    return Transformer(TransformerConfig(vocab_size=vocab_size, max_length=256), seed=seed)


@pytest.mark.slow
def test_sft_then_reinforce_learn_the_grid_world() -> None:
    env = GridWorldEnv(max_turns=6)
    oracle, moves = env.scripted_policies()["oracle"], env.scripted_policies()["random"]
    texts = [m["content"] for t in rollout([env], moves, seeds=range(60)) for m in t.messages]
    tokenizer = fit_tokenizer(texts, vocab_size=420)
    envs = [GridWorldEnv(max_turns=6, tokenizer=tokenizer) for _ in range(64)]
    policy = TransformerPolicy(_model(tokenizer.vocab_size), tokenizer)
    limits = RolloutLimits(max_new_tokens=6)
    shown = rollout(envs, moves, seeds=range(128))
    imitation = SFTTrainer(policy, shown, SFTConfig(learning_rate=3e-3))
    losses = [iteration.update["loss"] for iteration in iterate(imitation, 60)]
    config = ReinforceConfig(batch_size=64, learning_rate=2e-3, limits=limits)
    iterations = list(iterate(ReinforceTrainer(envs, policy, config, seed=2), 50))

    assert losses[-1] < 0.4 * losses[0]
    assert iterations[0].metrics.success_mean < 0.4
    assert np.mean([i.metrics.success_mean for i in iterations[-3:]]) > 0.8
    assert rollout(envs, oracle, seeds=[0])[0].total_reward == 2.0


def test_sft_leaves_what_the_environment_says_alone() -> None:
    """The loss is that of the policy's tokens: the logits over the prompt get no gradient."""
    shown = rollout([GridWorldEnv()], the_walk(), seeds=[0])
    batch = training_batch(shown, [[1.0] * 4], device=CPU)

    assert batch.loss_mask.sum() == len("".join(WALK))
    assert (batch.weights > 0).equal(batch.loss_mask)


def test_metrics_leave_undecided_episodes_out_but_count_them() -> None:
    policy = FunctionPolicy(lambda prompt: "?" if prompt.episode_id == "0-0" else "3")
    metrics = episode_metrics(rollout([GuessDigitEnv()], policy, seeds=range(4)))

    assert (metrics.episodes, metrics.valid_share) == (4, 0.75)
    assert metrics.success_mean in (0.0, 1 / 3, 2 / 3, 1.0)
    lost = rollout([GuessDigitEnv()], FunctionPolicy(lambda prompt: "?"), seeds=[0])
    assert np.isnan(episode_metrics(lost).reward_mean)


def test_a_gradient_that_is_not_finite_changes_no_weight() -> None:
    policy = TransformerPolicy(_model(8), ByteTokenizer())
    before = policy.model.state_dict()["head.weight"].clone()
    learner = Learner(policy, learning_rate=1.0, max_grad_norm=1.0, seed=0)

    with pytest.raises(FloatingPointError, match="look for NaN rewards"):
        learner.descend([policy.logprobs(torch.tensor([[1, 2]])).sum() * torch.nan])
    assert torch.equal(policy.model.state_dict()["head.weight"], before)
