"""Transformer layers over `[n, length, dim]`: with learned places (GPT-2's form), or with distances (XLNet's form)."""

import math

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Every position attends to the positions that `allowed` (bool, broadcast to `[n, heads, length, length]`) allows.

    relative: adds a learned part by distance to each score, u·k and v·r as in Transformer-XL (Dai et al., 2019).
    """

    distance: Tensor
    waves: Tensor

    def __init__(self, dim: int, heads: int, length: int, *, relative: bool):
        super().__init__()
        self.heads, self.size = heads, dim // heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.relative = relative
        if relative:
            # Waves of unit size: where both the question and the distance start near zero, neither gives the other a gradient.
            self.register_buffer("waves", waves(2 * length - 1, dim), persistent=False)
            self.distances = nn.Linear(dim, dim, bias=False)
            self.content_bias = nn.Parameter(torch.zeros(heads, 1, self.size))
            self.distance_bias = nn.Parameter(torch.zeros(heads, 1, self.size))
            places = torch.arange(length)
            self.register_buffer("distance", places.unsqueeze(1) - places.unsqueeze(0) + length - 1, persistent=False)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        length = x.shape[1]
        q, k, v = (part.unflatten(2, (self.heads, self.size)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=2))
        if self.relative:
            r = self.distances(self.waves)[self.distance].unflatten(2, (self.heads, self.size)).permute(2, 0, 1, 3)
            by_distance = (r * (q + self.distance_bias).unsqueeze(3)).sum(4)
            scores = (q + self.content_bias) @ k.transpose(2, 3) + by_distance
        else:
            scores = q @ k.transpose(2, 3)
        scores = (scores / math.sqrt(self.size)).masked_fill(~allowed, -1e9)
        mixed = (torch.softmax(scores, dim=3) @ v).transpose(1, 2).reshape(-1, length, self.heads * self.size)
        answer: Tensor = self.out(mixed)
        return answer


def waves(places: int, dim: int) -> Tensor:
    """Sines and cosines of falling frequencies, `[places, dim]` (Vaswani et al., 2017): distances that are near look alike."""
    angles = torch.arange(places).unsqueeze(1) * torch.exp(torch.arange(0, dim, 2) * (-math.log(10_000) / dim))
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :dim]


class Layer(nn.Module):
    """Attention and a perceptron, each added to its input, normalized before (GPT-2) or after (XLNet)."""

    def __init__(self, dim: int, heads: int, length: int, dropout: float, *, relative: bool):
        super().__init__()
        self.attention = Attention(dim, heads, length, relative=relative)
        self.feed = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))
        self.dropout = nn.Dropout(dropout)
        self.norm_first = not relative

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        if self.norm_first:
            x = x + self.dropout(self.attention(self.norms[0](x), allowed))
            return x + self.dropout(self.feed(self.norms[1](x)))
        x = self.norms[0](x + self.dropout(self.attention(x, allowed)))
        normed: Tensor = self.norms[1](x + self.dropout(self.feed(x)))
        return normed
