"""Floats and the texts that Feast keeps beside them: Python's own.

Run: python tests/oracles/feast/float_texts.py > tests/fixtures/feast/float-texts.json
"""
import json
import random
import struct

random.seed(1)
values = [0.0, -0.0, 1.0, -1.0, 0.1, 1e16, 9999999999999998.0, 1e15, 123456789.125, 1e-4, 9.999e-5, 1e-5, 1e22, 1e21, 5e-324, 1.7976931348623157e308, 0.00012,
          0.001, 100.0, 1e100, -1e-7, 12345678901234567890.0, 2.5, 1 / 3]
values += [random.choice([1, -1]) * random.random() * 10 ** random.randint(-8, 20) for _ in range(300)]
values += [float(random.randint(-(10**17), 10**17)) for _ in range(60)]
bits = [struct.unpack("<d", random.randbytes(8))[0] for _ in range(60)]
values += [value for value in bits if value == value and abs(value) != float("inf")]
# The value as its bits, which JSON reads without rounding.
print("[" + ",\n".join(json.dumps([struct.pack(">d", value).hex(), str(value)]) for value in values) + "]")
