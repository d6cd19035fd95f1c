#!/usr/bin/env bash
# statsmodels: annotators who did not vote are counted as ones who voted, for one emotion more.
#
# Guess, before running: aggregate_raters leaves out votes that are NaN, and then fleiss_kappa, which needs as many
# votes of each recording, refuses the table; or the NaN itself is refused.
#
# Seen, statsmodels 0.14.6; four emotions as numbers, 400 recordings, three votes each; krippendorff 0.9.0 beside it,
# which for so many is the same measure and leaves NaN out:
#
#                                                                       fleiss_kappa     krippendorff.alpha
#     all votes are there                                               0.47             0.47
#     a quarter of them is NaN, here and there                          0.23             0.46
#     six annotators, of whom three heard each half, NaN elsewhere      0.01             0.47
#
# NaN becomes a category of its own, the last, in which annotators agree or disagree as in any other. The documentation
# says that an exception is raised where data cannot be converted to whole numbers; it is, where emotions have names.
#
# For us: agreement on a corpus that was annotated in shifts comes out far too low, and with it the ceiling that a model
# is held against. Votes in numser's tables are shares of those who voted.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "statsmodels==0.14.6" "krippendorff==0.9.0" "numpy==2.2.6" "scipy==1.15.3" "pandas==2.3.3"
cat > probe.py <<'PYTHON'
from importlib.metadata import version

import krippendorff
import numpy as np
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

rng = np.random.default_rng(0)
heard = rng.integers(0, 4, 400)
votes = np.where(rng.random((400, 3)) < 0.7, heard[:, np.newaxis], rng.integers(0, 4, (400, 3))).astype(float)
missing = np.full((200, 3), np.nan)
some = np.where(rng.random(votes.shape) < 0.25, np.nan, votes)
crews = np.block([[votes[:200], missing], [missing, votes[200:]]])


def by_statsmodels(votes):
    table, categories = aggregate_raters(votes)
    print("categories", categories, "votes of a recording", sorted({int(n) for n in table.sum(axis=1)}), end="; ")
    return fleiss_kappa(table)


def by_krippendorff(votes):
    return krippendorff.alpha(reliability_data=votes.T, level_of_measurement="nominal")


print("statsmodels", version("statsmodels"), "krippendorff", version("krippendorff"))
for name, given, kappa, alpha in (
    ("all", votes, 0.47, 0.47),
    ("some missing", some, 0.23, 0.46),
    ("two crews", crews, 0.01, 0.47),
):
    found = by_statsmodels(given), by_krippendorff(given)
    print(f"{name}: statsmodels {found[0]:.2f}, krippendorff {found[1]:.2f}")
    assert np.allclose(found, (kappa, alpha), atol=0.01)
try:
    aggregate_raters(np.where(np.isnan(some), some.astype(object), "anger"))
    raise AssertionError("names beside NaN are taken")
except TypeError as error:
    print("names beside NaN:", error)
PYTHON
venv/bin/python probe.py
