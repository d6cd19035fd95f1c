#!/usr/bin/env bash
# skl2onnx: neighbours that vote by their distance are exported as ones that all count the same.
#
# Guess, before running: what is converted without a word gives scikit-learn's probabilities, to float32's rounding; a
# setting that the converter does not know is refused.
#
# Seen, skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0; probability of the second of two classes at 0.5, 1.9,
# 2.5, 4 and 10, of points 0 and 1 of the first class, 3 and 7 of the second, three neighbours:
#
#     KNeighborsClassifier, weights="distance"      0.09   0.36   0.65   0.80   0.81
#     the same, as ONNX                             0.33   0.33   0.33   0.67   0.67
#     weights="uniform", either way                 0.33   0.33   0.33   0.67   0.67
#
#     five classes, 20 features, four neighbours: another label for 7 of 100; weights="uniform": for none
#     CalibratedClassifierCV, method="isotonic", one feature: up to 0.05 off; method="sigmoid": below 1e-6
#
# Distances are negative where the weights are made, so each is raised to the same smallest number before one is
# divided by it. Isotonic steps are taken at the nearest point, where scikit-learn draws a line between two. KNN
# regression loses its weights too. SVC, LinearSVC with sigmoid, LogisticRegression, MLP, LDA and forests were right.
#
# For us: who puts such a baseline beside numser.export's file compares numser with another model than was scored.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "skl2onnx==1.20.0" "scikit-learn==1.9.1" "onnx==1.23.2" "onnxruntime==1.32.0" "numpy==2.4.6"
cat > probe.py <<'PYTHON'
from importlib.metadata import version

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

onnxruntime.set_default_logger_severity(3)


def as_onnx(model, x):
    """What the exported model gives: labels and probabilities, or values."""
    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    content = to_onnx(model, x[:1], options=options).SerializeToString()
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, {"X": x})


print(*(f"{name} {version(name)}" for name in ("skl2onnx", "scikit-learn", "onnxruntime")))
points, classes = np.array([[0], [1], [3], [7]], np.float32), np.array([0, 0, 1, 1])
asked = np.array([[0.5], [1.9], [2.5], [4], [10]], np.float32)
weighted = KNeighborsClassifier(3, weights="distance").fit(points, classes)
uniform = KNeighborsClassifier(3).fit(points, classes)
right, found, unweighted = weighted.predict_proba(asked), as_onnx(weighted, asked)[1], uniform.predict_proba(asked)
print("weighted", right[:, 1].round(2), "as ONNX", found[:, 1].round(2), "unweighted", unweighted[:, 1].round(2))
assert np.allclose(right[:, 1], (0.09, 0.36, 0.65, 0.80, 0.81), atol=0.005)
assert np.allclose(found, unweighted, atol=1e-5) and np.allclose(as_onnx(uniform, asked)[1], unweighted, atol=1e-5)
regressor = KNeighborsRegressor(3, weights="distance").fit(points, classes.astype(np.float32))
assert np.allclose(regressor.predict(asked), right[:, 1], atol=1e-5)
assert np.allclose(as_onnx(regressor, asked)[0].ravel(), unweighted[:, 1], atol=1e-5)

rng = np.random.default_rng(0)
centres = rng.normal(size=(5, 20))
labels, others = rng.integers(0, 5, (2, 1000))
x, new = ((centres[c] + rng.normal(0, 1.6, (1000, 20))).astype(np.float32) for c in (labels, others))
for weights, least, most in ("distance", 0.02, 0.1), ("uniform", 0, 0.001):
    model = KNeighborsClassifier(4, weights=weights).fit(x[:400], labels[:400])
    differ = np.mean(model.predict(new) != as_onnx(model, new)[0])
    print(f"{weights}: another label for {differ:.3f}")
    assert least <= differ <= most

x = rng.normal(size=(300, 1)).astype(np.float32)
truth = (x[:, 0] + rng.normal(size=300) > 0).astype(int)
new = np.linspace(-3, 3, 1000, dtype=np.float32)[:, np.newaxis]
for method, least, most in ("isotonic", 0.05, 0.2), ("sigmoid", 0, 1e-5):
    model = CalibratedClassifierCV(LogisticRegression(), method=method, cv=2).fit(x, truth)
    apart = np.abs(model.predict_proba(new) - as_onnx(model, new)[1]).max()
    print(f"{method}: {apart:.1e} off")
    assert least <= apart <= most
PYTHON
venv/bin/python probe.py
