"""A multi-layer perceptron."""

from collections.abc import Sequence

from torch import nn

from .dropout import Dropout


def mlp(sizes: Sequence[int], dropout: float = 0.0, *, activate_last: bool = False) -> nn.Sequential:
    """Linear layers with ReLU between them, and optionally after the last; dropout before each, so that the model does not depend on a single input."""
    layers: list[nn.Module] = []
    for width, out in zip(sizes, sizes[1:]):
        layers += [*([Dropout(dropout)] if dropout > 0 else []), linear(width, out), nn.ReLU()]
    if not activate_last:
        layers.pop()
    return nn.Sequential(*layers)


def linear(width: int, out: int) -> nn.Linear:
    """Glorot's weights and no bias at the start, as in Merlin Models and RecBole. PyTorch's own are half as large, and slow the layers below."""
    layer = nn.Linear(width, out)
    nn.init.xavier_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
