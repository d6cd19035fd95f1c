"""What the folders above recordings stand for: the label, the speaker, a part of a split, or nothing of these.

    anger/a.wav                     label
    0011/Angry/a.wav                speaker/label
    audio/train/Angry/a.wav         */split/label

It is seen by words that people use. A level of folders that are all called train, test or val is a split. The one
with the most names of emotions is the label; else the first that is no split, no speakers, and not called audio or
the like. Where no word helps, and the same folders are below each, either could be meant: then nobody guesses.
Speakers, by words or numbers, may also be below the label, if the same are below each.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median_high

from numser.corpora.recordings import plain, splits_of
from numser.errors import InputError

LABEL, SPEAKER, SPLIT, NOTHING = KINDS = ("label", "speaker", "split", "*")

_EMOTIONS = re.compile(
    r"afraid|amus(ed|ement)|ang(er|ry)?|annoy(ed|ance)|anxi(ety|ous)|bored(om)?|calm|confused|contempt|"
    r"dis(gust|gusted)?|disappoint(ed|ment)|exc(ited|itement)?|fea(r|rful)?|fru|frustrat(ed|ion)|hap|happ(y|iness)|"
    r"joy(ful)?|love|neu(tral)?|ps|relief|sad(ness)?|sleep(y|iness)|stress(ed)?|sur|(pleasant)?surprised?|tired|worried"
)
_PLACES = re.compile(
    r"((audios?|clips|data(set)?|files|flac|mp3|recordings?|sounds?|speech|voice|wavs?)(\d+k?(hz)?)?)+"
)
_SPEAKER = re.compile(r"(actor|participant|person|session|speaker|spk|subject)\w+")
_NUMBER = re.compile(r"[a-z]{0,3}\d+")


def given_layout(text: str) -> list[str]:
    """A layout as a person writes it, such as "speaker/label".

    Raises      InputError: it is no layout
    """
    layout = text.lower().strip("/").split("/")
    if not {LABEL} <= set(layout) <= set(KINDS) or max(map(layout.count, (LABEL, SPEAKER, SPLIT))) > 1:
        raise InputError(
            f"‹layout› {text}: should be label, with speaker, split and * before or behind it where folders stand "
            "for these, such as speaker/label"
        )
    return layout


def seen_layout(places: Sequence[tuple[str, ...]]) -> list[str]:
    """The layout of recordings by the folders that each is in, from the top.

    Raises      InputError: no level of folders looks like labels, or two could be; says what was seen
    """
    depth = median_high(map(len, places))  # what lies deeper, or not as deep, is in the minority
    places = [place for place in places if len(place) >= depth]
    levels = [sorted({place[d] for place in places}) for d in range(depth)]
    splits = [set(splits_of(names).values()) for names in levels]
    layout = [NOTHING if None in said else SPLIT for said in splits]
    free = [d for d in range(depth) if layout[d] == NOTHING and not _all(_PLACES, levels[d])]
    below = {d: _repeated_below(places, d, e) for d, e in pairwise([*free, depth])}
    emotional = {d: sum(bool(_EMOTIONS.fullmatch(plain(n))) for n in levels[d]) / len(levels[d]) for d in free}
    label = max(free, key=lambda d: emotional[d], default=None)
    if label is None or emotional[label] < 0.5:
        label = next((d for d in free if not _speakers(levels[d], below[d])), None)
        if label is not None and (below[label] or (len(free) > 1 and _all(_NUMBER, levels[label]))):
            label = None
    if label is None or any({None, "train"} < said for said in splits):  # train, test, and something else
        raise InputError(
            f"its folders, {_shown(levels)}, can stand for several things, and their names do not tell for which; "
            "say it by ‹layout›, such as label, speaker/label or split/label"
        )
    for d in free:
        if d != label and _speakers(levels[d], d < label or _repeated_below(places, label, d)):
            layout[d] = SPEAKER
    layout[label] = LABEL
    for kind in (SPLIT, SPEAKER):  # the first of each
        layout = [NOTHING if k == kind and kind in layout[:d] else k for d, k in enumerate(layout)]
    return layout[: max(d for d in range(depth) if layout[d] != NOTHING) + 1]


def _all(words: re.Pattern, names: list[str]) -> bool:
    return all(words.fullmatch(plain(name)) for name in names)


def _speakers(names: list[str], repeated: bool) -> bool:
    """Whether names look like speakers: numbers do, where other folders repeat themselves under each."""
    return _all(_SPEAKER, names) or (repeated and _all(_NUMBER, names))


def _repeated_below(places: Sequence[tuple[str, ...]], d: int, e: int) -> bool:
    """Whether the folders of level e repeat themselves under each of level d, or all are under one."""
    pairs = {(place[d], place[e]) for place in places if len(place) > e}
    above, below = ({pair[k] for pair in pairs} for k in (0, 1))
    return len(below) > 1 and (len(above) == 1 or len(pairs) * 2 > len(above) * len(below))


def _shown(levels: list[list[str]]) -> str:
    """A few names of each level."""
    return "/".join(f"{{{', '.join(names[:3])}{', …' if len(names) > 3 else ''}}}" for names in levels)
