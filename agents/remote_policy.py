"""`RemotePolicy`: learns here, and is sampled from by a server with the OpenAI API (vLLM, SGLang).

The server is asked by token ids at ``/v1/completions`` and answers with the ids that it sampled and
their log-probabilities, so that nothing is encoded again. New weights are handed over in a folder,
which the server has to see. An answer says which weights wrote it, and a server may lag behind: the
trajectories have the version and the log-probabilities of the weights that wrote them, which is
what the ratio of PPO and GRPO is taken to, and what GRPO's ``importance_cap`` corrects.
"""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from llmenvs.agents.model_files import save_model
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.policy import Prompt
from llmenvs.transcript import Completion

logger = logging.getLogger(__name__)

HandOver = Callable[[httpx.Client, Path, int], None]
"""Tells a server that the weights of a version are in a folder; returns when it has taken them."""

_NUM_TRIES = 3
_FIRST_PAUSE_S = 0.5
_NUM_KEPT = 2  # folders of weights: a server may still be reading the one before


def hand_over_to_sglang(client: httpx.Client, folder: Path, version: int) -> None:
    """Ask SGLang to load the weights from the folder."""
    update = {"model_path": str(folder), "weight_version": str(version)}
    _post(client, "/update_weights_from_disk", update)


def hand_over_to_vllm(client: httpx.Client, folder: Path, version: int) -> None:
    """Ask vLLM to load the weights; it has to run with ``VLLM_SERVER_DEV_MODE=1``."""
    call = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
    _post(client, "/collective_rpc", call)
    _post(client, "/update_weight_version", {"new_version": str(version)})
    _post(client, "/reset_prefix_cache", {})


HAND_OVERS: dict[str, HandOver] = {"sglang": hand_over_to_sglang, "vllm": hand_over_to_vllm}
"""By the name of the server."""


class RemotePolicy(TransformerPolicy):
    """Samples on a server, and computes log-probabilities with the model that learns here.

    Args:
        policy: what learns; its temperature must be 1, since servers differ in whether the
            log-probabilities that they return are those before it or after.
        url: of the server, such as ``http://127.0.0.1:30000``.
        folder: where weights are handed over; the newest two are kept.
        model: the name that the server has for the model.
        hand_over: how the server is told of new weights.
        num_requests: at once.
        timeout_s: of a request.

    Raises:
        ValueError: a temperature other than 1.
    """

    def __init__(
        self,
        policy: TransformerPolicy,
        url: str,
        *,
        folder: Path,
        model: str = "default",
        hand_over: HandOver = hand_over_to_sglang,
        num_requests: int = 128,
        timeout_s: float = 600.0,
    ) -> None:
        if policy.temperature != 1.0:
            raise ValueError(
                f"temperature must be 1 where a server samples, got {policy.temperature!r}: "
                "servers differ in whether their log-probabilities are those before it or after"
            )
        super().__init__(
            policy.model,
            policy.tokenizer,
            precision=policy.precision,
            reference_device=policy.reference_device,
            chunk_tokens=policy.chunk_tokens,
        )
        self.version = policy.version
        self._client = httpx.Client(base_url=url, timeout=timeout_s)
        self._folder = folder
        self._model_name = model
        self._hand_over = hand_over
        self._num_requests = num_requests
        self._handed_over: int | None = None
        self._refused: tuple[int, ConnectionError] | None = None

    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Return what the server writes, once it was told of the newest weights.

        Raises:
            ConnectionError: the server cannot be reached, or refuses what it is asked.
            ValueError: it does not return token ids, or reads other ones than it was sent.
        """
        if self._handed_over != self.version:
            self._give_weights()
        if not prompts:
            return []
        with ThreadPoolExecutor(min(self._num_requests, len(prompts))) as threads:
            return list(threads.map(self._ask, prompts))

    def _give_weights(self) -> None:
        if self._refused is not None and self._refused[0] == self.version:
            raise self._refused[1]  # a rollout asks again for each episode
        started = time.perf_counter()
        folder = self._folder / f"version-{self.version:06d}"
        save_model(folder, self)
        try:
            self._hand_over(self._client, folder.resolve(), self.version)
        except ConnectionError as error:
            self._refused = self.version, error
            raise
        self._handed_over = self.version
        for old in sorted(self._folder.glob("version-*"))[:-_NUM_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        seconds = time.perf_counter() - started
        logger.info("version %d was handed over in %.1f s", self.version, seconds)

    def _ask(self, prompt: Prompt) -> Completion:
        answer = _post(self._client, "/v1/completions", self._request(prompt))
        token_ids, logprobs = _sampled(answer, prompt)
        return Completion.from_tokens(
            self.tokenizer,
            token_ids,
            logprobs=[min(logprob, 0.0) for logprob in logprobs],
            stop_strings=prompt.stop_strings,
            policy_version=_version_of(answer, self._handed_over),
        )

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        request = {
            "model": self._model_name,
            "prompt": list(prompt.token_ids),
            "max_tokens": prompt.max_new_tokens,
            "seed": prompt.seed % 2**31,
            "logprobs": 1,
            "return_token_ids": True,
            # A model's generation_config has other defaults, which the ratio knows nothing of.
            "temperature": 1.0,
            "top_p": 1.0,
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
        }
        return {**request, "stop": list(prompt.stop_strings)} if prompt.stop_strings else request


def _sampled(answer: dict[str, Any], prompt: Prompt) -> tuple[list[int], list[float]]:
    """Return the ids and their log-probabilities; a ValueError says what is not there."""
    (choice,) = answer["choices"]
    token_ids = choice.get("token_ids")
    logprobs = (choice.get("logprobs") or {}).get("token_logprobs")
    if token_ids is None or logprobs is None or len(token_ids) != len(logprobs):
        raise ValueError(
            "the server must return token_ids and as many logprobs.token_logprobs for "
            f"return_token_ids and logprobs, got {sorted(choice)}: take a version that knows them"
        )
    read = choice.get("prompt_token_ids", answer.get("prompt_token_ids"))
    if read is not None and list(read) != list(prompt.token_ids):
        raise ValueError(
            f"the server read {len(read)} other tokens than the {len(prompt.token_ids)} that it "
            "was sent: it adds a token at the beginning, or cuts the prompt"
        )
    return list(token_ids), list(logprobs)


def _version_of(answer: dict[str, Any], handed_over: int | None) -> int | None:
    """Return the version that the server names; what it was given if it names none."""
    (choice,) = answer["choices"]
    for place in (answer.get("metadata"), choice.get("meta_info"), answer):
        named = (place or {}).get("weight_version")
        if named is not None:
            return int(named) if str(named).isdecimal() else None
    return handed_over


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON of the answer; tried again where the server may recover."""
    reason = "it was not tried"
    for number in range(_NUM_TRIES):
        try:
            response = client.post(path, json=body)
        except httpx.TransportError as error:
            reason, can_recover = repr(error), True
        else:
            if response.is_success:
                answer: dict[str, Any] = response.json() if response.content else {}
                return answer
            reason = f"{response.status_code} {response.text[:200]}"
            can_recover = response.status_code >= 500
        if not can_recover:
            break
        if number + 1 < _NUM_TRIES:
            time.sleep(_FIRST_PAUSE_S * 2**number)
    raise ConnectionError(f"{client.base_url.join(path)} could not be asked: {reason}")
