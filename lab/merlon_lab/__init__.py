"""Trains recommender models from a fitted Merlon workflow and exports them to ONNX."""
