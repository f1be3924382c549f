"""`python -m merlon_lab --work DIR --out DIR`: trains the example's models."""

import argparse
from pathlib import Path

import torch

from .shop import train_ranking, train_retrieval


def main() -> None:
    parser = argparse.ArgumentParser(prog="merlon_lab", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="work folder of the demo: data/ and etl/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the ONNX files")
    parser.add_argument("--seed", type=int, default=2019)
    arguments = parser.parse_args()
    # One thread: the sums are then made in one order, and the same seed gives the same model.
    torch.set_num_threads(1)
    for train in (train_retrieval, train_ranking):
        torch.manual_seed(arguments.seed)
        train(arguments.work, arguments.out)


if __name__ == "__main__":
    main()
