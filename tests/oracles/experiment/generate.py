"""Compares arms with SciPy and statsmodels: Welch's t, means of clustered requests, Pearson's chi-square, and tails of distributions.

    pip install -r tests/oracles/experiment/requirements.txt
    python tests/oracles/experiment/generate.py tests/fixtures/experiment
"""
import json
import sys
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from scipy import stats

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(5)


def welch(n0, n1, draw):
    """Rewards of two arms, and Welch's test at 95 %."""
    control, arm = draw(n0, 0.0), draw(n1, 0.1)
    test = stats.ttest_ind(arm, control, equal_var=False)
    interval = test.confidence_interval(0.95)
    return {
        "control": control.tolist(),
        "arm": arm.tolist(),
        "t": test.statistic,
        "df": test.df,
        "p": test.pvalue,
        "low": interval.low,
        "high": interval.high,
    }


def clustered(users):
    """Requests of users: their mean by least squares, and its standard error with the requests of a user correlated."""
    requests = random.geometric(0.4, users)
    taste = random.normal(0.3, 0.2, users)
    user = np.repeat(np.arange(users), requests)
    reward = np.round(np.clip(taste[user] + random.normal(0, 0.3, len(user)), 0, None), 3)
    fit = sm.OLS(reward, np.ones(len(reward))).fit(cov_type="cluster", cov_kwds={"groups": user, "use_correction": False})
    # statsmodels divides by the number of users, the delta method with sample moments by one less.
    error = fit.bse[0] * np.sqrt(users / (users - 1))
    return {"user": user.tolist(), "reward": reward.tolist(), "mean": fit.params[0], "error": error}


rounded = lambda values: np.round(values, 4)
cases = {
    "welch": [
        welch(2, 3, lambda n, shift: rounded(random.normal(shift, 1, n))),
        welch(40, 25, lambda n, shift: rounded(random.normal(shift, 1 + 3 * shift, n))),
        welch(300, 30, lambda n, shift: rounded(random.exponential(1 + shift, n))),
        welch(200, 200, lambda n, shift: (random.random(n) < 0.05 + shift).astype(float)),
    ],
    "clustered": [clustered(30), clustered(120)],
    "chisquare": [
        {"units": units, "weights": weights, "p": stats.chisquare(units, np.array(weights) / sum(weights) * sum(units)).pvalue}
        for units, weights in [([500, 500], [1, 1]), ([5100, 4900], [1, 1]), ([9010, 990], [0.9, 0.1]), ([300, 350, 340], [1, 1, 1]), ([900, 100], [1, 1]), ([10, 20, 30, 45], [1, 2, 3, 4])]
    ],
}
(out / "expected.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
