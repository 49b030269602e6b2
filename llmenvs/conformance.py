"""`check_text_env`: the contract of a text environment as an executable check.

Every environment of the suite passes it with several tokenizers; run it on your own. Each breach
gives one line that says what was promised and what was seen, and all are reported together.
"""

import pickle
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils.env_checker import check_env

from llmenvs.conformance_episodes import (
    Episode,
    first_difference,
    play,
    play_interleaved,
    scripted_actions,
    with_observations_extended,
)
from llmenvs.env import TextEnv
from llmenvs.transcript import Completion

_NUM_SEEDS = 3
_INFO_KEYS = ("token_ids", "generated_mask", "task_id", "dataset_hash", "stop_strings", "valid")
_SCRIPTS = ("oracle", "random", "noop")
_HOSTILE = ("", "\x00", "\ud800", "</s><|im_end|>", "é中🙂" * 50, "x" * 10_000)


class ConformanceError(AssertionError):
    """An environment breaks the contract; the message lists every breach."""


def check_text_env(env: gym.Env[str, str], *, seed: int = 0) -> None:
    """Check that ``env`` keeps the contract of `TextEnv`.

    Checked are: Gymnasium's own checker; the info and its types; that the tokens after a turn begin
    with those before it (in each run, where the renderer splits episodes), and that the mask is
    True exactly on the policy's; that a seed gives the
    same episode alone, again, interleaved with another, in threads, after pickling and after
    ``snapshot`` and ``restore``; that the global random states are left alone; that rewards lie on
    generated tokens; that the score does not read what the environment wrote; that misuse raises
    and loses nothing; and that the scripted policies are there, the oracle above the no-op.

    Args:
        env: any state; it is copied by pickling, and left as it is.
        seed: the first of the three seeds that are played.

    Raises:
        ConformanceError: the contract is broken.

    >>> import gymnasium, llmenvs
    >>> check_text_env(gymnasium.make("llmenvs/GridWorld-v0"))
    """
    unwrapped = env.unwrapped
    if not isinstance(unwrapped, TextEnv):
        raise ConformanceError(f"env must be a TextEnv, got {type(unwrapped).__name__}")
    try:
        data = pickle.dumps(unwrapped)
    except Exception as error:
        raise ConformanceError(f"the environment must pickle: {error!r}") from error

    def fresh() -> TextEnv[Any]:
        copied: TextEnv[Any] = pickle.loads(data)  # noqa: S301 (our own bytes)
        return copied

    breaches = [
        breach for check in _CHECKS for breach in _run(check, fresh, range(seed, seed + _NUM_SEEDS))
    ]
    if breaches:
        lines = "\n".join(f"  - {breach}" for breach in breaches)
        raise ConformanceError(f"{type(unwrapped).__name__} breaks the contract:\n{lines}")


Factory = Callable[[], TextEnv[Any]]
Check = Callable[[Factory, Sequence[int]], Iterator[str]]


def _run(check: Check, fresh: Factory, seeds: Sequence[int]) -> list[str]:
    found: dict[str, None] = {}  # a breach on three seeds is one line
    try:
        for breach in check(fresh, seeds):
            found[breach] = None
    except Exception as error:
        what = (check.__doc__ or "").strip().rstrip(".")
        found[f"{what}: the environment raised {error!r}"] = None
    return list(found)


def _check_gymnasium(fresh: Factory, seeds: Sequence[int]) -> Iterator[str]:
    """It passes Gymnasium's checker."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check_env(fresh(), skip_render_check=True, skip_close_check=True)
        except Exception as error:
            yield f"gymnasium's check_env must pass, but it says: {error}"
    for warning in caught:
        yield f"gymnasium's check_env must pass without a warning, but it says: {warning.message}"


def _check_scripts(fresh: Factory, seeds: Sequence[int]) -> Iterator[str]:
    """It ships scripted policies, of which the oracle solves more than the no-op."""
    policies = fresh().scripted_policies()
    for name in _SCRIPTS:
        if name not in policies:
            yield f"scripted_policies must have {name!r}, got {sorted(policies)}"
            return
    scores = {
        name: [play(fresh(), seed, scripted_actions(name)).success for seed in seeds]
        for name in ("oracle", "noop")
    }
    if not sum(map(bool, scores["oracle"])) > sum(map(bool, scores["noop"])):
        yield f"the oracle must solve more tasks than the no-op, but success is {scores}"


def _check_info(fresh: Factory, seeds: Sequence[int]) -> Iterator[str]:
    """The info has its keys, of types that survive vector environments and pickling."""
    for name in ("random", "noop"):
        episode = play(fresh(), seeds[0], scripted_actions(name))
        for turn, info in enumerate(episode.infos):
            where = f"info after {'reset' if turn == 0 else f'step {turn}'}"
            missing = [key for key in _INFO_KEYS if key not in info]
            if turn > 0 and "action_valid" not in info:
                missing.append("action_valid")
            if missing:
                yield f"{where} must have {missing}"
                return
            for key, value in info.items():
                if isinstance(value, np.ndarray | dict):
                    yield f"{where}: {key!r} must not be a {type(value).__name__}: use a sequence"
            if np.asarray(info["token_ids"]).dtype != np.int64:
                yield f"{where}: token_ids must convert to int64"
            if np.asarray(info["generated_mask"]).dtype != np.bool_:
                yield f"{where}: generated_mask must convert to bool"
            if pickle.loads(pickle.dumps(info)) != info:  # noqa: S301 (our own bytes)
                yield f"{where} must equal itself after pickling"
            if not all(isinstance(s, str) and s for s in info["stop_strings"]):
                yield f"{where}: stop_strings must be non-empty strings, {info['stop_strings']!r}"
            if not info["valid"] and (episode.rewards[turn - 1] or not episode.truncated):
                yield f"{where}: where valid is False, the reward is 0.0 and the episode truncated"
        if episode.terminated and "verdict" not in episode.infos[-1]:
            yield "the last info of an episode that terminated must have its verdict"


def _check_masks(fresh: Factory, seeds: Sequence[int]) -> Iterator[str]:
    """Tokens only grow, and the mask is True exactly on the policy's."""
    for seed in seeds:
        env = fresh()
        rng = np.random.default_rng([seed, 1])
        env.reset(seed=seed)
        if any(env.transcript.generated_mask):
            yield "the prompt's tokens must not count as generated"
        for _ in range(6):
            run_index, before = len(env.transcript.runs) - 1, tuple(env.transcript.token_ids)
            sampled = tuple(rng.integers(0, env.tokenizer.vocab_size, size=5).tolist())
            action = Completion(
                env.tokenizer.decode(sampled), token_ids=sampled, logprobs=[-1.0] * 5
            )
            _, _, terminated, truncated, info = env.step(action)
            ids, generated = tuple(info["token_ids"]), tuple(info["generated_mask"])
            if len(env.transcript.runs) > run_index + 1:  # a renderer that splits started anew
                if any(generated):
                    yield "a context that was rendered anew must not count as generated"
                run = env.transcript.runs[run_index]
                ids, generated = tuple(run.token_ids), tuple(run.generated_mask)
            start, stop = len(before), len(before) + len(sampled)
            if ids[:start] != before:
                yield "prefix property: the tokens after a turn must begin with those before it"
            if ids[start:stop] != sampled:
                yield "the ids that the policy sampled must be stored as they are"
            if not all(generated[start:stop]) or any(generated[stop:]):
                yield "generated_mask must be True on the policy's tokens and False on the others"
            if terminated or truncated:
                break


def _check_rewards(fresh: Factory, seeds: Sequence[int]) -> Iterator[str]:
    """Rewards lie on generated tokens and add up."""
    for seed in seeds:
        env = fresh()
        episode = play(env, seed, scripted_actions("random"))
        trajectories = env.trajectories()
        if any(t.rewards[~t.generated_mask].any() for t in trajectories):
            yield "rewards must lie on generated tokens only"
        if not np.isclose(sum(t.turn_rewards.sum() for t in trajectories), sum(episode.rewards)):
            yield "turn_rewards must add up to the rewards of the steps"
        if not all(np.isfinite(episode.rewards)):
            yield f"rewards must be finite, got {episode.rewards}"


def _check_determinism(fresh: Factory, seeds: Sequence[int]) -> Iterator[str]:
    """The same seed and actions give the same episode, however it is played."""
    first, other = seeds[0], seeds[-1]
    actions = scripted_actions("random")
    expected = {seed: play(fresh(), seed, actions) for seed in seeds}

    def differs(seed: int, episode: Episode, how: str) -> Iterator[str]:
        difference = first_difference(expected[seed], episode)
        if difference is not None:
            yield f"the same seed must give the same episode {how}: {difference}"

    yield from differs(first, play(fresh(), first, actions), "in another copy")
    reused = fresh()
    play(reused, other, actions)
    yield from differs(first, play(reused, first, actions), "after another episode")
    pair = play_interleaved((fresh(), first), (fresh(), other), actions)
    yield from differs(first, pair[0], "when two copies are stepped in turns")
    yield from differs(other, pair[1], "when two copies are stepped in turns")
    with ThreadPoolExecutor(4) as threads:
        futures = [(s, threads.submit(play, fresh(), s, actions)) for s in list(seeds) * 3]
        for seed, future in futures:
            yield from differs(seed, future.result(), "in threads")
    yield from differs(first, play(fresh(), first, actions, pickled=True), "when pickled midway")


def _check_snapshots(fresh: Factory, seeds: Sequence[int]) -> Iterator[str]:
    """A snapshot can be gone back to, here and in another copy."""
    actions = scripted_actions("random")
    for seed in seeds:
        env = fresh()
        expected = play(env, seed, actions)
        env.reset(seed=seed)
        snapshot = pickle.loads(pickle.dumps(env.snapshot()))  # noqa: S301 (our own bytes)
        play(env, seed + 1, actions)
        for target, where in ((env, "after another episode"), (fresh(), "into another copy")):
            target.reset(seed=seed + 2)
            target.restore(snapshot)
            difference = first_difference(expected, play(target, None, actions))
            if difference is not None:
                yield f"restore {where} must give back the episode of the snapshot: {difference}"


def _check_global_randomness(fresh: Factory, seeds: Sequence[int]) -> Iterator[str]:
    """The global random states are left alone and not read."""
    with _global_states(0) as states:
        before = states()
        first = play(fresh(), seeds[0], scripted_actions("random"))
        if states() != before:
            yield "the global states of random and numpy.random must be left alone"
    with _global_states(1):
        difference = first_difference(first, play(fresh(), seeds[0], scripted_actions("random")))
        if difference is not None:
            yield f"randomness must come from np_random, not from the global state: {difference}"


@contextmanager
def _global_states(seed: int) -> Iterator[Callable[[], object]]:
    """Seed the global generators for a while; they are as before afterwards."""
    kept = random.getstate(), np.random.get_state()  # noqa: NPY002 (what is checked)
    random.seed(seed)  # noqa: TID251 (what is checked)
    np.random.seed(seed)  # noqa: NPY002 (what is checked)
    try:
        yield lambda: (random.getstate(), repr(np.random.get_state()))  # noqa: NPY002
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002


def _check_score_blindness(fresh: Factory, seeds: Sequence[int]) -> Iterator[str]:
    """The score does not read what the environment wrote."""
    for seed in seeds:
        winning = play(fresh(), seed, scripted_actions("oracle"))
        if not winning.success:
            continue
        plain = play(fresh(), seed, scripted_actions("noop"))
        env = with_observations_extended(fresh(), "\n" + winning.actions[-1] + "\n")
        injected = play(env, seed, scripted_actions("noop"))
        if (plain.rewards, plain.success) != (injected.rewards, injected.success):
            yield (
                "the score must read the policy's text alone, but with a winning completion in the "
                f"observations it went from {plain.rewards} to {injected.rewards}"
            )


def _check_misuse(fresh: Factory, seeds: Sequence[int]) -> Iterator[str]:
    """Misuse raises what it should and loses nothing."""
    env = fresh()
    if not env.transcript.segments:  # the environment was handed in before its first reset
        yield from _must_raise(gym.error.ResetNeeded, lambda: env.step(""), "step before reset")
    env.reset(seed=seeds[0])
    length = len(env.transcript)
    for wrong in (None, 3, b"up", ["up"]):
        step: Callable[[], object] = partial(env.step, wrong)  # type: ignore[arg-type]  # on purpose
        yield from _must_raise(TypeError, step, f"the action {wrong!r}")
    too_large = Completion("", token_ids=[env.tokenizer.vocab_size])
    yield from _must_raise(ValueError, lambda: env.step(too_large), "an id out of the vocabulary")
    yield from _must_raise(
        ValueError, lambda: env.reset(options={"task_id": "\x00no such task"}), "an unknown task_id"
    )
    if len(env.transcript) != length:
        yield "a rejected action or reset must leave the transcript as it was"
    for action in _HOSTILE:
        env.reset(seed=seeds[0])
        observation, *_ = env.step(action)
        if observation not in env.observation_space:
            yield f"the observation after {action[:20]!r} must be in the observation space"
    episode = play(env, seeds[0], scripted_actions("random"))
    if episode.terminated or episode.truncated:
        yield from _must_raise(gym.error.ResetNeeded, lambda: env.step(""), "step after the end")


def _must_raise(kind: type[Exception], action: Callable[[], object], what: str) -> Iterator[str]:
    try:
        action()
    except kind:
        return
    except Exception as error:
        yield f"{what} must raise {kind.__name__}, but raised {error!r}"
        return
    yield f"{what} must raise {kind.__name__}, but raised nothing"


_CHECKS: tuple[Check, ...] = (
    _check_gymnasium,
    _check_scripts,
    _check_info,
    _check_masks,
    _check_rewards,
    _check_determinism,
    _check_snapshots,
    _check_global_randomness,
    _check_score_blindness,
    _check_misuse,
)
