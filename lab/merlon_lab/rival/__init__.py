"""Comparison with RecBole: same split, same candidates, same metric code."""
