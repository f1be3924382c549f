"""A run folder: the options, the progress, and the weights. One process at a time may write it."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .errors import LabError
from .training import Epoch


@contextmanager
def open_run(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Locks the folder for a training. Raises LabError where another one runs in it, or where a finished one would be lost."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a+")
    except OSError as error:
        raise LabError(f"{folder} cannot be a run folder: {error.strerror}. Choose another `--out`.") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise LabError(f"{folder} is in use by another training{_owner(lock.read())}. Wait for it, or choose another `--out`.") from error
        if (folder / "metrics.json").exists() and not overwrite:
            raise LabError(f"{folder} holds a finished run. Choose another `--out`, or write over it with `--overwrite`.")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        for name in ("metrics.json", "model.pt", "history.json", "curve.png"):
            (folder / name).unlink(missing_ok=True)
        yield folder
    finally:
        lock.close()


def _owner(text: str) -> str:
    return f" (process {text.strip()})" if text.strip() else ""


def write_json(path: Path, document: Any) -> None:
    """Whole or not at all."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, suffix=".tmp") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    os.replace(file.name, path)


def read_json(folder: Path, name: str) -> Any:
    path = folder / name
    if not path.exists():
        raise LabError(f"{folder} has no `{name}`: it is no finished run. Train one with `merlon-lab train … --out {folder}`.")
    return json.loads(path.read_text())


def save_weights(folder: Path, state: dict[str, Any]) -> None:
    temporary = folder / "model.pt.tmp"
    torch.save(state, temporary)
    os.replace(temporary, folder / "model.pt")


def draw_curve(path: Path, history: list[Epoch], metric: str) -> None:
    """Loss and the monitored metric by epoch, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, left = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
    numbers = [e.number for e in history]
    left.plot(numbers, [e.loss for e in history], color="tab:grey", marker="o", markersize=3, label="training loss")
    left.set(xlabel="epoch", ylabel="training loss")
    left.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    right = left.twinx()
    right.plot(numbers, [e.metrics[metric] for e in history], color="tab:blue", marker="o", markersize=3, label=metric)
    right.set_ylabel(metric, color="tab:blue")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
