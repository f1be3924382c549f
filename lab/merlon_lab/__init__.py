"""Trains recommender models from a fitted Merlon workflow and exports them to ONNX."""

import os

# ONNX Runtime's packages since 1.29 report their use to its maker, from a thread that can end a process as it exits. A value in the environment is kept.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
