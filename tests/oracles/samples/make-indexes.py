"""Indexes of tests/samples that do not fit their feature store (faiss-cpu of tests/requirements.txt needed).
    python tests/oracles/samples/make-indexes.py
"""
from pathlib import Path

import faiss
import numpy as np

OUT = Path(__file__).resolve().parents[2] / "samples" / "artefacts" / "index"
vectors = np.sin(np.arange(160, dtype="float32")).reshape(40, 4)

# None, and 40 without ids: answers are positions.
faiss.write_index(faiss.IndexFlatIP(4), str(OUT / "empty.faiss"))
plain = faiss.IndexFlatIP(4)
plain.add(vectors)
faiss.write_index(plain, str(OUT / "positions.faiss"))

# Ids of items that the store has never had.
other = faiss.IndexIDMap(faiss.IndexFlatIP(4))
other.add_with_ids(vectors, np.arange(1000, 1040))
faiss.write_index(other, str(OUT / "other-items.faiss"))
