"""A multi-layer perceptron."""

from collections.abc import Sequence

from torch import nn


def mlp(sizes: Sequence[int], dropout: float = 0.0, *, activate_last: bool = False) -> nn.Sequential:
    """Linear layers with ReLU and dropout between them; none after the last, unless asked."""
    layers: list[nn.Module] = []
    for width, out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(width, out), nn.ReLU()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
    if not activate_last:
        while not isinstance(layers[-1], nn.Linear):
            layers.pop()
    return nn.Sequential(*layers)
