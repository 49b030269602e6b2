"""A small decoder-only transformer, large enough to learn the environments on a CPU."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from llmenvs.agents.decoding import pad_left
from llmenvs.agents.growing_tensor import GrowingTensor, are_all_rows
from llmenvs.agents.kept_states import (
    CachingDecoder,
    KeptStates,
    StackedStates,
    stack_states,
    states_of_row,
)


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """Sizes of the network.

    Attributes:
        vocab_size: tokens.
        max_length: positions, at least the longest sequence that it will read.
        width: of the residual stream, a multiple of ``num_heads``.
        num_layers: blocks.
        num_heads: of the attention.
    """

    vocab_size: int
    max_length: int = 512
    width: int = 64
    num_layers: int = 2
    num_heads: int = 2


class Transformer(nn.Module):
    """Pre-norm blocks over learned token and position embeddings; GPT-2's layout.

    Args:
        config: the sizes.
        seed: of the initial weights; the global random state is neither read nor changed.
    """

    def __init__(self, config: TransformerConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        with torch.random.fork_rng(devices=[]):  # torch's layers draw weights that go unused
            self._build(config)
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.02, generator=generator)
        for module in self.modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        nn.init.zeros_(self.head.weight)  # the untrained policy is exactly uniform

    def _build(self, config: TransformerConfig) -> None:
        self.token_embedding = nn.Embedding(config.vocab_size, config.width)
        self.position_embedding = nn.Embedding(config.max_length, config.width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)

    @property
    def vocab_size(self) -> int:
        """Ids from 0 to one less can be read."""
        return self.config.vocab_size

    @property
    def max_length(self) -> int:
        """Positions that can be read."""
        return self.config.max_length

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return the logits (B, T, V) of the token after each position; see `hidden_states`."""
        logits: Tensor = self.head(self.hidden_states(token_ids))
        return logits

    def hidden_states(self, token_ids: Tensor) -> Tensor:
        """Return what the head reads at each position.

        Args:
            token_ids: (B, T) int64, padded on the right: no position sees what follows it, so
                padding changes nothing before it.

        Returns:
            (B, T, width).

        Raises:
            ValueError: T is above ``max_length``.
        """
        length = token_ids.shape[1]
        self.check_length(length)
        hidden = self.embed(token_ids, torch.arange(length, device=token_ids.device))
        for block in self.blocks:
            hidden = block(hidden)
        normed: Tensor = self.norm(hidden)
        return normed

    @property
    def has_plain_head(self) -> bool:
        """Whether the logits are the head of the hidden states: they are."""
        return True

    def head_logits(self, hidden: Tensor) -> Tensor:
        """Return the logits (N, V) of hidden states (N, width)."""
        logits: Tensor = self.head(hidden)
        return logits

    def logits_at(self, token_ids: Tensor, wanted: Tensor) -> Tensor:
        """Return the logits (N, V) at the N positions where ``wanted`` (B, T) is True, by rows."""
        logits: Tensor = self.head(self.hidden_states(token_ids)[wanted])
        return logits

    def hidden_and_logits_at(self, token_ids: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Return `hidden_states` and `logits_at` of one pass."""
        hidden = self.hidden_states(token_ids)
        logits: Tensor = self.head(hidden[wanted])
        return hidden, logits

    def decoder(self) -> "TransformerDecoder":
        """Return a `Decoder` with a cache."""
        return TransformerDecoder(self)

    def embed(self, token_ids: Tensor, positions: Tensor) -> Tensor:
        """Return the first hidden state, (B, T, width); ``positions`` are (T,) or (B, T)."""
        hidden: Tensor = self.token_embedding(token_ids) + self.position_embedding(positions)
        return hidden

    def check_length(self, length: int) -> None:
        """Raise a ValueError where ``length`` is above ``max_length``."""
        if length > self.config.max_length:
            raise ValueError(
                f"a sequence has {length} tokens but the model reads {self.config.max_length}: "
                "raise max_length or lower RolloutLimits.max_episode_tokens"
            )


class _Block(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.attention_out = nn.Linear(config.width, config.width)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, 4 * config.width),
            nn.GELU(),
            nn.Linear(4 * config.width, config.width),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        query, key, value = self.heads(hidden)
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.finish(hidden, attended)

    def heads(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key and value, each (B, heads, T, width / heads)."""
        batch, length, width = hidden.shape
        projected = self.query_key_value(self.attention_norm(hidden))
        split = projected.view(batch, length, 3, self.num_heads, width // self.num_heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        return query, key, value

    def finish(self, hidden: Tensor, attended: Tensor) -> Tensor:
        hidden = hidden + self.attention_out(attended.transpose(1, 2).reshape_as(hidden))
        output: Tensor = hidden + self.feed_forward(hidden)
        return output


class TransformerDecoder(CachingDecoder):
    """A `Decoder` that keeps each block's keys and values; short sequences are padded on the left.

    Args:
        model: whose tokens are decoded.
    """

    def __init__(self, model: Transformer) -> None:
        self._model = model
        self._keys: list[GrowingTensor] = []  # of each block, (B, heads, T, width / heads)
        self._values: list[GrowingTensor] = []
        self._real = torch.empty(0, dtype=torch.bool)  # (B, T), False where there is padding

    def advance(self, rows: Tensor, token_ids: Tensor) -> Tensor:
        """See `Decoder`."""
        rows, token_ids = rows.to(self._real.device), token_ids.to(self._real.device)
        if not are_all_rows(rows, len(self._real)):
            for states in (*self._keys, *self._values):
                states.select(rows)
            self._real = self._real[rows]
        grown = torch.ones(len(rows), 1, dtype=torch.bool, device=rows.device)
        self._real = torch.cat([self._real, grown], dim=1)
        lengths = self._real.sum(dim=1, keepdim=True)
        self._model.check_length(int(lengths.max()))
        seen = None if bool(self._real.all()) else self._real[:, None, None, :]
        return self._run(token_ids[:, None], lengths - 1, seen)

    def keep(self, row: int) -> KeptStates:
        """See `Decoder`."""
        keys = [keys.states for keys in self._keys]
        values = [values.states for values in self._values]
        return states_of_row(keys, values, self._real, row)

    def _read(self, news: Sequence[Sequence[int]], kept: Sequence[KeptStates | None]) -> Tensor:
        device = self._model.head.weight.device
        token_ids, padded = pad_left(news, device=device)
        real = torch.ones_like(token_ids, dtype=torch.bool) if padded is None else padded
        self._keys, self._values = [], []
        self._real = torch.empty(len(news), 0, dtype=torch.bool, device=device)
        if any(kept):
            self._go_on_from(stack_states(kept))
        num_kept = self._real.sum(dim=1, keepdim=True)
        self._real = torch.cat([self._real, real], dim=1)
        self._model.check_length(int(self._real.sum(dim=1).max()))
        positions = num_kept + (real.cumsum(dim=1) - 1).clamp(min=0)
        return self._run(token_ids, positions, self._seen(token_ids.shape[1]))

    def _go_on_from(self, states: StackedStates) -> None:
        self._keys = [GrowingTensor(keys) for keys in states.keys]
        self._values = [GrowingTensor(values) for values in states.values]
        self._real = states.real

    def _seen(self, num_new: int) -> Tensor:
        """Return what each of the last tokens may attend to, broadcast to (B, heads, new, T)."""
        length = self._real.shape[1]
        earlier = torch.ones(num_new, length, dtype=torch.bool, device=self._real.device)
        earlier = earlier.tril(length - num_new)
        # A padding token sees itself: attention over nothing would be NaN.
        itself = earlier.triu(length - num_new)
        return (earlier & self._real[:, None, None, :]) | itself

    def _run(self, token_ids: Tensor, positions: Tensor, seen: Tensor | None) -> Tensor:
        """Return the last logits; ``seen`` is the attention mask, broadcast to (B, heads, T, S)."""
        hidden = self._model.embed(token_ids, positions)
        for number, block in enumerate(self._model.blocks):
            query, key, value = block.heads(hidden)  # type: ignore[operator]  # a ModuleList
            if number < len(self._keys):
                key = self._keys[number].append(key)
                value = self._values[number].append(value)
            else:
                self._keys.append(GrowingTensor(key))
                self._values.append(GrowingTensor(value))
            attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
            hidden = block.finish(hidden, attended)  # type: ignore[operator]
        logits: Tensor = self._model.head(self._model.norm(hidden[:, -1]))
        return logits
