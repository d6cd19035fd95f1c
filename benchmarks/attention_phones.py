"""Where does the attention lie in real speech: on vowels, consonants, pauses, stressed syllables?

    python -m numser.crossval --corpus emodb --data path/to/emodb --speakers --train-on-validation --out RUNS
    python benchmarks/attention_phones.py RUNS --data path/to/emodb

Emo-DB says by hand what is spoken when: phones (lablaut), and syllables with how much each is stressed (labsilb). The
time steps of each test utterance are put into classes by the label at their centre. For each class and emotion:

    share     the class's share of the time steps: what equal attention would give to it
    mass      the attention on it

The interval is of the mean difference mass − share over the speakers who were left out, by Student's t. A syllable is
called stressed from STRESSED on, of 0 to 3, as about every third is. What lies before the first label, behind the
full stop, and where ( or (gef stands (a pause, or a filled one) is pause. Written is results/attention_phones.json.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from measure import RESULTS, record

from numser.cli import run
from numser.corpora.xlabel import Label, read_labels
from numser.evaluation import TestedUtterance
from numser.runs.folder import RunFolder
from numser.summary import t_interval

STRESSED = 1.0
VOWELS = tuple("aeiouyEIOUYAV@269")  # a label's first letter, but for what a stop's closure or release begins with
CLASSES = ("vowels", "consonants", "pauses", "stressed syllables")


def class_of(second: float, phones: list[Label], last: list[str]) -> str:
    """Vowels, consonants or pauses. A label without a phone goes on with the phone before it."""
    now = "."
    for label, phone in zip(phones, last, strict=True):
        if label.start <= second < label.end:
            now = phone
    if now.startswith((".", "(")):
        return "pauses"
    return "vowels" if now.startswith(VOWELS) else "consonants"


def carried_on(phones: list[Label]) -> list[str]:
    """Each label's phone, or the phone before where it only says how that goes on (+hoe, −sth)."""
    carried, before = [], "."
    for label in phones:
        before = label.text if label.text.lstrip("+-_!") and label.text[0] not in "+-" else before
        carried.append(before.lstrip("_!"))
    return carried


def shares(u: TestedUtterance, phones: list[Label], syllables: list[Label]) -> dict[str, tuple[float, float]]:
    """Of each class its share of the steps, and the attention on it. No syllables: nothing is said of stress."""
    weights, seconds = np.array(u.attention), u.attention_seconds or []
    weights = weights / weights.sum()
    last = carried_on(phones)
    classes = np.array([class_of(second, phones, last) for second in seconds])
    found = {name: (float((classes == name).mean()), float(weights[classes == name].sum())) for name in CLASSES[:3]}
    if syllables:
        loud = [s for s in syllables if s.fields and s.fields[0] and float(s.fields[0]) >= STRESSED]
        inside = np.array([any(s.start <= second < s.end for s in loud) for second in seconds])
        found[CLASSES[3]] = float(inside.mean()), float(weights[inside].sum())
    return found


def main() -> None:
    """Print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", type=Path, help="a folder of numser.crossval --speakers")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="Emo-DB, with lablaut and labsilb")
    parser.add_argument("--out", type=Path, metavar="FILE", help="(default results/attention_phones.json)")
    args = parser.parse_args()
    by_speaker: dict = defaultdict(lambda: defaultdict(list))  # (emotion, class), speaker
    utterances = 0
    for folder in sorted(args.runs.glob("speaker*")):
        for u in RunFolder(folder).read_result().utterances:
            phones = read_labels(args.data / "lablaut" / f"{u.name}xx.lablaut")
            if not phones or not u.attention:
                continue
            utterances += 1
            for name, pair in shares(u, phones, read_labels(args.data / "labsilb" / f"{u.name}.labsilb")).items():
                for emotion in (u.truth, "all"):
                    by_speaker[emotion, name][u.speaker].append(pair)
    rows = []
    for (emotion, name), speakers in sorted(by_speaker.items(), key=lambda item: (item[0][1], item[0][0])):
        means = np.array([np.mean(pairs, axis=0) for pairs in speakers.values()])
        difference = means[:, 1] - means[:, 0]
        low, high = t_interval(difference)
        share, mass = means.mean(0)
        rows.append(
            {"class": name, "emotion": emotion, "share": share, "mass": mass, "low": low, "high": high}
            | {"utterances": sum(map(len, speakers.values())), "speakers": len(speakers)}
        )
    print("| class | emotion | share of time | attention | difference, 95 % interval over speakers |")
    print("|---|---|---|---|---|")
    for row in rows:
        interval = f"{row['mass'] - row['share']:+.3f} ({row['low']:+.3f} … {row['high']:+.3f})"
        print(f"| {row['class']} | {row['emotion']} | {row['share']:.3f} | {row['mass']:.3f} | {interval} |")
    args.out = args.out or RESULTS / "attention_phones.json"
    record(args, {"utterances": utterances, "stressed from": STRESSED}, {"rows": rows})


if __name__ == "__main__":
    run(main)
