"""The modules of obp that are used here. It imports PyTorch and plotting libraries for other parts: empty modules replace them."""
import logging
import sys
import types


class Unused:
    def __init__(self, *_, **__):
        pass


class Empty(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Unused


for name in ["torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils", "torch.utils.data", "matplotlib", "matplotlib.pyplot", "seaborn"]:
    sys.modules[name] = Empty(name)
    if "." in name:
        parent, child = name.rsplit(".", 1)
        setattr(sys.modules[parent], child, sys.modules[name])

from obp import ope  # noqa: E402, F401
from obp.dataset import OpenBanditDataset  # noqa: E402, F401

logging.disable(logging.INFO)
