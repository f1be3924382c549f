"""The training loop: batches → steps, a measurement after each epoch, and a stop when it no longer gets better."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from tqdm import tqdm

from .distributed import World, average_gradients, share_weights, total
from .errors import LabError
from .loader import Dataset, Loader
from .memory import keep_memory
from .table import rows_of
from .tasks.task import Task


@dataclass(frozen=True)
class TrainingOptions:
    epochs: int = 10
    batch: int = 1024
    """Rows of a step, over all processes."""
    lr: float = 1e-3
    weight_decay: float = 0.0
    patience: int = 3
    """Epochs without a better measurement before it stops; 0: never."""
    seed: int = 0
    schedule: str = "constant"
    """`constant` or `cosine`: what the learning rate does over the epochs."""
    precision: str = "float32"
    """Precision of the factors in products of matrices while training; `bfloat16` if the processor multiplies those. Weights and sums are float32."""


@dataclass(frozen=True)
class Epoch:
    number: int
    loss: float
    seconds: float
    rows_per_second: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class Trained:
    history: tuple[Epoch, ...]
    best: Epoch


def fit(task: Task, train: Dataset, valid: Dataset, options: TrainingOptions, world: World, on_epoch: Callable[[Epoch], None] = lambda _: None) -> Trained:
    """Trains in place; the model ends with the weights of its best epoch. Raises LabError, saying where, when a loss is no number."""
    keep_memory()
    torch.manual_seed(options.seed + world.rank)
    share_weights(task.model, world)
    loader = Loader(train, options.batch, seed=options.seed, rank=world.rank, world=world.size)
    optimisers = make_optimisers(task.model, options)
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(o, options.epochs) for o in optimisers] if options.schedule == "cosine" else []
    history: list[Epoch] = []
    best: Epoch | None = None
    weights = copy.deepcopy(task.model.state_dict())
    for number in range(1, options.epochs + 1):
        with products(options.precision):
            loss, seconds = _epoch(task, loader, optimisers, number, options, world)
        for schedule in schedules:
            schedule.step()
        task.model.eval()
        metrics = task.evaluate(valid)
        epoch = Epoch(number, loss, seconds, train.rows / seconds, metrics)
        history.append(epoch)
        on_epoch(epoch)
        value = metrics[task.monitor.name]
        if math.isnan(value):
            raise LabError(f"`{task.monitor.name}` cannot be measured: the held-out rows have one class only. Choose another split.")
        if task.monitor.better(value, best.metrics[task.monitor.name] if best else None):
            best, weights = epoch, copy.deepcopy(task.model.state_dict())
        elif options.patience and best and number - best.number >= options.patience:
            break
    task.model.load_state_dict(weights)
    task.model.eval()
    assert best is not None
    return Trained(tuple(history), best)


@contextmanager
def products(precision: str) -> Iterator[None]:
    """Products of float32 matrices round their factors to `precision` inside; on a processor without bfloat16 nothing changes."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium" if precision == "bfloat16" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def make_optimisers(model: nn.Module, options: TrainingOptions) -> list[torch.optim.Optimizer]:
    """Adam for weights that every step changes; its lazy form for large embedding tables, of which a step touches few rows."""
    large = {id(m.weight) for m in model.modules() if getattr(m, "sparse", False)}
    dense = [p for p in model.parameters() if p.requires_grad and id(p) not in large]
    sparse = [p for p in model.parameters() if id(p) in large]
    optimisers: list[torch.optim.Optimizer] = []
    if dense:
        optimisers.append(torch.optim.AdamW(dense, lr=options.lr, weight_decay=options.weight_decay, fused=True))
    if sparse:
        optimisers.append(torch.optim.SparseAdam(sparse, lr=options.lr))
    return optimisers


def _epoch(task: Task, loader: Loader, optimisers: list[torch.optim.Optimizer], number: int, options: TrainingOptions, world: World) -> tuple[float, float]:
    model = task.model
    model.train()
    summed = rows = 0.0
    started = time.perf_counter()
    steps = tqdm(loader, total=len(loader), desc=f"epoch {number:>3}/{options.epochs}", unit="batch", leave=False, disable=None if world.is_first else True)
    for step, batch in enumerate(steps, 1):
        loss = task.loss(batch)
        mine = rows_of(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise LabError(_where(model, value, number, step, batch))
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        if world.size > 1:
            average_gradients(model.parameters(), mine / total(mine, world), world)
        for optimiser in optimisers:
            optimiser.step()
        summed, rows = summed + value * mine, rows + mine
    return total(summed, world) / total(rows, world), time.perf_counter() - started


def _where(model: nn.Module, value: float, epoch: int, step: int, batch: dict[str, torch.Tensor]) -> str:
    broken = next((name for name, p in model.named_parameters() if not bool(torch.isfinite(p).all())), None)
    largest = max(((float(t.abs().max()), n) for n, t in batch.items() if t.is_floating_point() and len(t)), default=None)
    place = f"; weights `{broken}` are no numbers any more" if broken else ""
    column = f"; the batch's largest number is {largest[0]:.3g} in `{largest[1]}`" if largest else ""
    return (
        f"The loss is {value} in epoch {epoch}, batch {step}{place}{column}. Nothing was saved. Take a lower `--lr`, or normalise that column in the workflow."
    )
