"""The output of the command: a line for each epoch, and metrics as a table."""

from collections.abc import Mapping, Sequence

from .training import Epoch


def print_epoch(epoch: Epoch, monitor: str) -> None:
    print(f"epoch {epoch.number:>3}   loss {epoch.loss:.4f}   {monitor} {epoch.metrics[monitor]:.4f}   {epoch.rows_per_second:>10,.0f} rows/s", flush=True)


def print_metrics(metrics: Mapping[str, float], title: str) -> None:
    print(f"\n{title}")
    width = max(len(name) for name in metrics)
    for name, value in metrics.items():
        print(f"  {name:<{width}}  {value:.4f}")


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """A Markdown table whose columns line up; all but the first are aligned right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    pad = [lambda text, w: text.ljust(w), *([lambda text, w: text.rjust(w)] * (len(head) - 1))]
    line = lambda cells: "| " + " | ".join(p(c, w) for p, c, w in zip(pad, cells, widths)) + " |"  # noqa: E731
    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *(line(row) for row in rows)])
