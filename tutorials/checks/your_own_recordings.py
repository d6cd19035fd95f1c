"""Checks of lesson 12."""

import numpy as np

from checker import Wrong, exercise, parts, same


def _said(found, expected, what):
    """Compare texts, in order."""
    if not isinstance(found, list | tuple | np.ndarray):
        raise Wrong(f"{what} should be a list, found {type(found).__name__}.")
    found = list(map(str, found))
    if len(found) != len(expected):
        raise Wrong(f"{what} should be {len(expected)} texts, found {len(found)}.")
    if found != expected:
        k = next(k for k, (one, other) in enumerate(zip(found, expected, strict=True)) if one != other)
        raise Wrong(f"{what} has {found[k]!r} at [{k}], should be {expected[k]!r}. It should be {expected}.")


@exercise
def level_alone(answer):
    """Speakers of unlike loudness, some with other numbers of clips; then at random."""
    rng = np.random.default_rng(12)
    cases = [([-40.0, -30, -41, -31, -20, -10], list("asasas"), list("xxyyzz"))]
    for n in (9, 24):
        labels = [*"abc", *rng.choice(list("abc"), n - 3).tolist()]
        speakers = [*"xyz", *rng.choice(list("xyz"), n - 3).tolist()]
        cases.append(((rng.normal(-30, 6, n)).round(2).tolist(), [*labels, *"abc"], [*speakers, *"yzx"]))
        cases[-1][0].extend([-25.0, -31.5, -38.25])
    for levels, labels, speakers in cases:
        found = answer(np.array(levels), list(labels), list(speakers))
        _said(found, _nearest(levels, labels, speakers), f"level_alone({levels}, {labels}, {speakers})")


def _nearest(levels, labels, speakers):
    said = []
    for level, speaker in zip(levels, speakers, strict=True):
        distance = {}
        for label in sorted(set(labels)):
            of_it = [x for x, k, s in zip(levels, labels, speakers, strict=True) if k == label and s != speaker]
            if of_it:
                distance[label] = abs(np.mean(of_it) - level)
        said.append(min(distance, key=distance.get))
    return said


@exercise
def leaks(answer):
    """Names with underscores; the same name with another label or speaker; nothing; a piece on both sides."""
    cases = [
        (
            ["anna/anger/a_1.wav", "ben/anger/a_1.wav", "ben/anger/a_3.wav"],
            ["anna/anger/a_2.wav", "cem/anger/a_1.wav", "ben/sadness/a_2.wav"],
            (["anna/anger/a"], ["anna", "ben"]),
        ),
        (
            ["b/sad/my_dog_10.wav", "a/sad/x_2.flac"],
            ["b/sad/my_cat_2.wav", "a/sad/x_1.wav"],
            (["a/sad/x"], ["a", "b"]),
        ),
        (["a/sad/x_1.wav"], ["b/sad/x_2.wav"], ([], [])),
        (["d/s/v.2_1.wav", "c/s/y_1.wav"], ["c/s/y_1.wav", "d/s/v.2_2.wav"], (["c/s/y", "d/s/v.2"], ["c", "d"])),
    ]
    for train, test, expected in cases:
        what = f"leaks({train}, {test})"
        found = parts(answer(list(train), list(test)), what, "recordings", "speakers")
        for name, one, other in zip(("recordings", "speakers"), found, expected, strict=True):
            _said(one, other, f"The {name} of {what}")


@exercise
def clips_needed(answer):
    """Numbers that come out even are not asked, since rounding decides there."""
    for recall, classes, half_width in (
        (0.8, 3, 0.05),
        (0.9, 7, 0.1),
        (0.5, 2, 0.01),
        (0.33, 4, 0.3),
        (1.0, 3, 0.05),
    ):
        expected = max(1, int(np.ceil(1.96**2 * recall * (1 - recall) / (classes * half_width**2))))
        found = answer(recall, classes, half_width)
        same(found, float(expected), f"clips_needed({recall}, {classes}, {half_width})", tolerance=1e-9)
