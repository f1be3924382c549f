"""Do 20,000 sampled orders agree with the formula? Sampling k of n without replacement, with weights exp(T s)."""

import numpy as np

TEMPERATURE = 4.0
"""Temperature of the drawing ensemble: low enough for every candidate to have a chance."""
TOPK = 10
SEEDS = 1000
SIMULATED = 60_000
FEWEST = 20
"""Candidates expected less often than this are counted together."""


def inclusion_report(server, model: str, users: list[int], answers: list) -> dict:
    """Chi-square over all users, of how often each candidate is among the first k, and of how often it is the very first."""
    draws = np.stack([server.ask(model, users, seed=seed)["ordered_ids"] for seed in range(SEEDS)])
    generator = np.random.default_rng(7)
    included, first = [], []
    for u, answer in enumerate(answers):
        place = {int(i): n for n, i in enumerate(answer.filtered)}
        seen = np.vectorize(place.__getitem__)(draws[:, u, :])
        log_weights = TEMPERATURE * answer.scores.astype(np.float64)
        included.append(inclusion_statistic(seen, log_weights, generator))
        first.append(first_statistic(seen[:, 0], log_weights))
    return {"draws": SEEDS * len(users), "included": total(included), "first": total(first)}


def inclusion_statistic(seen: np.ndarray, log_weights: np.ndarray, generator: np.random.Generator) -> tuple[float, int]:
    """Candidates of one draw exclude each other, so the statistic uses their covariance, simulated by the exponential race."""
    n = len(log_weights)
    groups, count = rare_together(np.exp(log_weights - log_weights.max()), len(seen))
    race = generator.exponential(size=(SIMULATED, n)) / np.exp(log_weights - log_weights.max())
    simulated = indicators(np.argpartition(race, TOPK, axis=1)[:, :TOPK], groups, count)
    observed = indicators(seen, groups, count)
    difference = observed.mean(0) - simulated.mean(0)
    covariance = np.cov(simulated.T) * (1 / len(seen) + 1 / SIMULATED)
    # Exactly k are drawn, so the counts of all groups have a fixed sum: one of them says nothing new.
    difference, covariance = difference[:-1], covariance[:-1, :-1]
    return float(difference @ np.linalg.solve(covariance, difference)), count - 1


def first_statistic(first: np.ndarray, log_weights: np.ndarray) -> tuple[float, int]:
    """The first of an order is drawn by softmax: Pearson's statistic."""
    weights = np.exp(log_weights - log_weights.max())
    groups, count = rare_together(weights, len(first))
    expected = np.bincount(groups, weights / weights.sum(), count) * len(first)
    observed = np.bincount(groups[first], minlength=count)
    return float(((observed - expected) ** 2 / expected).sum()), count - 1


def rare_together(weights: np.ndarray, draws: int) -> tuple[np.ndarray, int]:
    """Group of each candidate, and the number of groups: the light ones are put together until each group is drawn often enough."""
    order = np.argsort(weights)
    share = weights / weights.sum() * draws
    groups, group, filled = np.empty(len(weights), dtype=int), 0, 0.0
    for position, candidate in enumerate(order):
        groups[candidate] = group
        filled += share[candidate]
        if filled >= FEWEST and share[order[position + 1 :]].sum() >= FEWEST:
            group, filled = group + 1, 0.0
    return groups, group + 1


def indicators(chosen: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """`[draws, k]` candidates → `[draws, groups]`: number of each group."""
    table = np.zeros((len(chosen), count))
    np.add.at(table, (np.arange(len(chosen))[:, None], groups[chosen]), 1)
    return table


def total(parts: list[tuple[float, int]]) -> dict:
    """Statistics of independent users add up. `z` is the distance of the sum from its expectation in standard deviations (Wilson, Hilferty)."""
    statistic, freedom = sum(p[0] for p in parts), sum(p[1] for p in parts)
    z = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom))
    return {"chi_square": statistic, "degrees_of_freedom": freedom, "z": float(z)}
