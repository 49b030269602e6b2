"""A small decoder-only transformer, large enough to learn the environments on a CPU."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


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
        if length > self.config.max_length:
            raise ValueError(
                f"a sequence has {length} tokens but the model reads {self.config.max_length}: "
                "raise max_length or lower RolloutLimits.max_episode_tokens"
            )
        positions = torch.arange(length, device=token_ids.device)
        hidden = self.token_embedding(token_ids) + self.position_embedding(positions)
        for block in self.blocks:
            hidden = block(hidden)
        normed: Tensor = self.norm(hidden)
        return normed


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
        batch, length, width = hidden.shape
        projected = self.query_key_value(self.attention_norm(hidden))
        heads = projected.view(batch, length, 3, self.num_heads, width // self.num_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (B, heads, T, width / heads)
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        hidden = hidden + self.attention_out(attended.transpose(1, 2).reshape_as(hidden))
        output: Tensor = hidden + self.feed_forward(hidden)
        return output
