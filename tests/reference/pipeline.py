"""The example's four stages in Python on the artefacts of a compiled repository: Feast's own reader, faiss, ONNX Runtime and numpy."""

import json
import os

os.environ.setdefault("FEAST_USAGE", "False")

from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import onnxruntime
from feast import FeatureStore

from workflow import Workflow

USER_FEATURES = ["favourite_brand", "favourite_category", "mean_price", "event_count", "purchased_ids"]
ITEM_FEATURES = ["brand", "category", "price", "popularity"]
TOPK = 100


@dataclass
class Answer:
    """The pipeline's results for one user, stage by stage."""

    candidates: np.ndarray
    distances: np.ndarray
    filtered: np.ndarray
    features: dict[str, list]
    scores: np.ndarray


class Pipeline:
    def __init__(self, repository: Path, entry: str):
        folder = repository / entry / "1"
        steps = json.loads((folder / "plan.json").read_text())["steps"]
        workflows = {step["params"]["path"]: (folder / step["artefacts"]["workflow"]).parent for step in steps if step["op"] == "transformWorkflow"}
        self.user_workflow, self.ranking_workflow = (Workflow(workflows[path]) for path in ("etl/user", "etl/ranking"))
        self.store = FeatureStore(str(next(folder.glob("features/*/feature_store.yaml")).parent))
        self.index = faiss.read_index(str(next(folder.glob("indexes/*.faiss"))))
        self.tower, self.ranker = (
            onnxruntime.InferenceSession(str(repository / f"{entry}_{name}" / "1" / "model.onnx"), providers=["CPUExecutionProvider"])
            for name in ("query_tower", "dlrm")
        )

    def answer(self, users: list[int]) -> list[Answer]:
        user = self._features("user_features", USER_FEATURES, "user_id", users)
        [queries] = self.tower.run(["query_embedding"], _feeds(self.tower, self.user_workflow(user)))
        distances, candidates = self.index.search(queries, TOPK)
        return [self._rank({name: column[i] for name, column in user.items()}, candidates[i], distances[i]) for i in range(len(users))]

    def _rank(self, user: dict, candidates: np.ndarray, distances: np.ndarray) -> Answer:
        found = candidates >= 0
        candidates, distances = candidates[found], distances[found]
        bought = set(user["purchased_ids"] or [])
        filtered = np.array([i for i in candidates if int(i) not in bought], dtype=np.int64)
        read = self._features("item_features", ITEM_FEATURES, "item_id", [int(i) for i in filtered])
        items = {name if name == "item_id" else f"item_{name}": column for name, column in read.items()}
        pairs = {**items, **{name: [value] * len(filtered) for name, value in user.items()}}
        [scores] = self.ranker.run(["purchase/binary_output"], _feeds(self.ranker, self.ranking_workflow(pairs)))
        return Answer(candidates, distances, filtered, items, scores[:, 0])

    def _features(self, view: str, names: list[str], key: str, keys: list[int]) -> dict[str, list]:
        return self.store.get_online_features([f"{view}:{name}" for name in names], [{key: k} for k in keys]).to_dict()


def _feeds(session: onnxruntime.InferenceSession, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {tensor.name: columns[tensor.name] for tensor in session.get_inputs()}


def greedy(answer: Answer) -> np.ndarray:
    """Ids by score, the best first; equal scores keep the order of retrieval."""
    return answer.filtered[np.argsort(-answer.scores.astype(np.float64), kind="stable")]
