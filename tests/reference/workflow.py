"""A fitted workflow in numpy: `workflow.json` and its Arrow files → a function from columns to columns. Shares no code with Merlon."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

Columns = dict[str, list]
"""Column name → one value per row; None is null."""

PADDING_NULL_RESERVED = 2


class Workflow:
    def __init__(self, folder: Path):
        self.plan = json.loads((folder / "workflow.json").read_text())
        self.vocabularies = {}
        for step in self.plan["steps"]:
            if step["op"] != "categorify":
                continue
            first = PADDING_NULL_RESERVED + step["params"]["numBuckets"]
            for name, state in step["state"]["columns"].items():
                table = pa.ipc.open_file(folder / state["vocabulary"]).read_all()
                self.vocabularies[step["id"], name] = {value: first + i for i, value in enumerate(table["value"].to_pylist())}

    def __call__(self, request: Columns) -> dict[str, np.ndarray]:
        made = {("request", column["name"]): list(request[column["name"]]) for column in self.plan["inputs"]}
        for step in self.plan["steps"]:
            for part in step.get("parts", [step]):
                self._run(part, made)
            if "parts" in step:  # steps fused into one, which is known by its answers
                for name, ref in step["params"]["outputs"].items():
                    made[step["id"], name] = made[ref["step"], ref["column"]]
        outputs = {}
        for output in self.plan["outputs"]:
            ref, schema = output["ref"], output["schema"]
            outputs[schema["name"]] = np.array(made[ref["step"], ref["column"]], dtype=schema["dtype"])
        return outputs

    def _run(self, step, made):
        for ref in step["inputs"]["input"]:
            values = made[ref["step"], ref["column"]]
            made[step["id"], ref["name"]] = getattr(self, "_" + step["op"])(step, ref["name"], values)

    def _fillMissing(self, step, name, values):
        fill = step["params"]["fillValue"]
        return [fill if _is_null(v) else v for v in values]

    def _clip(self, step, name, values):
        low, high = step["params"].get("min", -np.inf), step["params"].get("max", np.inf)
        return [None if _is_null(v) else min(max(v, low), high) for v in values]

    def _logOp(self, step, name, values):
        return list(np.log(np.array(values, dtype=np.float32) + np.float32(1)))

    def _normalize(self, step, name, values):
        state = step["state"]["columns"][name]
        return list((np.array(values, dtype=np.float64) - state["mean"]) / (state["std"] or 1.0))

    def _categorify(self, step, name, values):
        if step["params"]["numBuckets"] != 1:
            raise NotImplementedError("hashed out-of-vocabulary ids")
        vocabulary = self.vocabularies[step["id"], name]
        return [1 if _is_null(v) else vocabulary.get(v, 2) for v in values]

    def _hashBucket(self, step, name, values):
        if not values:
            return []
        hashes = pd.util.hash_array(np.array(values, dtype=object), categorize=False)
        return list((hashes % np.uint64(step["params"]["numBuckets"])).astype(np.int64))


def _is_null(value) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))
