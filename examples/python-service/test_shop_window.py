"""Tests of shop_window.py against `npx merlon`: python -m unittest. MERLON_COMMAND and MERLON_REPOSITORY say what to run, and on what."""

import os
import re
import shlex
import subprocess
import unittest

from shop_window import products_for

COMMAND = shlex.split(os.environ.get("MERLON_COMMAND", "npx merlon"))
REPOSITORY = os.environ.get("MERLON_REPOSITORY", "model-repo")


class ShopWindow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ports = [f"--{name}-port=0" for name in ("http", "grpc", "metrics")]
        hosts = [f"--{name}-address=127.0.0.1" for name in ("http", "grpc", "metrics")]
        cls.server = subprocess.Popen(
            [*COMMAND, "serve", f"--model-repository={REPOSITORY}", *ports, *hosts],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        cls.address = None
        for line in cls.server.stdout:
            found = re.search(r"Started GRPCInferenceService at ([\d.]+:\d+)", line)
            cls.address = found.group(1) if found else cls.address
            if "Started Metrics Service" in line:
                return
        raise AssertionError("the server ended before it was ready")

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait(10)
        cls.server.stdout.close()

    def test_ten_products(self):
        self.assertEqual(len(products_for(self.address, 512300022)), 10)

    def test_no_product_twice(self):
        products = products_for(self.address, 512300042)
        self.assertEqual(len(set(products)), len(products))


if __name__ == "__main__":
    unittest.main()
