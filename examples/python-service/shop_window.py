"""A service's call to a recommender, in Python, with the official client."""

import numpy as np
import tritonclient.grpc as triton


def products_for(address: str, user: int) -> list[int]:
    """The products to show a user, best first. Raises InferenceServerException."""
    client = triton.InferenceServerClient(address)
    user_id = triton.InferInput("user_id", [1, 1], "INT64")
    user_id.set_data_from_numpy(np.array([[user]], dtype=np.int64))
    answer = client.infer("recommend", [user_id], client_timeout=10.0)
    return answer.as_numpy("ordered_ids")[0].tolist()
