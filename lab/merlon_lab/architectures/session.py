"""The shared part of session models: the next item of a sequence, learned causally or by hiding items (de Souza Pereira Moreira et al., 2021)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..blocks.sequence import SequenceInputs, SequenceOptions, last
from ..errors import LabError
from ..schema import Schema
from ..table import Table

Encoder = Callable[[Tensor, Tensor], Tensor]
"""(vectors `[n, length, dim]`, filled bool `[n, length]`) → states of the same shape."""


class SessionModel(nn.Module):
    """`query`: the lists of a session → `[n, dim]`; `item`: item ids → `[n, dim]`, the same vectors as the inputs. Their product is the logit."""

    def __init__(self, schema: Schema, options: SequenceOptions, encoder: Encoder):
        super().__init__()
        if options.masking not in ("causal", "masked"):
            raise LabError(f"`{options.masking}` is no way to train a session model. Choose `causal` or `masked`.")
        self.inputs = SequenceInputs(schema, options)
        self.encoder = encoder
        self.masked = options.masking == "masked"
        self.mask_rate = options.mask_rate
        self.dropout = nn.Dropout(options.dropout)
        self.query_columns = self.inputs.columns
        self.item_columns = (self.inputs.target,)

    def query(self, table: Table) -> Tensor:
        if not self.masked:
            vectors, filled = self.inputs(table)
            return last(self.encoder(vectors, filled), filled)
        # A hidden position after the last item: its output is the prediction.
        vectors, filled = self.inputs(table, self.inputs.length - 1)
        vectors = torch.cat([vectors, torch.zeros_like(vectors[:, :1])], dim=1)
        place = filled.sum(1, keepdim=True)
        places = torch.arange(self.inputs.length).unsqueeze(0)
        vectors = torch.where((places == place).unsqueeze(2), self.inputs.hidden, vectors)
        seen = places <= place
        return last(self.encoder(vectors, seen), seen)

    def item(self, table: Table) -> Tensor:
        return nn.functional.embedding(table[self.inputs.target.name], self.inputs.items)

    def examples(self, table: Table) -> tuple[Tensor, Tensor]:
        """While training: states `[m, dim]` and the item ids they should predict, int64 `[m]`."""
        if self.masked:
            vectors, filled = self.inputs(table)
            ids, _ = self.inputs.ids(table)
            hide = (torch.rand(ids.shape) < self.mask_rate) & filled
            # Each session hides something; half of them the last item, which is the position used for serving.
            at_last = torch.arange(ids.shape[1]) == (filled.sum(1, keepdim=True) - 1)
            hide |= at_last & filled & ((torch.rand(len(ids), 1) < 0.5) | ~hide.any(1, keepdim=True))
            vectors = torch.where(hide.unsqueeze(2), self.inputs.hidden, self.dropout(vectors))
            return self.encoder(vectors, filled)[hide], ids[hide]
        # One place more than is read: the last item is only a target.
        vectors, filled = self.inputs(table, self.inputs.length + 1)
        ids, _ = self.inputs.ids(table, self.inputs.length + 1)
        states = self.encoder(self.dropout(vectors[:, :-1]), filled[:, :-1])
        has_next = filled[:, 1:]
        return states[has_next], ids[:, 1:][has_next]
