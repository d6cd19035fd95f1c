"""Test a trained model on a corpus.        python -m numser.evaluate --help"""

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from numser.cli import Progress, command_line, confusion_table, offline_option, run, say
from numser.corpora import NAMES, READING, Corpus, listed, load_corpus, reading_options
from numser.errors import InputError
from numser.recipe import STANDARDISE

if TYPE_CHECKING:
    from numser.evaluation import Result

_EPILOG = """\
Labels that the model does not know must be mapped, each in an option of its own:
  --map joy=happiness       the corpus's joy is the model's happiness
  --map calm=               utterances labelled calm are left out

examples:
  python -m numser.evaluate --corpus ravdess --data path/to/ravdess --map calm=neutral --map surprise=
  python -m numser.evaluate runs/emodb-speaker03/model.npz --corpus emodb --data path/to/emodb --speakers 03
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    about = "Test a trained model on a corpus, of which it should not have heard anything before."
    p = command_line("evaluate", about, _EPILOG)
    p.add_argument("model", metavar="MODEL.npz", nargs="?", help="(default: the one that comes with numser)")
    p.add_argument("--corpus", metavar="NAME", required=True, help=", ".join(NAMES))
    p.add_argument("--data", metavar="DIR", help="the corpus's folder, or table's file")
    offline_option(p)
    reading_options(p)
    p.add_argument("--speakers", metavar="S,…", help="only utterances of these speakers")
    p.add_argument(
        "--standardise",
        choices=STANDARDISE,
        default="corpus",
        help="corpus: by what the model was trained on (default); speaker: each speaker by all of the speaker's own "
        "recordings here, whose labels are not looked at",
    )
    p.add_argument("--map", metavar="LABEL=LABEL", action="append", default=[], help="see below")
    p.add_argument(
        "--restrict", action="store_true", help="choose only among the labels that the corpus, mapped, has"
    )
    p.add_argument(
        "--out", type=Path, metavar="FILE.json", help="keep the result, and each utterance's, in this file"
    )
    return p


def main(argv: list[str] | None = None) -> int:
    """Test, and print the result."""
    args = parser().parse_intermixed_args(argv)
    from numser.files import check_place, write_json

    if args.out and args.out.exists():
        raise InputError(f"--out {args.out}: is already there; name another file")
    if args.out:
        check_place(args.out, "out")
    mapping = _mapping(args.map)
    import numpy as np

    from numser.dataset import prepare
    from numser.evaluation import test
    from numser.recogniser import load
    from numser.splits import speakers_of
    from numser.summary import summarise
    from numser.threads import available_cores

    recogniser = load(args.model)
    told = {name: getattr(args, name) for name in READING}
    corpus = load_corpus(args.corpus, None if args.data is None else Path(args.data), offline=args.offline, **told)
    progress = Progress()
    for finding in corpus.findings:
        progress.line(finding)
    speakers = args.speakers and speakers_of(args.speakers, corpus.utterances)
    if speakers:
        corpus = of_speakers(corpus, speakers)
    corpus, findings = mapped(corpus, mapping, recogniser.labels)
    for finding in findings:
        progress.line(finding)
    if _may_have_heard(recogniser.trained_on, corpus.name, speakers):
        progress.line(f"The model was trained on {recogniser.trained_on}: what it has heard before flatters it.")

    threads = available_cores()
    dataset = prepare(
        corpus,
        recogniser.features,
        threads,
        lambda done, of: progress.live(f"log-mels {done}/{of}"),
        recogniser.labels,
    )
    progress.clear()
    standardiser, by_speaker = recogniser.standardiser, args.standardise == "speaker"
    dataset = dataset.standardised(dataset.speakers_standardisers(standardiser) if by_speaker else standardiser)
    answers = sorted({u.label for u in corpus.utterances}) if args.restrict else None
    result = test(recogniser, dataset, np.arange(len(dataset.labels)), threads, answers, by_speaker)
    interval = summarise([result])["ua_interval"]
    about = {
        "ua_interval": interval,
        "model": args.model,
        "trained_on": recogniser.trained_on,
        "corpus": corpus.name,
        "corpus_identity": corpus.identity,
        "corpus_path": str(corpus.source.resolve()) if corpus.source else None,
        "map": mapping,
        "speakers": speakers,
        "among": answers,
        "standardise": args.standardise,
    }
    say(_report(result, interval))
    if by_speaker:
        say("Each speaker was standardised by all of the speaker's own recordings; no label was looked at.")
    if args.out:
        write_json(args.out, result.to_json() | about)
    return 0


def _may_have_heard(trained_on: str, corpus: str, speakers: list[str] | None) -> bool:
    """Whether a model was trained on this corpus, unless these are just the speakers that were kept from it."""
    name, _, split = trained_on.partition(", ")
    kept_out = split.removeprefix("speaker").split("-") if split.startswith("speaker") else []
    return name == corpus and not (speakers and set(speakers) <= set(kept_out))


def _mapping(options: list[str]) -> dict[str, str]:
    mapping = {}
    for option in options:
        label, sign, target = option.partition("=")
        if not sign or not label:
            raise InputError(f"--map {option}: should be the corpus's label, =, the model's, such as joy=happiness")
        if label in mapping:
            raise InputError(f"--map {option}: {label} is mapped twice; map it once")
        mapping[label] = target
    return mapping


def of_speakers(corpus: Corpus, speakers: list[str]) -> Corpus:
    """The corpus's utterances of these speakers.

    Raises      InputError: there is no such speaker
    """
    known = {u.speaker for u in corpus.utterances if u.speaker is not None}
    for speaker in speakers:
        if speaker not in known:
            raise InputError(
                f"--speakers {speaker}: there is no such speaker; the corpus has {', '.join(sorted(known)) or 'none'}"
            )
    return replace(corpus, utterances=[u for u in corpus.utterances if u.speaker in speakers])


def mapped(corpus: Corpus, mapping: dict[str, str], labels: tuple[str, ...]) -> tuple[Corpus, list[str]]:
    """The corpus with its labels mapped to a model's, and sentences on what was left out. An empty label leaves
    utterances out.

    Raises      InputError: a label that the model does not know is not mapped, or is mapped to another such; a label
                is mapped that the corpus does not have; nothing is left
    """
    known = f"the model knows {', '.join(labels)}"
    counts = Counter(u.label for u in corpus.utterances)
    for label, target in mapping.items():
        if label not in counts:
            raise InputError(f"--map {label}={target}: the corpus has no {label}; it has {', '.join(sorted(counts))}")
        if target and target not in labels:
            raise InputError(f"--map {label}={target}: {known}; map {label} to one of these, or to nothing: {label}=")
    if strange := sorted(label for label in counts if label not in labels and label not in mapping):
        raise InputError(
            f"--corpus {corpus.name}: {known}, and the corpus has {', '.join(strange)}; map each, as in "
            f'--map "{strange[0]}={labels[0]}", or leave it out: --map "{strange[0]}="'
        )
    kept = [replace(u, label=target) for u in corpus.utterances if (target := mapping.get(u.label, u.label))]
    if not kept:
        raise InputError(f"--map: leaves none of the corpus's {len(corpus.utterances)} utterances; keep some labels")
    left_out = Counter({label: counts[label] for label, target in mapping.items() if not target})
    sentences = [f"Left out {left_out.total()} utterances: {listed(left_out)}."] if left_out else []
    return replace(corpus, utterances=kept), sentences


def _report(result: "Result", interval: list[float]) -> str:
    from numser.summary import chance, remarks  # brings NumPy

    low, high = interval
    return "\n".join(
        [
            f"{len(result.utterances)} utterances:  UA {result.ua:.3f}  WA {result.wa:.3f}  "
            f"F1 {result.f1:.3f}  (UA by chance {chance([result]):.3f})",
            f"95 % interval of UA, over the utterances tested: {low:.3f} … {high:.3f}",
            *remarks([result]),
            "",
            confusion_table(result.labels, result.confusion),
        ]
    )


if __name__ == "__main__":
    run(main)
