"""`merlon-lab table`: finished runs and baselines side by side, and by how much each run is better."""

import json
from collections.abc import Sequence
from pathlib import Path

from .baseline import Baselines
from .errors import LabError
from .report import table
from .run_folder import read_json

LOWER_IS_BETTER = ("log_loss", "rmse")
SHOWN = ("auc", "log_loss", "rmse", "ndcg@10", "recall@10", "recall@100")


def standings(runs: Sequence[Path], baseline: Path | None, metrics: Sequence[str] = ()) -> str:
    """A Markdown table: a row for each run, best first, then the baselines. The last columns have a run's lead over each baseline. Raises LabError."""
    measured = {run: read_json(run, "metrics.json")["best"] for run in runs}
    rivals = read_baselines(baseline) if baseline else {}
    names = list(metrics) or [name for name in next(iter(measured.values())) if name.split("/")[-1] in SHOWN]
    for run, values in measured.items():
        missing = [name for name in names if name not in values]
        if missing:
            raise LabError(f"{run} has no metric `{missing[0]}`; it has {', '.join(values)}. Compare runs of one kind, or name others with `--metric`.")
    first = names[0]
    sign = -1 if first.endswith(LOWER_IS_BETTER) else 1
    ahead = [name for name, values in rivals.items() if first in values]
    rows = []
    for run, values in sorted(measured.items(), key=lambda pair: -sign * pair[1][first]):
        gains = [f"{sign * (values[first] - rivals[name][first]):+.4f}" for name in ahead]
        rows.append([run.name, *(f"{values[name]:.4f}" for name in names), *gains])
    for rival, values in rivals.items():
        rows.append([rival, *(f"{values[name]:.4f}" if name in values else "" for name in names), *("" for _ in ahead)])
    return table(rows, ["model", *names, *(f"{first} over {name}" for name in ahead)])


def read_baselines(path: Path) -> Baselines:
    try:
        document: Baselines = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise LabError(f"{path} has no baselines: {error}. `merlon-lab baseline --out {path}` writes them.") from error
    return document
