"""The four stages as an engineer writes them by hand in one Python model: features in dicts and arrays, onnxruntime, faiss, sampling in numpy.

Vocabularies are applied to the items once, when the model loads; that is work a workflow does for each request.
"""
import os

import numpy as np
import triton_python_backend_utils as pb_utils

TOPK, TAKE, TEMPERATURE = 100, 10, 20.0


class TritonPythonModel:
    def initialize(self, args):
        import json

        import faiss
        import onnxruntime as ort

        folder = json.loads(args["model_config"])["parameters"]["folder"]["string_value"]
        load = lambda name, dtype: np.fromfile(os.path.join(folder, name), dtype=dtype)
        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(os.path.join(folder, "flat.faiss"))
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        open_model = lambda name: ort.InferenceSession(os.path.join(folder, name), options, providers=["CPUExecutionProvider"])
        self.tower, self.ranker = open_model("tower.onnx"), open_model("ranker.onnx")
        age, city = load("users.age.f32", np.float32), load("users.city.i64", np.int64)
        purchased = load("users.purchased.i64", np.int64).reshape(len(age), -1)
        self.users = {
            i + 1: {"age": (age[i] - age.mean()) / age.std(), "city": city[i] + 3, "purchased": purchased[i]} for i in range(len(age))
        }
        self.price = np.log1p(load("items.price.f32", np.float32))
        self.category, self.brand = load("items.category.i64", np.int64) + 3, load("items.brand.i64", np.int64) + 3
        self.random = np.random.default_rng()

    def recommend(self, user_id):
        user = self.users[int(user_id)]
        query = self.tower.run(None, {"city": np.array([user["city"]]), "age": np.array([user["age"]], np.float32)})[0]
        _, ids = self.index.search(query, TOPK)
        ids = ids[0][~np.isin(ids[0], user["purchased"])]
        n, at = len(ids), ids - 1
        feeds = {
            "item_id": ids + 2,
            "category": self.category[at],
            "brand": self.brand[at],
            "city": np.full(n, user["city"]),
            "price": self.price[at],
            "age": np.full(n, user["age"], np.float32),
        }
        scores = self.ranker.run(None, feeds)[0][:, 0]
        keys = TEMPERATURE * scores - np.log(-np.log(self.random.random(n)))
        best = np.argsort(-keys)[:TAKE]
        return ids[best], scores[best]

    def execute(self, requests):
        responses = []
        for request in requests:
            users = pb_utils.get_input_tensor_by_name(request, "user_id").as_numpy().reshape(-1)
            made = [self.recommend(user) for user in users]
            responses.append(
                pb_utils.InferenceResponse(
                    output_tensors=[
                        pb_utils.Tensor("ordered_ids", np.stack([ids for ids, _ in made]).astype(np.int64)),
                        pb_utils.Tensor("ordered_scores", np.stack([scores for _, scores in made]).astype(np.float32)),
                    ]
                )
            )
        return responses
