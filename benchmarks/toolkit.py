"""How well a linear classifier on a toolkit's features recognises people it has not heard.

    pip install opensmile scikit-learn
    python benchmarks/toolkit.py --data path/to/emodb

openSMILE's ComParE_2016 functionals, 6,373 a recording, and a linear support vector machine; each speaker is left out
once, and the other nine train. Then the same with each speaker's features standardised by all of the speaker's own
recordings, whose labels are not looked at. Written is results/toolkit.json.
"""

import argparse
from pathlib import Path

import numpy as np

from numser.audio import SAMPLE_RATE, read_audio
from numser.corpora import load_corpus
from numser.files import write_json
from numser.metrics import confusion_matrix, unweighted_accuracy

RESULTS = Path(__file__).parent / "results"


def standardised_by(x: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Features (recordings, features), each speaker's with mean 0 and standard deviation 1."""
    y = np.empty_like(x)
    for speaker in np.unique(speakers):
        own = speakers == speaker
        y[own] = (x[own] - x[own].mean(0)) / (x[own].std(0) + 1e-9)
    return y


def left_out(x: np.ndarray, labels: np.ndarray, speakers: np.ndarray, C: float) -> dict[str, float]:
    """UA on each speaker, by a classifier that the others trained."""
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    uas = {}
    for speaker in np.unique(speakers):
        train, test = speakers != speaker, speakers == speaker
        scaler = StandardScaler().fit(x[train])
        machine = LinearSVC(C=C, class_weight="balanced", max_iter=3000, random_state=0)
        found = machine.fit(scaler.transform(x[train]), labels[train]).predict(scaler.transform(x[test]))
        counts = confusion_matrix(labels[test], found, labels.max() + 1)
        uas[str(speaker)] = round(unweighted_accuracy(counts), 4)
    return uas


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="Emo-DB's folder")
    parser.add_argument("--C", type=float, default=1e-3)
    args = parser.parse_args()
    import opensmile
    import sklearn

    smile = opensmile.Smile(opensmile.FeatureSet.ComParE_2016, opensmile.FeatureLevel.Functionals)
    utterances = load_corpus("emodb", args.data).utterances
    x = np.array([smile.process_signal(read_audio(u.path), SAMPLE_RATE).to_numpy()[0] for u in utterances])
    labels = np.unique([u.label for u in utterances], return_inverse=True)[1]
    speakers = np.array([u.speaker for u in utterances])
    found = {"alone": left_out(x, labels, speakers, args.C)}
    found["standardised by speaker"] = left_out(standardised_by(x, speakers), labels, speakers, args.C)
    for how, uas in found.items():
        print(f"{how}: UA {np.mean(list(uas.values())):.3f} ± {np.std(list(uas.values()), ddof=1):.3f}")
    versions = {"opensmile": opensmile.__version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__}
    write_json(RESULTS / "toolkit.json", {"C": args.C, "ua": found, "versions": versions})


if __name__ == "__main__":
    main()
