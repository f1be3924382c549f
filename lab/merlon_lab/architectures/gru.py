"""GRU4Rec (Hidasi et al., 2016): a recurrent network over the items of a session."""

from torch import Tensor, nn

from ..blocks.sequence import SequenceOptions
from ..errors import LabError
from ..schema import Schema
from .session import SessionModel


class Recurrent(nn.Module):
    """`[n, length, dim]` → the same; it reads forwards, so what is not filled, at the end, changes nothing before it."""

    def __init__(self, options: SequenceOptions):
        super().__init__()
        self.gru = nn.GRU(options.dim, options.dim, options.layers, batch_first=True)
        self.out = nn.Linear(options.dim, options.dim)

    def forward(self, vectors: Tensor, filled: Tensor) -> Tensor:
        states: Tensor = self.out(self.gru(vectors)[0])
        return states


class GRU(SessionModel):
    def __init__(self, schema: Schema, options: SequenceOptions):
        if options.masking != "causal":
            raise LabError("A GRU reads forwards only: it is trained `causal`. Take `gpt2` or `xlnet` for `masked`.")
        super().__init__(schema, options, Recurrent(options))
