"""A term for the position in which a row was shown. It explains logged clicks and is not served."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..table import Table

POSITIONS = 100
"""Positions with a value of their own; those beyond share the last one."""
CERTAIN = 20.0
"""Logit of position 1, which is always examined."""


class PositionTerm(nn.Module):
    """A model of rows, with a value for each position beside it. Calling it returns the model's own logits, so what is served has no position.

    - examination: `P(click) = σ(e[position]) · σ(logit)`, with `σ(e[1]) = 1` (Richardson et al., 2007). Both are trained jointly, as in PAL (Guo et al., 2019)
    - additive: the position changes the logit, `logit + b[position]`, with `b[1] = 0` (the shallow tower of Zhao et al., 2019)
    """

    def __init__(self, model: nn.Module, column: str, kind: str, targets: int):
        super().__init__()
        self.model, self.column, self.kind = model, column, kind
        # Half of the views beyond the first position are examined, until the data shows otherwise.
        self.values = nn.Parameter(torch.zeros(targets, POSITIONS - 1))

    def forward(self, inputs: Table) -> Tensor:
        logits: Tensor = self.model(inputs)
        return logits

    def of(self, batch: Table) -> Tensor:
        """The value of each row's position, `[n, targets]`."""
        first = self.values.new_full((len(self.values), 1), CERTAIN if self.kind == "examination" else 0.0)
        place = batch[self.column].long().clamp(max=POSITIONS) - 1
        return torch.cat([first, self.values], dim=1)[:, place].T

    def click_loss(self, logits: Tensor, position: Tensor, labels: Tensor) -> Tensor:
        """Binary cross-entropy of examined clicks `[n]`, from a target's logits, values of positions and labels `[n]`."""
        seen, unseen = functional.logsigmoid(position), functional.logsigmoid(-position)
        clicked = seen + functional.logsigmoid(logits)
        # 1 − σ(e)·σ(x) = (1 − σ(e)) + σ(e)·(1 − σ(x)), whose logarithm is exact also where the product is nearly 1.
        passed = torch.logaddexp(unseen, seen + functional.logsigmoid(-logits))
        return -(labels * clicked + (1 - labels) * passed)

    def learned(self) -> list[list[float]]:
        """For each target the values of the positions: probabilities of examination, or logits."""
        values = torch.cat([self.values.new_full((len(self.values), 1), CERTAIN if self.kind == "examination" else 0.0), self.values], dim=1).detach()
        answer: list[list[float]] = (values.sigmoid() if self.kind == "examination" else values).tolist()
        return answer


def position_of(model: Any) -> PositionTerm | None:
    return model if isinstance(model, PositionTerm) else None
