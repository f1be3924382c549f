"""One thread, so that sums are made in one order; and the folder of the tests on the path, for `made`."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)
