"""A cache of ``transformers``, which this module imports, whose layers grow in place."""

from typing import Any

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from llmenvs.agents.growing_tensor import GrowingTensor
from llmenvs.agents.kept_states import StackedStates


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values.

    Args:
        keys: until now, (B, heads, T, width).
        values: until now, (B, heads, T, width).
    """

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self._grown_keys, self._grown_values = GrowingTensor(keys), GrowingTensor(values)
        self.keys, self.values = keys, values

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append the states of new tokens; returns all keys and all values."""
        del args, kwargs
        self.keys = self._grown_keys.append(key_states)
        self.values = self._grown_values.append(value_states)
        return self.keys, self.values

    def select(self, rows: Tensor) -> None:
        """Keep some of the sequences, by their indices (B',)."""
        for grown in (self._grown_keys, self._grown_values):
            grown.select(rows)
        self.keys, self.values = self._grown_keys.states, self._grown_values.states


def growing_cache(states: StackedStates) -> Any:
    """Return a cache that holds ``states``."""
    cache = DynamicCache()
    cache.layers = [
        GrowingLayer(keys, values) for keys, values in zip(states.keys, states.values, strict=True)
    ]
    return cache


def let_grow(cache: Any) -> None:
    """Exchange the layers of a cache for such as grow in place, where they are of the usual kind.

    A layer that sees a window, or has no keys and values, stays what it is.
    """
    layers = getattr(cache, "layers", [])
    for index, layer in enumerate(layers):
        if type(layer) is DynamicLayer and layer.keys is not None and layer.values is not None:
            layers[index] = GrowingLayer(layer.keys, layer.values)


def select_rows(cache: Any, rows: Tensor) -> None:
    """Keep some of the sequences of a cache, by their indices (B',)."""
    if is_growing(cache):
        for layer in cache.layers:
            layer.select(rows)
    else:
        cache.reorder_cache(rows)


def is_growing(cache: Any) -> bool:
    """Return whether all layers grow in place, so that the states of a row can be taken out."""
    layers = getattr(cache, "layers", [])
    return bool(layers) and all(isinstance(layer, GrowingLayer) for layer in layers)
