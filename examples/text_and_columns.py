"""Predict from two columns of text, numbers and categories in one pipeline.

    python examples/text_and_columns.py [--model MODEL]

Needs pandas (extra ``examples``). Only the requests are from support_requests.csv. The script
invents the other columns and which requests are urgent. The rule uses the intent, the product and
the value of the order, but not the channel. Importances by column should show this.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from quickstart import read_requests
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skdistilbert import DistilBertEmbedder

FOOD = ["fresh strawberries", "a box of oysters", "frozen pizza", "goat's cheese", "rye bread"]
OTHER = ["a garden chair", "wireless headphones", "hiking boots", "a desk lamp", "a paperback"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    model = parser.parse_args().model
    table, is_urgent = invent_table()
    # All rows of one request are in the same part.
    splits = GroupShuffleSplit(test_size=0.4, random_state=0).split(table, groups=table["request"])
    train, test = next(splits)

    columns = ColumnTransformer(
        [
            ("request", DistilBertEmbedder(model), "request"),
            ("product", DistilBertEmbedder(model), "product"),
            ("channel", OneHotEncoder(sparse_output=False), ["channel"]),
            ("number", "passthrough", ["value"]),
        ],
    )
    pipeline = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=50, random_state=0))
    pipeline.fit(table.iloc[train], is_urgent[train])
    names = pipeline[:-1].get_feature_names_out()
    print(f"{len(names)} features: {names[0]}, ..., {names[-5]}, {names[-2]}, {names[-1]}")
    unseen = table.iloc[test]
    probabilities = pipeline.predict_proba(unseen)[:, 1]
    print(f"ROC AUC of unseen requests: {roc_auc_score(is_urgent[test], probabilities):.2f}")

    importances = permutation_importance(
        pipeline, unseen, is_urgent[test], scoring="roc_auc", n_repeats=5, random_state=0
    )
    print("Decrease of the ROC AUC if a column is shuffled:")
    for column in np.argsort(-importances.importances_mean):
        mean, deviation = importances.importances_mean[column], importances.importances_std[column]
        print(f"  {table.columns[column]:<8} {mean:6.3f} +- {deviation:.3f}")


def invent_table() -> tuple[pd.DataFrame, np.ndarray]:
    """Return five rows of each request with invented columns, and whether a row is urgent."""
    rng = np.random.default_rng(0)
    requests, intents = (np.repeat(column, 5) for column in read_requests())
    table = pd.DataFrame(
        {
            "request": requests,
            "product": rng.choice(FOOD + OTHER, len(requests)),
            "channel": rng.choice(["chat", "mail", "phone"], len(requests)),
            "value": rng.lognormal(3, 1, len(requests)).round(2),
        }
    )
    score = 2.0 * (intents == "delivery") + 2.0 * table["product"].isin(FOOD)
    score += 1.5 * (table["value"] > 25) + rng.logistic(scale=0.3, size=len(requests))
    return table, np.asarray(score > 2.5)


if __name__ == "__main__":
    main()
