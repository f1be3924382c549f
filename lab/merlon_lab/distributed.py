"""Several processes under `torchrun`: each has its share of every batch, and gradients are averaged before each step."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class World:
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0


def join_world() -> World:
    """The world of `torchrun` in the environment; a single process without it."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return World()
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return World(dist.get_rank(), dist.get_world_size())


def leave_world() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def share_weights(model: nn.Module, world: World) -> None:
    """All start from the first process's weights."""
    if world.size > 1:
        for parameter in model.parameters():
            dist.broadcast(parameter.data, 0)


def average_gradients(parameters: Iterable[nn.Parameter], share: float, world: World) -> None:
    """Gradients become those of the whole batch. `share`: what part of it this process had."""
    if world.size == 1:
        return
    for parameter in parameters:
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        # gloo adds dense tensors; a sparse one has the width of a batch's touched rows, so it is made dense here.
        gradient = (gradient.to_dense() if gradient.is_sparse else gradient) * share
        dist.all_reduce(gradient)
        parameter.grad = gradient


def total(value: float, world: World) -> float:
    if world.size == 1:
        return value
    tensor: Tensor = torch.tensor(value, dtype=torch.float64)
    dist.all_reduce(tensor)
    return float(tensor)
