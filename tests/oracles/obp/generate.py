"""Off-policy estimates of the Open Bandit Pipeline: on the logged rows of the Open Bandit Dataset that its package has, and on its synthetic data.

    python3.9 -m venv /tmp/obp
    /tmp/obp/bin/pip install 'setuptools<60' && /tmp/obp/bin/pip install --no-deps obp==0.5.7
    grep -v obp tests/oracles/obp/requirements.txt | /tmp/obp/bin/pip install -r /dev/stdin
    /tmp/obp/bin/python tests/oracles/obp/generate.py

Writes tests/fixtures/obp/{dataset,single,slate}.json. Inputs are rounded before obp reads them, so that the files are small and both sides
read the same numbers.
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from environment import OpenBanditDataset, ope  # noqa: E402
import numpy as np  # noqa: E402
from obp.dataset import (  # noqa: E402
    SyntheticBanditDataset,
    SyntheticSlateBanditDataset,
    logistic_reward_function,
)
from obp.policy import BernoulliTS  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

OUT = Path(__file__).parents[2] / "fixtures" / "obp"

SINGLE = [
    ("replay", {}, ope.ReplayMethod()),
    ("ips", {}, ope.InverseProbabilityWeighting()),
    ("ips", {"clip": 2.0}, ope.InverseProbabilityWeighting(lambda_=2.0)),
    ("snips", {}, ope.SelfNormalizedInverseProbabilityWeighting()),
    ("sg-ips", {"lambda": 0.25}, ope.SubGaussianInverseProbabilityWeighting(lambda_=0.25)),
    ("dm", {}, ope.DirectMethod()),
    ("dr", {}, ope.DoublyRobust()),
    ("dr", {"clip": 2.0}, ope.DoublyRobust(lambda_=2.0)),
    ("sndr", {}, ope.SelfNormalizedDoublyRobust()),
    ("switch-dr", {"tau": 1.5}, ope.SwitchDoublyRobust(lambda_=1.5)),
    ("dros", {"lambda": 3.0}, ope.DoublyRobustWithShrinkage(lambda_=3.0)),
    ("dros", {"lambda": 500.0}, ope.DoublyRobustWithShrinkage(lambda_=500.0)),
    ("sg-dr", {"lambda": 0.25}, ope.SubGaussianDoublyRobust(lambda_=0.25)),
]


def estimates(reward, action, position, pscore, action_dist, q_hat):
    rows = []
    for name, options, estimator in SINGLE:
        value = estimator.estimate_policy_value(
            reward=reward,
            action=action,
            position=position,
            pscore=pscore,
            action_dist=action_dist,
            estimated_rewards_by_reg_model=q_hat,
        )
        rows.append({"estimator": name, **options, "value": float(value)})
    return rows


def write(name, document):
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / f"{name}.json"
    file.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(file.name, file.stat().st_size, "bytes")


def digits(array, count):
    return np.round(np.asarray(array, dtype=float), count)


def dataset():
    """Both policies of the Open Bandit Dataset, each evaluated on the other's log. The reward model is obp's, by one feature of the user."""
    feedback = {}
    for policy in ["random", "bts"]:
        data = OpenBanditDataset(behavior_policy=policy, campaign="all")
        feedback[policy] = data.obtain_batch_bandit_feedback()
        feedback[policy]["user"] = data.data.user_feature_0.astype("category").cat.codes.to_numpy()
    bts = BernoulliTS(n_actions=80, len_list=3, is_zozotown_prior=True, campaign="all", random_state=12345)
    policies = {
        "bts": digits(bts.compute_batch_action_dist(n_sim=20000, n_rounds=1)[0], 6),
        "random": np.full((80, 3), 0.0125),
    }
    cases = []
    for logged, evaluated, rows in [("random", "bts", 10000), ("bts", "random", 5000)]:
        log = feedback[logged]
        reward, action, position, user = (log[key][:rows] for key in ["reward", "action", "position", "user"])
        pscore = digits(log["pscore"][:rows], 6)
        users = int(user.max()) + 1
        model = ope.RegressionModel(
            n_actions=80,
            len_list=3,
            base_model=LogisticRegression(C=1.0, max_iter=1000, random_state=12345),
        )
        model.fit(context=np.eye(users)[user], action=action, reward=reward, position=position)
        table = digits(model.predict(context=np.eye(users)), 7)
        dist = np.repeat(policies[evaluated][None], rows, axis=0)
        q_hat = table[user]
        # Ground truth: the mean reward that the evaluated policy had when it was served.
        truth = float(feedback[evaluated]["reward"].mean())
        found = estimates(reward, action, position, pscore, dist, q_hat)
        for row in found:
            row["relativeError"] = abs(row["value"] - truth) / truth
        cases.append(
            {
                "logged": logged,
                "evaluated": evaluated,
                "truth": truth,
                "clicks": np.flatnonzero(reward).tolist(),
                "action": action.tolist(),
                "position": "".join(map(str, position)),
                "user": "".join(map(str, user)),
                "propensity": 0.0125 if logged == "random" else pscore.tolist(),
                "policy": policies[evaluated].tolist(),
                "model": table.tolist(),
                "expected": found,
            }
        )
    write("dataset", cases)


def single():
    cases = []
    for seed in range(3):
        data = SyntheticBanditDataset(
            n_actions=5, dim_context=3, reward_function=logistic_reward_function, beta=1.0, random_state=seed
        ).obtain_batch_bandit_feedback(n_rounds=120)
        rng = np.random.default_rng(seed)
        dist = digits(rng.dirichlet(np.ones(5), size=120), 6)
        if seed == 2:
            dist = np.eye(5)[rng.integers(0, 5, size=120)]
        q_hat = digits(data["expected_reward"] + rng.normal(0, 0.2, size=(120, 5)), 5)
        pscore = digits(data["pscore"], 8)
        cases.append(
            {
                "reward": data["reward"].tolist(),
                "action": data["action"].tolist(),
                "propensity": pscore.tolist(),
                "policy": dist.tolist(),
                "model": q_hat.tolist(),
                "expected": estimates(
                    data["reward"],
                    data["action"],
                    np.zeros(120, dtype=int),
                    pscore,
                    dist[:, :, None],
                    q_hat[:, :, None],
                ),
            }
        )
    write("single", cases)


def slate():
    cases = []
    for seed, structure in enumerate(["standard_additive", "cascade_additive", "independent"]):
        source = SyntheticSlateBanditDataset(
            n_unique_action=5,
            len_list=3,
            dim_context=2,
            reward_type="binary" if seed else "continuous",
            reward_structure=structure,
            random_state=seed,
        )
        rounds = 60
        data = source.obtain_batch_bandit_feedback(n_rounds=rounds, return_pscore_item_position=True)
        rng = np.random.default_rng(seed)
        logit = digits(rng.normal(size=(rounds, 5)), 6)
        marks = source.obtain_pscore_given_evaluation_policy_logit(
            action=data["action"], evaluation_policy_logit_=logit, return_pscore_item_position=True
        )
        names = ["pscore", "pscore_item_position", "pscore_cascade"]
        behavior = {name: digits(data[name], 9) for name in names}
        evaluated = dict(zip(names, (digits(mark, 9) for mark in marks)))
        dist = digits(source.calc_evaluation_policy_action_dist(data["action"], logit), 7)
        q_hat = digits(rng.random(rounds * 15), 4)
        common = {key: data[key] for key in ["slate_id", "reward", "position"]}
        reward = digits(data["reward"], 6)
        common["reward"] = reward
        both = lambda name: {name: behavior[name], f"evaluation_policy_{name}": evaluated[name]}
        found = {
            "sips": ope.SlateStandardIPS(len_list=3).estimate_policy_value(**common, **both("pscore")),
            "iips": ope.SlateIndependentIPS(len_list=3).estimate_policy_value(**common, **both("pscore_item_position")),
            "rips": ope.SlateRewardInteractionIPS(len_list=3).estimate_policy_value(**common, **both("pscore_cascade")),
            "snsips": ope.SelfNormalizedSlateStandardIPS(len_list=3).estimate_policy_value(**common, **both("pscore")),
            "sniips": ope.SelfNormalizedSlateIndependentIPS(len_list=3).estimate_policy_value(
                **common, **both("pscore_item_position")
            ),
            "snrips": ope.SelfNormalizedSlateRewardInteractionIPS(len_list=3).estimate_policy_value(
                **common, **both("pscore_cascade")
            ),
            "cascade-dr": ope.SlateCascadeDoublyRobust(len_list=3, n_unique_action=5).estimate_policy_value(
                **common,
                **both("pscore_cascade"),
                action=data["action"],
                q_hat=q_hat,
                evaluation_policy_action_dist=dist,
            ),
        }
        cases.append(
            {
                "structure": structure,
                "reward": reward.tolist(),
                "action": data["action"].tolist(),
                "propensity": {name: behavior[name].tolist() for name in names},
                "policy": {name: evaluated[name].tolist() for name in names},
                "model": q_hat.tolist(),
                "policyOfAll": dist.tolist(),
                "logit": logit.tolist(),
                "expected": {name: float(value) for name, value in found.items()},
            }
        )
    write("slate", cases)


dataset()
single()
slate()
