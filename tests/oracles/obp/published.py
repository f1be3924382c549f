"""The Open Bandit Pipeline's published errors of its estimators, with the sample and the reward model of each run.

    /tmp/obp/bin/python tests/oracles/obp/published.py      # with the environment of generate.py

Data, base model and seeds are those of examples/obd in zr-obp. The uniform policy in campaign `all` has the log, and 30 bootstrap samples of it
have the seeds 0 to 29. A logistic regression is fitted in three folds. The evaluated policy is Bernoulli Thompson sampling by a million draws.

Writes tests/fixtures/obp/published.json. A sample is a count of each row, by fold. A reward model is the coefficients of each fold and position.
Nothing is rounded.
"""
import base64
import json
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from environment import OpenBanditDataset, ope  # noqa: E402
import numpy as np  # noqa: E402
from obp.policy import BernoulliTS  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import KFold  # noqa: E402

OUT = Path(__file__).parents[2] / "fixtures" / "obp" / "published.json"
SEED = 12345
RUNS = 30
FOLDS = 3
LAMBDAS = [10, 50, 100, 500, 1000, 5000, 10000, np.inf]
PUBLISHED = {
    "dm": (0.156876, 0.109898),
    "ipw": (0.311082, 0.311170),
    "snipw": (0.311795, 0.334736),
    "dr": (0.292464, 0.315485),
    "sndr": (0.302407, 0.328434),
    "switch-dr": (0.258410, 0.160598),
    "dr-os": (0.159520, 0.109660),
}
LOG = OpenBanditDataset(behavior_policy="random", campaign="all")


def estimators():
    return [
        ope.DirectMethod(),
        ope.InverseProbabilityWeighting(),
        ope.SelfNormalizedInverseProbabilityWeighting(),
        ope.DoublyRobust(),
        ope.SelfNormalizedDoublyRobust(),
        ope.SwitchDoublyRobustTuning(lambdas=LAMBDAS),
        ope.DoublyRobustWithShrinkageTuning(lambdas=LAMBDAS),
    ]


class Kept(ope.RegressionModel):
    """Keeps the models of each fold."""

    def fit(self, **kwargs):
        super().fit(**kwargs)
        self.folds = [
            *getattr(self, "folds", []),
            [[*model.coef_[0].tolist(), float(model.intercept_[0])] for model in self.base_model_list],
        ]


def run(task):
    seed, policy, truth = task
    sample = LOG.sample_bootstrap_bandit_feedback(random_state=seed)
    rows = sample["n_rounds"]
    drawn = np.random.RandomState(seed).choice(np.arange(rows), size=rows, replace=True)
    assert (sample["action"] == LOG.action[drawn]).all() and (sample["reward"] == LOG.reward[drawn]).all()
    model = Kept(
        n_actions=LOG.n_actions,
        len_list=LOG.len_list,
        action_context=LOG.action_context,
        base_model=LogisticRegression(max_iter=10000, C=100, random_state=SEED),
    )
    rewards = model.fit_predict(
        **{key: sample[key] for key in ["context", "action", "reward", "position", "pscore"]},
        n_folds=FOLDS,
        random_state=SEED,
    )
    compared = estimators()
    evaluation = ope.OffPolicyEvaluation(bandit_feedback=sample, ope_estimators=compared)
    given = {
        "action_dist": np.tile(policy, (rows, 1, 1)),
        "estimated_rewards_by_reg_model": rewards,
    }
    values = evaluation.estimate_policy_values(**given)
    errors = evaluation.evaluate_performance_of_estimators(ground_truth_policy_value=truth, metric="relative-ee", **given)
    folds = [test for _, test in KFold(n_splits=FOLDS, shuffle=True, random_state=SEED).split(sample["context"])]
    counts = np.stack([np.bincount(drawn[test], minlength=rows) for test in folds]).astype(np.uint8)
    found = {}
    for one in compared:
        name = one.estimator_name
        found[name] = {"value": float(values[name]), "relativeError": float(errors[name])}
        if hasattr(one, "best_hyperparam"):
            found[name]["lambda"] = "Infinity" if np.isinf(one.best_hyperparam) else float(one.best_hyperparam)
    return {
        "seed": seed,
        "counts": base64.b64encode(zlib.compress(counts.tobytes(), 9)).decode(),
        "models": model.folds,
        "expected": found,
    }


def main():
    np.random.seed(SEED)
    bts = BernoulliTS(
        n_actions=LOG.n_actions, len_list=LOG.len_list, random_state=SEED, is_zozotown_prior=True, campaign="all"
    )
    policy = bts.compute_batch_action_dist(n_sim=1000000)[0]
    truth = float(OpenBanditDataset.calc_on_policy_policy_value_estimate(behavior_policy="bts", campaign="all"))
    with ProcessPoolExecutor(2) as pool:
        runs = list(pool.map(run, [(seed, policy, truth) for seed in range(RUNS)]))
    contexts, context = np.unique(LOG.context.astype(int), axis=0, return_inverse=True)
    errors = {name: [one["expected"][name]["relativeError"] for one in runs] for name in PUBLISHED}
    summary = {
        name: {
            "published": {"mean": PUBLISHED[name][0], "deviation": PUBLISHED[name][1]},
            "again": {"mean": float(np.mean(all)), "deviation": float(np.std(all, ddof=1))},
        }
        for name, all in errors.items()
    }
    document = {
        "truth": truth,
        "propensity": float(LOG.pscore[0]),
        "clicks": np.flatnonzero(LOG.reward).tolist(),
        "action": LOG.action.tolist(),
        "position": "".join(map(str, LOG.position)),
        "contexts": ["".join(map(str, one)) for one in contexts],
        "context": context.ravel().tolist(),
        "actionContext": LOG.action_context.tolist(),
        "policy": policy.tolist(),
        "runs": runs,
        "summary": summary,
    }
    assert (LOG.pscore == LOG.pscore[0]).all()
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(json.dumps(summary, indent=1), OUT.stat().st_size)


if __name__ == "__main__":
    main()
