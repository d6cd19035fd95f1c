from dataclasses import replace

import numpy as np
import pytest
from made_runs import LABELS, run_of
from made_runs import row as made_row

from numser.calibration import calibration, fitted_temperature
from numser.evaluation import Result, TestedUtterance
from numser.losses import softmax
from numser.recipe import NUMSER
from numser.training import final_params, initial_state


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_overconfident_answers_is_found(true):
    rng = np.random.default_rng(0)
    logits = 3 * rng.standard_normal((4000, 5))
    truth = np.array([rng.choice(5, p=p) for p in softmax(logits)])
    assert fitted_temperature(softmax(logits * true), truth) == pytest.approx(true, rel=0.06)


def test_a_cross_validation_is_told_what_would_have_been_right():
    rows = [made_row(f"u{i}", "anger", LABELS[i % 4 == 0], speaker="s") for i in range(40)]
    result = run_of(Result.of(LABELS, [TestedUtterance(**r) for r in rows]), fold=0)
    found = calibration([result])
    assert found["right"] == 0.75 and found["said"] == pytest.approx(np.mean([max(r["probabilities"]) for r in rows]))
    assert found["error"] == pytest.approx(abs(found["said"] - 0.75))


def test_a_network_is_made_with_a_temperature():
    state = initial_state(NUMSER, 3, 10)
    state.average["output.b"] += 1
    plain, surer = (final_params(replace(NUMSER, temperature=t), state) for t in (1.0, 0.5))
    for name, w in plain.items():
        np.testing.assert_allclose(surer[name], 2 * w if name.startswith("output.") else w, rtol=1e-6)
