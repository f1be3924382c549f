"""Compares a running server with the reference pipeline. Prints one JSON report; the test asserts what is in it.

python compare.py --repository DIR --grpc HOST:PORT --entry NAME --trace NAME --draw NAME --users FILE
"""

import argparse
import json
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton

from pipeline import Answer, Pipeline, greedy
from sampling import inclusion_report

PADDING = -1
BATCH = 32


class Server:
    def __init__(self, url: str):
        self.client = triton.InferenceServerClient(url)

    def ask(self, model: str, users: list[int], **parameters) -> dict[str, np.ndarray]:
        tensor = triton.InferInput("user_id", [len(users), 1], "INT64")
        tensor.set_data_from_numpy(np.array(users, dtype=np.int64)[:, None])
        response = self.client.infer(model, [tensor], parameters=parameters or None)
        return {output.name: response.as_numpy(output.name) for output in response.get_response().outputs}


def compare_user(mine: Answer, row: dict[str, np.ndarray], differences: dict[str, list]) -> None:
    """Adds what differs between the reference and one row of the traced answer."""
    user = int(row["user_id"][0])
    candidates = row["candidate_ids"][row["candidate_ids"] != PADDING]
    if not same_order(mine.candidates, candidates, mine.distances):
        differences["candidates"].append(user)
    count = len(mine.filtered)
    filtered = row["filtered_ids"][:count]
    if not (np.array_equal(sorted(filtered), sorted(mine.filtered)) and np.all(row["filtered_ids"][count:] == PADDING)):
        differences["filtered"].append(user)
        return
    # From here on by id: candidates of equal distance may have either order.
    place = {int(i): n for n, i in enumerate(filtered)}
    order = [place[int(i)] for i in mine.filtered]
    for name, wanted in mine.features.items():
        seen = row[name][:count][order]
        if not same_feature(wanted, seen):
            differences["features"].append([user, name])
    scores = row["scores"][:count][order]
    worst = float(np.abs(scores - mine.scores).max()) if count else 0.0
    differences["scores"].append(worst)
    ordered = row["ordered_ids"][: min(10, count)]
    if not same_order(greedy(mine)[: len(ordered)], ordered, np.sort(mine.scores)[::-1], 1e-5):
        differences["order"].append(user)


def same_order(wanted: np.ndarray, seen: np.ndarray, values: np.ndarray, tolerance: float = 1e-5) -> bool:
    """The same ids in the same order; where two swap places, their values must be as good as equal."""
    if len(wanted) != len(seen):
        return False
    value = dict(zip(wanted.tolist(), values.tolist()))
    return all(a == b or (b in value and abs(value[a] - value[b]) <= tolerance) for a, b in zip(wanted.tolist(), seen.tolist()))


def same_feature(wanted: list, seen: np.ndarray) -> bool:
    """Null arrives as NaN in floats and as an empty text in texts."""
    if seen.dtype == object:
        return [(w or "").encode() for w in wanted] == seen.tolist()
    if seen.dtype.kind == "f":
        return np.array_equal(np.array([np.nan if w is None else w for w in wanted], dtype=seen.dtype), seen, equal_nan=True)
    return np.array_equal(np.array(wanted, dtype=seen.dtype), seen)


def compare(server: Server, trace: str, users: list[int], answers: list[Answer], batch: int) -> dict:
    differences = {"candidates": [], "filtered": [], "features": [], "scores": [], "order": []}
    for start in range(0, len(users), batch):
        outputs = server.ask(trace, users[start : start + batch])
        for i, mine in enumerate(answers[start : start + batch]):
            compare_user(mine, {name: values[i] for name, values in outputs.items()}, differences)
    worst = max(differences.pop("scores"), default=None)
    return {"users": len(users), "batch": batch, "worst_score_difference": worst, **differences}


def reproducibility(server: Server, entry: str, users: list[int]) -> dict:
    """A seed fixes the order, independent of other users in the request; another seed gives another."""
    alone = [server.ask(entry, [user], seed=41)["ordered_ids"][0].tolist() for user in users]
    again = [server.ask(entry, [user], seed=41)["ordered_ids"][0].tolist() for user in users]
    together = server.ask(entry, users[::-1], seed=41)["ordered_ids"][::-1].tolist()
    other = server.ask(entry, users, seed=42)["ordered_ids"].tolist()
    return {
        "same_seed_same_order": alone == again,
        "batch_as_alone": alone == together,
        "users_another_seed_moves": sum(a != b for a, b in zip(alone, other)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--grpc", required=True)
    parser.add_argument("--trace", required=True, help="ensemble that answers what each stage made, ordered greedily")
    parser.add_argument("--draw", required=True, help="ensemble that samples at a low temperature")
    parser.add_argument("--entry", required=True)
    parser.add_argument("--users", type=Path, required=True, help="JSON list of user ids")
    arguments = parser.parse_args()

    server = Server(arguments.grpc)
    users = json.loads(arguments.users.read_text())
    pipeline = Pipeline(arguments.repository, arguments.entry)
    answers = [answer for start in range(0, len(users), BATCH) for answer in pipeline.answer(users[start : start + BATCH])]
    report = {
        "one_by_one": compare(server, arguments.trace, users, answers, 1),
        "in_batches": compare(server, arguments.trace, users, answers, BATCH),
        "candidates_per_user": float(np.mean([len(a.candidates) for a in answers])),
        "users_with_something_filtered": sum(len(a.candidates) > len(a.filtered) for a in answers),
        "seeds": reproducibility(server, arguments.entry, users[:20]),
        "sampling": inclusion_report(server, arguments.draw, users[:20], answers[:20]),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
