"""How a model is asked for the next token: `Decoder`, with a cache of keys and values or without.

A `LanguageModel` brings its own, with a cache; any other causal model is asked about the whole
sequences each time. Axes: B sequences, T tokens, V vocabulary.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from llmenvs.agents.kept_states import KeptStates

PAD_ID = 0
"""What fills a short sequence; it is masked, so any id would do."""


class Decoder(Protocol):
    """Sequences that grow by one token at a time."""

    def start(
        self, sequences: Sequence[Sequence[int]], kept: Sequence[KeptStates | None] | None = None
    ) -> Tensor:
        """Read ``sequences``, none of them empty, and return the logits after each, (B, V).

        Args:
            sequences: B of them.
            kept: what `keep` returned of the beginning of each, shorter than the sequence; None
                where there is nothing. That much is not read again.
        """
        ...

    def advance(self, rows: Tensor, token_ids: Tensor) -> Tensor:
        """Go on with some of the sequences, each with one more token.

        Args:
            rows: (B',) indices into the sequences until now; one may come several times.
            token_ids: (B',) what each goes on with.

        Returns:
            (B', V), the logits after each.
        """
        ...

    def keep(self, row: int) -> KeptStates | None:
        """Return a copy of what is known of one of the sequences now; None if that cannot be."""
        ...


@runtime_checkable
class LanguageModel(Protocol):
    """A causal model that can do better than logits (B, T, V) for whole sequences."""

    def decoder(self) -> Decoder:
        """Return a decoder that keeps the keys and values of what it has read."""
        ...

    def logits_at(self, token_ids: Tensor, wanted: Tensor) -> Tensor:
        """Return the logits (N, V) at the N positions where ``wanted`` (B, T) is True, by rows."""
        ...


class RecomputingDecoder:
    """A `Decoder` for any causal model from token ids (B, T) to logits (B, T, V)."""

    def __init__(self, model: nn.Module, *, device: torch.device) -> None:
        self._model = model
        self._device = device
        self._sequences: list[list[int]] = []

    def start(
        self, sequences: Sequence[Sequence[int]], kept: Sequence[KeptStates | None] | None = None
    ) -> Tensor:
        """See `Decoder`; nothing is ever kept."""
        del kept
        self._sequences = [list(sequence) for sequence in sequences]
        return self._logits()

    def advance(self, rows: Tensor, token_ids: Tensor) -> Tensor:
        """See `Decoder`."""
        self._sequences = [
            [*self._sequences[row], token_id]
            for row, token_id in zip(rows.tolist(), token_ids.tolist(), strict=True)
        ]
        return self._logits()

    def keep(self, row: int) -> None:
        """See `Decoder`."""
        del row

    def _logits(self) -> Tensor:
        lengths = torch.tensor([len(sequence) for sequence in self._sequences])
        padded = torch.full((len(lengths), int(lengths.max())), PAD_ID)
        for row, sequence in enumerate(self._sequences):
            padded[row, : len(sequence)] = torch.tensor(sequence)
        logits: Tensor = self._model(padded.to(self._device))
        return logits[torch.arange(len(lengths)), lengths - 1]


def decoder_of(model: nn.Module, *, device: torch.device) -> Decoder:
    """Return the model's own decoder, or one that computes everything anew for each token."""
    if isinstance(model, LanguageModel):
        return model.decoder()
    return RecomputingDecoder(model, device=device)


def pad_left(
    sequences: Sequence[Sequence[int]], *, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """Return ids (B, T) that end together, and where they are real, (B, T) bool.

    The second is None where all are of one length: attention without a mask is faster.
    """
    length = max(len(sequence) for sequence in sequences)
    padded = torch.full((len(sequences), length), PAD_ID)
    real = torch.zeros(padded.shape, dtype=torch.bool)
    for row, sequence in enumerate(sequences):
        padded[row, length - len(sequence) :] = torch.tensor(sequence)
        real[row, length - len(sequence) :] = True
    return padded.to(device), None if bool(real.all()) else real.to(device)
