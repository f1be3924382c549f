"""`python -m merlon_lab.rival.throughput`: rows a second of training and of loading, beside RecBole and DeepCTR-Torch, alternating in one run.

Each side runs in a process of its own, with the memory settings that it makes, on as many threads as `--threads` says. Data: made, ids skewed as in a
shop, of two shapes: ids and numbers, and ids alone. RecBole gives a number a vector as long as an id's, the others (and the paper) the number itself. With numbers, its crosses are therefore wider than ours, so `width` is printed beside each rate. Rates are medians of the rounds.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow as pa
import torch

from ..report import table
from .sides import DEEP, Works, deepctr, make_rows, ours, recbole

SIDES: dict[str, Callable[[pa.Table, list[int], Path], Works]] = {"merlon-lab": ours, "RecBole": recbole, "DeepCTR-Torch": deepctr}
PAIRS = (
    ("loader", "loader", {"RecBole": "its loader", "DeepCTR-Torch": "its loader"}),
    ("dcn_v2", "dcn_v2", {"RecBole": "DCNV2", "DeepCTR-Torch": "DCN"}),
    ("dcn_v2 bfloat16", "dcn_v2", {"RecBole": "DCNV2", "DeepCTR-Torch": "DCN"}),
    ("dlrm", "dlrm", {"RecBole": "PNN"}),
)
"""Our work, theirs, and its name there."""
Seconds = tuple[float, float]
"""Frequencies of the processor and of the clock."""


def answer(side: str, shape: tuple[int, int, int], threads: int, asked: Connection) -> None:
    """In a process of its own: the seconds of each requested work; none for work that this side lacks."""
    torch.set_num_threads(threads)
    sys.argv = sys.argv[:1]  # RecBole reads them, too
    data, sizes = make_rows(*shape)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where RecBole leaves its logs
        works = SIDES[side](data, sizes, Path(folder))
        while work := asked.recv():
            processor, clock = time.process_time(), time.perf_counter()
            if work in works:
                works[work]()
            asked.send((time.process_time() - processor, time.perf_counter() - clock) if work in works else None)
        os.chdir("/")


def measure(shape: tuple[int, int, int], threads: int, rounds: int) -> dict[tuple[str, str], Seconds]:
    """(side, work) → medians, the sides in turn and one at a time."""
    spawn = multiprocessing.get_context("spawn")
    asked: dict[str, Connection] = {}
    for side in SIDES:
        asked[side], its_end = spawn.Pipe()
        spawn.Process(target=answer, args=(side, shape, threads, its_end), daemon=True).start()
        its_end.close()
    seconds: dict[tuple[str, str], list[Seconds]] = {}
    for turn in range(rounds + 1):
        for work in ("loader", "dcn_v2", "dcn_v2 bfloat16", "dlrm"):
            for side, pipe in asked.items():
                pipe.send(work)
                took = pipe.recv()
                if turn and took:  # the first round warms up
                    seconds.setdefault((side, work), []).append(took)
    for pipe in asked.values():
        pipe.send("")
    return {key: (statistics.median(t[0] for t in took), statistics.median(t[1] for t in took)) for key, took in seconds.items()}


def width(side: str, fields: int, numbers: int) -> int:
    """Width of DCN-v2's crosses: its products of matrices are quadratic in it."""
    dim = int(DEEP["embedding_size"])
    return dim * fields + (dim if side == "RecBole" else 1) * numbers


def rates(shape: tuple[int, int, int], seconds: dict[tuple[str, str], Seconds]) -> list[list[str]]:
    """A table's rows: each of our works beside each rival's."""
    rows, fields, numbers = shape
    found = []
    for mine, theirs, names in PAIRS:
        for rival, name in names.items():
            (our_cpu, our_clock), (their_cpu, their_clock) = seconds["merlon-lab", mine], seconds[rival, theirs]
            widths = "" if theirs != "dcn_v2" else f"{width('merlon-lab', fields, numbers)} / {width(rival, fields, numbers)}"
            found.append([
                f"{fields} ids, {numbers} numbers", mine, f"{rival}: {name}", widths, f"{rows / our_cpu:,.0f}", f"{rows / their_cpu:,.0f}",
                f"{their_cpu / our_cpu:.2f}×", f"{rows / our_clock:,.0f}", f"{rows / their_clock:,.0f}", f"{their_clock / our_clock:.2f}×",
            ])  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="merlon_lab.rival.throughput", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--shapes", nargs="+", default=["16,4", "20,0"], metavar="IDS,NUMBERS")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of each side (1)")
    given = parser.parse_args()
    rows: list[list[str]] = []
    for text in given.shapes:
        fields, numbers = (int(n) for n in text.split(","))
        shape = (given.rows, fields, numbers)
        rows += rates(shape, measure(shape, given.threads, given.rounds))
    print(f"threads of each side: {given.threads}")
    columns = ["ours a CPU second", "theirs", "ratio", "ours a second", "theirs", "ratio"]
    print(table(rows, ["data", "merlon-lab", "beside", "widths", *columns]))


if __name__ == "__main__":
    main()
