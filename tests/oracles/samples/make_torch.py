"""Files of PyTorch that tests/samples give for ONNX models.

    python tests/oracles/samples/make_torch.py      (torch, which the lab's Python has)
"""

from pathlib import Path

import torch

OUT = Path(__file__).parents[2] / "samples" / "artefacts" / "models"
model = torch.nn.Linear(2, 1)
torch.save(model.state_dict(), OUT / "state.pt")
torch.jit.script(model).save(str(OUT / "scripted.pt"))
