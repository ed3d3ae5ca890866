"""How many flipped test labels triage finds in the committed baseline: `python tests/benchmarks/triage.py [DRAWS]`."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

import workbench as wb

SHARE = 0.05


def draw(session: wb.Session, seed: int) -> tuple[float, float]:
    """Flip labels at random, to any other class; return the share of them that is found, and of what is found."""
    chance, dataset = np.random.default_rng(seed), session.dataset
    rows = chance.choice(len(dataset), round(SHARE * len(dataset)), replace=False)
    labels = dataset.labels.copy()
    classes = len(dataset.class_names)
    labels[rows] = (labels[rows] + chance.integers(1, classes, len(rows))) % classes
    flipped = wb.Session(session.run, replace(dataset, labels=labels), train=session.train, cache=False)
    flipped._predictions = wb.Predictions(session.predictions.logits, labels)
    errors = flipped.analyze("triage").tables["errors"]
    found = errors["row"][errors["group"] == "likely wrong label"].to_numpy()
    return float(np.isin(rows, found).mean()), float(np.isin(found, rows).mean())


def main() -> None:
    """Print a line for each draw, and the range of both shares."""
    opened = wb.open_session("baseline")
    shares = []
    for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        shares.append(draw(opened, seed))
        print(f"seed {seed}: {shares[-1][0]:.1%} of the flipped labels found, {shares[-1][1]:.1%} of the found flipped")
    low, high = np.min(shares, axis=0), np.max(shares, axis=0)
    print(f"found {low[0]:.1%} to {high[0]:.1%}, of which flipped {low[1]:.1%} to {high[1]:.1%}")


if __name__ == "__main__":
    main()
