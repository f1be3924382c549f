"""pandas' hash of texts and numbers, which NVTabular's hashing builds on.

Pins: pandas 2. Run: python tests/oracles/nvtabular/pandas_hash.py > tests/fixtures/nvtabular/pandas-hash.json
"""
import json
import struct

import numpy as np
import pandas as pd

# Every length of a last block, and both sides of the sizes at which memory grows; one, two, three and four bytes a character.
texts = [letter * n for letter in "aü€😀" for n in [*range(0, 26), 170, 171, 341, 342, 512, 513, 1023, 1024, 1025, 3000]]
texts += ["".join(chr(97 + (i * j) % 26) for j in range(i)) for i in range(40)] + ["\0", "a\0", "\0a\0", "\ud7ff\ue000"]
columns = {
    "string": texts,
    "int8": np.array([-128, -1, 0, 1, 127], dtype="int8"),
    "uint8": np.array([0, 1, 128, 255], dtype="uint8"),
    "int16": np.array([-(2**15), -1, 0, 2**15 - 1], dtype="int16"),
    "uint16": np.array([0, 2**15, 2**16 - 1], dtype="uint16"),
    "int32": np.array([-(2**31), -1, 0, 1, 2**31 - 1], dtype="int32"),
    "uint32": np.array([0, 2**31, 2**32 - 1], dtype="uint32"),
    "int64": np.array([-(2**63), -1, 0, 1, 2**32, 2**53 + 1, 2**63 - 1], dtype="int64"),
    "uint64": np.array([0, 2**63, 2**64 - 1], dtype="uint64"),
    "float32": np.array([0.0, 1.0, -1.5, 3.4e38, 1e-45, np.nan, np.inf, -np.inf], dtype="float32"),
    "float64": np.array([0.0, 1.0, -1.5, 1.7e308, 5e-324, np.nan, np.inf, -np.inf], dtype="float64"),
}


def written(value):
    """Floats as their bits, which JSON has no NaN for."""
    if isinstance(value, np.floating):
        return struct.pack(">d", float(value)).hex()
    return value if isinstance(value, str) else str(value)


made = {}
for name, values in columns.items():
    # Among equal texts pandas would take one for another that differs behind a NUL.
    hashes = pd.util.hash_pandas_object(pd.Series(values), index=False, categorize=False)
    made[name] = [[written(value), str(code)] for value, code in zip(values, hashes)]
print(json.dumps(made, ensure_ascii=True, indent=0))
