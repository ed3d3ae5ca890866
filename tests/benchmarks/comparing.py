"""How often a comparison cries wolf: pairs of models that differ by chance alone, and what each test says of them.

`python tests/benchmarks/comparing.py` makes 2,000 pairs: either model has the baseline's logits of drawn Fashion-MNIST
test images with noise of its own, so images are as hard for the one as for the other. It counts the pairs in which
McNemar's test, any class, any confused pair or any group of images comes out beyond chance (p < 0.05, Holm within each
kind). Groups are looked for in the first 200 pairs alone: that takes two seconds a pair, the others 0.04 s.
"""

from __future__ import annotations

import argparse

import numpy as np

KINDS = ("McNemar", "classes", "confused pairs", "groups")
NOISE = 1.0
"""Standard deviation of what either model's logits have of its own."""


def wolves(pairs: int, grouped: int, images: int, seed: int) -> dict[str, tuple[int, int]]:
    """Count the pairs in which something is said to differ, and those that were asked, by kind of test."""
    import workbench as wb
    from workbench.diagnosis.comparison import SURE, compare

    base = wb.open_session("baseline")
    chance = np.random.default_rng(seed)
    cried = dict.fromkeys(KINDS, 0)
    for done in range(pairs):
        rows = np.sort(chance.choice(len(base.dataset), images, replace=False))
        data, logits = base.dataset.subset(rows), base.predictions.logits[rows]
        said = [logits + chance.normal(0, NOISE, logits.shape).astype(np.float32) for _ in range(2)]
        first, second = (wb.Session(predictions=each, dataset=data, cache=False) for each in said)
        found = compare(first, second)
        adjusted = {
            "McNemar": [found.chance],
            "classes": found.classes["p_adjusted"],
            "confused pairs": found.pairs["p_adjusted"],
        }
        if done < grouped:
            adjusted["groups"] = [each.p_adjusted for each in found.moved]
        for kind, values in adjusted.items():
            cried[kind] += bool(np.nanmin([1.0, *values]) < SURE)
        if (done + 1) % 100 == 0:
            print(f"{done + 1:5d} pairs: {cried}", flush=True)
    asked = {kind: min(grouped, pairs) if kind == "groups" else pairs for kind in KINDS}
    return {kind: (cried[kind], of) for kind, of in asked.items() if of}


def main() -> None:
    """Count, and print each share with its interval."""
    from workbench.statistics.rates import rate

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--grouped", type=int, default=200, help="pairs in which groups are looked for, too")
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for kind, (count, of) in wolves(given.pairs, given.grouped, given.images, given.seed).items():
        print(f"{kind:15} {count:4d} of {of}: {rate(count, of)}")


if __name__ == "__main__":
    main()
