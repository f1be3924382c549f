"""Parts that architectures are made of."""
