"""Every architecture by name: what kind it is, what it is called with, how it is built."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from torch import nn

from ..blocks.sequence import SequenceOptions
from ..errors import LabError
from ..schema import Schema
from ..tasks.retrieval import RetrievalOptions
from .dcn_v2 import DCNOptions, DCNv2
from .deepfm import DeepFM
from .dlrm import DLRM
from .gpt2 import GPT2
from .gru import GRU
from .mf import MF, MFOptions
from .mlp import MLP, MLPOptions
from .mmoe import ExpertOptions, MMoE
from .ncf import NCF, NCFOptions
from .ple import PLE
from .two_tower import TowerOptions, TwoTower
from .wide_and_deep import WideAndDeep
from .xlnet import XLNet, XLNetOptions
from .youtube_dnn import YouTubeDNN

Kind = Literal["ranking", "pairs", "retrieval", "session", "factors", "forest"]
"""Kinds of architectures. The last two are trained by libraries of their own.

- ranking: rows with targets
- pairs: ids of a user and an item, with drawn negatives
- retrieval: two sides with an inner product
- session: the next item of a sequence
- factors: ALS
- forest: trees
"""
Name = Literal[
    "mlp", "wide_and_deep", "deepfm", "dlrm", "dcn_v2", "ncf", "mf", "two_tower", "youtube_dnn", "mmoe", "ple", "gru", "gpt2", "xlnet",
    "als", "xgboost", "lightgbm",
]  # fmt: skip


@dataclass(frozen=True)
class ALSOptions:
    dim: int = 64
    regularization: float = 0.05
    alpha: float = 1.0
    iterations: int = 15


@dataclass(frozen=True)
class ForestOptions:
    trees: int = 200
    depth: int = 6
    learning_rate: float = 0.1
    leaves: int = 31


@dataclass(frozen=True)
class Architecture:
    kind: Kind
    summary: str
    options: type[Any]
    build: Callable[[Schema, Any], nn.Module] | None = None
    targets: int | None = 1
    """For a ranking: maximum number of targets; none: any number."""
    retrieval: RetrievalOptions = RetrievalOptions()
    """Default loss and negatives."""


COSINES = RetrievalOptions("softmax", "in_batch", temperature=0.1)
ALL_ITEMS = RetrievalOptions("softmax", "all")

ARCHITECTURES: dict[Name, Architecture] = {
    "mlp": Architecture("ranking", "multi-layer perceptron", MLPOptions, MLP, None),
    "wide_and_deep": Architecture("ranking", "linear model beside a deep one", MLPOptions, WideAndDeep, None),
    "deepfm": Architecture("ranking", "factorisation machine beside a deep network", MLPOptions, DeepFM),
    "dlrm": Architecture("ranking", "pairwise inner products of embeddings", MLPOptions, DLRM, None),
    "dcn_v2": Architecture("ranking", "cross network beside or below a deep one", DCNOptions, DCNv2, None),
    "mmoe": Architecture("ranking", "several targets, shared experts, a gate for each", ExpertOptions, MMoE, None),
    "ple": Architecture("ranking", "several targets, shared and own experts in layers", ExpertOptions, PLE, None),
    "ncf": Architecture("pairs", "neural collaborative filtering (NeuMF) of ids", NCFOptions, NCF, retrieval=RetrievalOptions("logistic", "uniform", 4)),
    "mf": Architecture("retrieval", "matrix factorisation, BPR", MFOptions, MF, retrieval=RetrievalOptions("bpr", "uniform", 1)),
    "two_tower": Architecture("retrieval", "a tower for the user, one for the item", TowerOptions, TwoTower, retrieval=COSINES),
    "youtube_dnn": Architecture("retrieval", "a tower for the user's history, a vector for each item", TowerOptions, YouTubeDNN, retrieval=COSINES),
    "gru": Architecture("session", "GRU over the session's items", SequenceOptions, GRU, retrieval=ALL_ITEMS),
    "gpt2": Architecture("session", "causal transformer over the session's items", SequenceOptions, GPT2, retrieval=ALL_ITEMS),
    "xlnet": Architecture("session", "relative transformer over the session's items, trained by masking", XLNetOptions, XLNet, retrieval=ALL_ITEMS),
    "als": Architecture("factors", "alternating least squares (implicit)", ALSOptions),
    "xgboost": Architecture("forest", "gradient boosted trees (XGBoost)", ForestOptions),
    "lightgbm": Architecture("forest", "gradient boosted trees (LightGBM)", ForestOptions),
}
assert set(ARCHITECTURES) == set(get_args(Name)), "every name has an architecture"


def architecture(name: str) -> Architecture:
    for known, found in ARCHITECTURES.items():
        if known == name:
            return found
    raise LabError(f"`{name}` is no architecture. There are {', '.join(ARCHITECTURES)}.")
