"""`python -m merlon_lab.rival.compare`: our models beside RecBole's on MovieLens-100k. Each result is written to a file at once, and the table is made from the file."""

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from ..architectures import architecture
from ..loader import open_dataset
from ..metrics import auc, log_loss
from ..options import parse_options, plain
from ..report import table
from ..run import Recipe, build_model, needed_columns, task_of
from ..schema import Schema, read_schema, to_json, with_targets
from ..tasks.measure import measure
from ..tasks.ranking import RankingTask
from ..tasks.retrieval import RetrievalTask
from ..tasks.session import SessionTask, without_last
from ..training import TrainingOptions, fit
from .recbole_runs import Trained, write_atomic

OURS = {"float32": "merlon-lab", "bfloat16": "merlon-lab bfloat16"}
"""The label of one of our results, by the precision of products while training."""
LENGTH = 10
PATIENCE = 4
"""RecBole's `stopping_step` of 3 lets three epochs without progress pass, and stops at the fourth."""


@dataclass(frozen=True)
class Match:
    """One of ours beside one of theirs, with the same sizes, learning rate, batch, most epochs and patience."""

    ours: str
    theirs: str
    kind: str
    """`ids`, `towers`, `ctr` or `session`: what both read, and how both are measured."""
    options: tuple[str, ...]
    settings: dict[str, Any]
    lr: float
    batch: int
    epochs: int
    retrieval: dict[str, Any]
    our_batch: int | None = None
    """Rows of ours that differ from rows of theirs."""
    weight_decay: float = 0.0
    """Our setting; theirs is in `settings`."""


def matches() -> list[Match]:
    deep = {"embedding_size": 16, "mlp_hidden_size": [64, 32], "dropout_prob": 0.2}
    ours_deep = ("dim=16", "hidden=64,32", "dropout=0.2")
    crosses = {**deep, "mixed": False, "structure": "parallel", "cross_layer_num": 3, "reg_weight": 0.0}
    return [
        Match("mf", "BPR", "ids", ("dim=64",), {"embedding_size": 64}, 3e-3, 2048, 40, {}),
        Match("deepfm", "DeepFM", "ctr", ours_deep, deep, 3e-3, 1024, 12, {}),
        # RecBole's perceptron has batch normalization as a regularizer; ours has none, and overfitted. Chosen by validation, seeds 1 to 3.
        Match("dcn_v2", "DCNV2", "ctr", ours_deep, crosses, 3e-3, 1024, 12, {}, weight_decay=1.0),
        Match(
            "ncf", "NeuMF", "ids", ("dim=64", "hidden=128,64", "dropout=0.1"),
            {"mf_embedding_size": 64, "mlp_embedding_size": 64, "mlp_hidden_size": [128, 64], "dropout_prob": 0.1}, 1e-3, 1024, 20, {"count": 1},
        ),
        Match(
            "two_tower", "DSSM", "towers", ("dim=32", "hidden=64", "out=32"),
            {"embedding_size": 32, "mlp_hidden_size": [64, 32], "dropout_prob": 0.0}, 3e-3, 1024, 15, {},
        ),
        Match(
            "gru", "GRU4Rec", "session", ("dim=64", "layers=1", f"length={LENGTH}", "dropout=0.2"),
            {"embedding_size": 64, "hidden_size": 64, "num_layers": 1, "dropout_prob": 0.2, "MAX_ITEM_LIST_LENGTH": LENGTH}, 3e-3, 512, 15, {},
            # A session of ours is ten places to learn from; each of theirs is a row of its own.
            our_batch=64,
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    match: str
    who: str
    seed: int
    metrics: dict[str, float]
    train_seconds: float
    """CPU time."""


class Bench:
    def __init__(self, work: Path):
        self.work = work
        self.files = work / "recbole"
        write_atomic(work, self.files)

    def schema(self, match: Match) -> Schema:
        if match.kind == "session":
            return read_schema(self.work / "etl" / "session")
        schema = read_schema(self.work / "etl" / "ratings")
        return with_targets(schema, ["liked"]) if match.kind == "ctr" else schema

    def data(self, match: Match, part: str) -> str:
        return str(self.work / "transformed" / f"{'sessions' if match.kind == 'session' else 'ratings'}-{part}.parquet")

    def ours(self, match: Match, seed: int, precision: str = "float32") -> Answer:
        found = architecture(match.ours)
        options = TrainingOptions(match.epochs, match.our_batch or match.batch, match.lr, match.weight_decay, PATIENCE, seed, precision=precision)
        training = asdict(options)
        retrieval = asdict(replace(found.retrieval, **match.retrieval))
        recipe = Recipe(
            match.ours, plain(parse_options(found.options, match.options)), training, "binary_cross_entropy", retrieval, [self.data(match, "train")], []
        )
        schema = needed_columns(recipe, self.schema(match))
        train, valid, test = (open_dataset(self.data(match, part), schema.columns) for part in ("train", "valid", "test"))
        torch.manual_seed(seed)
        task = task_of(replace(recipe, schema=to_json(schema)), schema, build_model(recipe, schema), train)
        started = time.process_time()
        fit(task, train, valid, options, _alone())
        seconds = time.process_time() - started
        return Answer(match.ours, OURS[precision], seed, task.evaluate(test), seconds)

    def theirs(self, match: Match, seed: int) -> Answer:
        settings = {**match.settings, "learning_rate": match.lr, "train_batch_size": match.batch, "epochs": match.epochs}
        trained = Trained(match.theirs, self.files, seed, settings, match.kind)
        return Answer(match.ours, "RecBole", seed, self._measure(match, trained), trained.seconds)

    def _measure(self, match: Match, trained: Trained) -> dict[str, float]:
        """Their scores in our order of users and items, and then our metric code."""
        found = architecture(match.ours)
        recipe = Recipe(match.ours, plain(found.options()), {}, "binary_cross_entropy", asdict(found.retrieval), [self.data(match, "train")], [])
        schema = needed_columns(recipe, self.schema(match))
        train, test = (open_dataset(self.data(match, part), schema.columns) for part in ("train", "test"))
        raw = pq.read_table(self.data(match, "test"))
        if match.kind == "ctr":
            labels = raw["liked"].to_numpy().astype(float)
            p = trained.score_rows(raw["user_key"].to_pylist(), raw["item_key"].to_pylist())
            return {"liked/auc": auc(p, labels), "liked/log_loss": log_loss(p, labels)}
        task = task_of(recipe, schema, build_model(recipe, schema), train)
        assert isinstance(task, RetrievalTask | SessionTask) and not isinstance(task, RankingTask)
        chunks: Iterator[Any] = task.ranked(test)
        if isinstance(task, SessionTask):
            names = _raw_ids(self.work / "sessions-train.parquet", Path(self.data(match, "train")))
            items = [names[int(i)] for i in task.catalogue.ids]
            all_sessions = pq.read_table(self.work / "sessions-test.parquet")["item_id"].to_pylist()
            _, targets = without_last(test.read_all(), task.item.name)
            kept = [s[:-1] for s, place in zip(all_sessions, task.catalogue.places(targets).tolist()) if place >= 0]
            scores = trained.score_sessions(kept, items, LENGTH)
        else:
            keys = pq.read_table(self.data(match, "train"))
            names = dict(zip(keys["item_id"].to_pylist(), keys["item_key"].to_pylist()))
            people = {
                **dict(zip(keys["user_id"].to_pylist(), keys["user_key"].to_pylist())),
                **dict(zip(raw["user_id"].to_pylist(), raw["user_key"].to_pylist())),
            }
            seen = [u for u, place in zip(raw["user_id"].to_pylist(), task.catalogue.places(torch.tensor(raw["item_id"].to_pylist())).tolist()) if place >= 0]
            scores = trained.score_all([people[u] for u in sorted(set(seen))], [names[int(i)] for i in task.catalogue.ids])
        return measure(_with_scores(chunks, scores))


def _with_scores(chunks: Iterator[Any], scores: torch.Tensor) -> Iterator[Any]:
    start = 0
    for ours, wanted, known in chunks:
        yield scores[start : start + len(ours)].float(), wanted, known
        start += len(ours)
    assert start == len(scores)


def _raw_ids(raw: Path, transformed: Path) -> dict[int, int]:
    """Encoded id → raw id, from a table before and after its workflow."""
    before, after = (pq.read_table(path)["item_id"].combine_chunks().flatten().to_pylist() for path in (raw, transformed))
    return dict(zip(after, before))


def _alone() -> Any:
    from ..distributed import World

    return World()


def read_answers(path: Path) -> list[Answer]:
    return [Answer(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


METRICS = {"ids": ("ndcg@10", "recall@10"), "towers": ("ndcg@10", "recall@10"), "session": ("ndcg@10", "recall@10"), "ctr": ("liked/auc", "liked/log_loss")}


def summary(answers: Sequence[Answer], precision: str = "float32") -> str:
    """The table: mean ± standard deviation over seeds."""
    rows, sides = [], (OURS[precision], "RecBole")
    for match in matches():
        for metric in METRICS[match.kind]:
            values = {who: [a.metrics[metric] for a in answers if a.match == match.ours and a.who == who] for who in sides}
            if not all(len(v) > 1 for v in values.values()):
                continue
            ours, theirs = values.values()
            means, deviations = ([f(v) for v in (ours, theirs)] for f in (statistics.mean, statistics.stdev))
            sign = -1 if metric.endswith("log_loss") else 1
            holds = sign * (means[0] - means[1]) >= -max(deviations)
            seconds = [statistics.mean(a.train_seconds for a in answers if a.match == match.ours and a.who == who) for who in sides]
            rows.append([
                f"{match.ours} / {match.theirs}", metric.removeprefix("liked/"),
                *(f"{m:.4f} ± {d:.4f}" for m, d in zip(means, deviations)), "yes" if holds else "no",
                *(f"{s:.0f} s" for s in seconds),
            ])  # fmt: skip
    return table(rows, ["ours / RecBole's", "metric", *sides, "not lower", "CPU time, ours", "RecBole's"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="merlon_lab.rival.compare", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="tables of `merlon_lab.movielens`, with etl/ and transformed/ beside them")
    parser.add_argument("--answers", type=Path, required=True, help="JSON lines; what is in it is not run again")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--only", nargs="*", help="names of ours")
    parser.add_argument("--who", choices=["merlon-lab", "RecBole"], help="one side alone")
    parser.add_argument("--precision", choices=list(OURS), default="float32", help="of our products of matrices while training")
    parser.add_argument("--table", action="store_true", help="print the table of the answers and run nothing")
    given = parser.parse_args()
    torch.set_num_threads(1)
    seeds = range(given.first, given.first + given.seeds)
    if not given.table:
        bench = Bench(given.work)
        sides = ((OURS[given.precision], partial(bench.ours, precision=given.precision)), ("RecBole", bench.theirs))
        done = {(a.match, a.who, a.seed) for a in read_answers(given.answers)}
        for seed in seeds:
            for match in matches():
                if given.only and match.ours not in given.only:
                    continue
                for who, run in sides:
                    if (match.ours, who, seed) in done or given.who not in (None, who.split()[0]):
                        continue
                    answer = run(match, seed)
                    with given.answers.open("a") as file:
                        file.write(json.dumps(asdict(answer)) + "\n")
                    print(
                        f"{match.ours:<10} {who:<10} seed {seed}  "
                        + "  ".join(f"{m} {answer.metrics[m]:.4f}" for m in METRICS[match.kind])
                        + f"  {answer.train_seconds:.0f} s",
                        flush=True,
                    )
    print(summary([a for a in read_answers(given.answers) if a.seed in seeds], given.precision))


if __name__ == "__main__":
    main()
