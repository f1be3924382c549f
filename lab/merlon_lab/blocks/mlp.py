"""A multi-layer perceptron."""

from collections.abc import Sequence

from torch import nn


def mlp(sizes: Sequence[int], dropout: float = 0.0, *, activate_last: bool = False) -> nn.Sequential:
    """Linear layers with ReLU between them, and none after the last unless asked; dropout before each, so that no single input is leant on."""
    layers: list[nn.Module] = []
    for width, out in zip(sizes, sizes[1:]):
        layers += [*([nn.Dropout(dropout)] if dropout > 0 else []), nn.Linear(width, out), nn.ReLU()]
    if not activate_last:
        layers.pop()
    return nn.Sequential(*layers)
