"""The command `merlon-lab train | evaluate | export | variants | baseline | table`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from .errors import LabError
from .options import count, number

TRAIN_EXAMPLES = """examples:
  merlon-lab train dlrm --schema etl/ranking --data 'train/*.parquet' --valid valid.parquet --target purchase --out runs/dlrm
  merlon-lab train mf --schema etl/pairs --data train.parquet --valid valid.parquet --out runs/mf --loss bpr --negatives popularity
  merlon-lab train gpt2 --schema etl/sessions --data train.parquet --valid valid.parquet --out runs/gpt2 --set layers=2 --set length=30
  torchrun --nproc-per-node 2 -m merlon_lab train dcn_v2 …    several processes, each with its share of every batch
  merlon-lab architectures                                     what there is, with all options

The schema is that of a workflow which `merlon fit` wrote: tags choose a model's inputs, domains size its embeddings. Targets are columns
tagged `target`, or those that `--target` names, such as `merlon transform --keep` carries along."""


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(
        prog="merlon-lab", description="Trains recommender models on a fitted Merlon workflow's data, measures them, exports them to ONNX."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter

    train = commands.add_parser("train", help="train a model into a run folder", formatter_class=raw, epilog=TRAIN_EXAMPLES)
    train.add_argument("architecture", help="see `merlon-lab architectures`")
    train.add_argument("--schema", type=Path, required=True, help="folder that `merlon fit` wrote")
    train.add_argument("--data", nargs="+", required=True, help="transformed Parquet: files, folders or quoted globs")
    train.add_argument("--valid", nargs="+", required=True, help="held-out Parquet of the same columns: decides when to stop")
    train.add_argument("--out", type=Path, required=True, help="run folder")
    train.add_argument("--target", action="append", default=[], metavar="NAME[:regression]", help="a target the schema does not tag; repeat for several")
    train.add_argument("--weight", metavar="COLUMN", help="sample weights, such as those of `merlon feedback join --negatives`")
    train.add_argument("--propensity", metavar="COLUMN", help="a row counts 1 / propensity: training data as if all candidates were shown alike")
    train.add_argument("--clip", type=number(1), default=100.0, help="largest 1 / propensity (100)")
    train.add_argument("--position", metavar="COLUMN", help="place of a row in its list, from 1: explained in training, left out of the model that is served")
    train.add_argument("--position-model", choices=["examination", "additive"], default="examination")
    train.add_argument("--loss", help="binary_cross_entropy, hinge (ranking); softmax, bpr, top1, logistic, hinge, adaptive_hinge (retrieval, sessions)")
    train.add_argument("--negatives", help="uniform, popularity, in_batch, cached, all")
    train.add_argument("--negative-count", type=count(), help="how many are drawn, or remembered")
    train.add_argument("--temperature", type=number(0, open_low=True), help="scores are divided by it")
    train.add_argument("--id-dropout", type=number(0, 1), default=0.0, help="part of the ids made unknown while training, for strangers")
    train.add_argument("--epochs", type=count(), default=10)
    train.add_argument("--batch", type=count(), default=1024, help="rows of a step, over all processes (1024)")
    train.add_argument("--lr", type=number(0, open_low=True), default=1e-3, help="learning rate (0.001)")
    train.add_argument("--weight-decay", type=number(0), default=0.0)
    train.add_argument("--schedule", choices=["constant", "cosine"], default="constant")
    train.add_argument(
        "--precision",
        choices=["float32", "bfloat16"],
        default="float32",
        help="of the factors in products of matrices; bfloat16 is faster on processors that multiply it (AVX-512 BF16, AMX), and changes nothing on others",
    )
    train.add_argument("--patience", type=count(0), default=3, help="epochs without progress before it stops; 0: never (3)")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="an option of the architecture: dim=32, hidden=64,32")
    train.add_argument("--overwrite", action="store_true", help="a finished run in the folder may be lost")

    evaluate = commands.add_parser("evaluate", help="measure a run on other data")
    evaluate.add_argument("run", type=Path)
    evaluate.add_argument("--data", nargs="+", required=True)

    export = commands.add_parser("export", help="write ONNX files, checked against PyTorch", formatter_class=raw, epilog=EXPORT_EXAMPLES)
    export.add_argument("run", type=Path)
    export.add_argument("--out", type=Path, required=True, help="folder for the files")
    export.add_argument("--precision", choices=["float32", "half", "int8"], default="float32")
    export.add_argument(
        "--items", type=Path, help="Parquet with the item's transformed columns: what embeddings are made of (else: the items of the training data)"
    )
    export.add_argument("--key", help="column of --items that identifies an item in the embeddings, such as its raw id")

    variants = commands.add_parser("variants", help="measure what half precision and int8 lose, on the exported files")
    variants.add_argument("runs", type=Path, nargs="+")
    variants.add_argument("--data", nargs="+", required=True, help="held-out Parquet, transformed")

    baseline = commands.add_parser("baseline", help="measure what a model has to beat: popularity, and a logistic regression of a target")
    baseline.add_argument("--schema", type=Path, required=True, help="folder that `merlon fit` wrote")
    baseline.add_argument("--data", nargs="+", required=True)
    baseline.add_argument("--valid", nargs="+", required=True)
    baseline.add_argument("--target", action="append", default=[], metavar="NAME", help="as for `train`; without one, items are ranked")
    baseline.add_argument("--out", type=Path, help="JSON file for `merlon-lab table --baseline`")

    standing = commands.add_parser("table", help="set finished runs side by side, with baselines")
    standing.add_argument("runs", type=Path, nargs="+")
    standing.add_argument("--baseline", type=Path, help="what `merlon-lab baseline --out` wrote")
    standing.add_argument("--metric", action="append", default=[], help="a column; the first one orders the rows")

    architectures = commands.add_parser("architectures", help="list architectures and their options")
    for command in (train, evaluate, export, variants, baseline, standing, architectures):
        command.add_argument("--threads", type=count(), default=1, help="of PyTorch; with one, the same seed gives the same model (1)")
    return top


EXPORT_EXAMPLES = """examples:
  merlon-lab export runs/dlrm --out models                  models/model.onnx, model.json
  merlon-lab export runs/two_tower --out models --items items.parquet --key item_key
                                                            query_tower.onnx, item_tower.onnx, item_embeddings.parquet for `merlon index build`
  merlon-lab export runs/dlrm --out models/int8 --precision int8"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; a mistake that the user can mend is printed, and ends with 1."""
    given = parser().parse_args(arguments)
    import torch

    torch.set_num_threads(given.threads)
    try:
        COMMANDS[given.command](given)
    except LabError as error:
        print(f"merlon-lab: {error}", file=sys.stderr)
        sys.exit(1)


def _train(given: argparse.Namespace) -> None:
    from .architectures import architecture
    from .distributed import join_world, leave_world
    from .logged import Logged
    from .options import parse_options, plain
    from .run import Recipe
    from .schema import read_schema, with_targets
    from .train import train
    from .training import TrainingOptions

    found = architecture(given.architecture)
    schema = with_targets(read_schema(given.schema), given.target)
    ranking = found.kind in ("ranking", "forest")
    asked = {
        "loss": None if ranking else given.loss,
        "negatives": given.negatives,
        "count": given.negative_count,
        "temperature": given.temperature,
        "id_dropout": given.id_dropout,
    }
    recipe = Recipe(
        architecture=given.architecture,
        options=plain(parse_options(found.options, given.set)),
        training={f.name: getattr(given, f.name) for f in fields(TrainingOptions)},
        loss=(given.loss if ranking else None) or "binary_cross_entropy",
        retrieval=asdict(replace(found.retrieval, **{k: v for k, v in asked.items() if v is not None})),
        data=given.data,
        schema=[],
        logged=Logged(given.weight, given.propensity, given.clip, given.position, given.position_model).plain(),
    )
    world = join_world()
    try:
        train(recipe, schema, given.valid, given.out, overwrite=given.overwrite, world=world)
    finally:
        leave_world()


def _evaluate(given: argparse.Namespace) -> None:
    from .evaluate import evaluate
    from .report import print_metrics

    print_metrics(evaluate(given.run, given.data), f"{given.run} on {' '.join(given.data)}")


def _export(given: argparse.Namespace) -> None:
    from .export.export import export

    for line in export(given.run, given.out, precision=given.precision, items=given.items, key=given.key):
        print(line)


def _variants(given: argparse.Namespace) -> None:
    from .export.compare import compare_precisions

    print(compare_precisions(given.runs, given.data))


def _baseline(given: argparse.Namespace) -> None:
    import json

    from .baseline import baselines
    from .report import print_metrics
    from .schema import read_schema, with_targets

    found = baselines(with_targets(read_schema(given.schema), given.target), given.data, given.valid)
    for name, metrics in found.items():
        print_metrics(metrics, name)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=2) + "\n")


def _table(given: argparse.Namespace) -> None:
    from .standings import standings

    print(standings(given.runs, given.baseline, given.metric))


def _architectures(given: argparse.Namespace) -> None:
    from .architectures import ARCHITECTURES

    for name, found in ARCHITECTURES.items():
        options = ", ".join(f"{f.name}={f.default}" for f in fields(found.options))
        print(f"{name:<14} {found.kind:<10} {found.summary}\n{'':<26}{options}")


COMMANDS = {
    "train": _train,
    "evaluate": _evaluate,
    "export": _export,
    "variants": _variants,
    "baseline": _baseline,
    "table": _table,
    "architectures": _architectures,
}
