"""Labels that people set by hand in Emo-DB's recordings."""

import pytest
from made_runs import row, write_run

from numser.corpora.xlabel import Label, read_labels, syllables
from numser.report import report

SILB = "0.080080\tder\n0.244195\tla\n0.427094\tp\xe4n\n0.643428\t.\n"
LABSILB = """signal wochenAO
type 0
comment created using xlabel Wed Apr 26 12:59:18 2000
font -misc-*-bold-*-*-*-15-*-*-*-*-*-*-*
separator ;
nfields 1
#
    0.080080   -1 der\t0.4
    0.244195   -1 la\t2.4
    0.427094   -1 \t+hoe
    0.643428   -1 .
"""


@pytest.fixture
def corpus(tmp_path):
    for name in ("wav", "silb"):
        (tmp_path / name).mkdir()
    (tmp_path / "silb" / "03a01Fa.silb").write_text(SILB, encoding="latin-1")
    return tmp_path


def test_a_label_lasts_until_the_next_one(corpus):
    assert syllables(corpus / "wav" / "03a01Fa.wav") == [
        Label(0.08008, 0.244195, "der", ()),
        Label(0.244195, 0.427094, "la", ()),
        Label(0.427094, 0.643428, "pän", ()),
    ]
    assert syllables(corpus / "wav" / "03a02Fa.wav") == []


def test_a_heading_is_passed_over_and_fields_are_kept(corpus):
    path = corpus / "03a01Fa.labsilb"
    path.write_text(LABSILB)
    assert read_labels(path) == [
        Label(0.08008, 0.244195, "der", ("0.4",)),
        Label(0.244195, 0.427094, "la", ("2.4",)),
        Label(0.427094, 0.643428, "", ("+hoe",)),
    ]


@pytest.mark.parametrize(
    "text", ["", "text\n", "#\n\n-1\nnan -1 a\n1e999 -1 b\n-0.1 -1 c\nx -1 d\n0.5 -1\n", "\0" * 2**21]
)
def test_what_is_no_label_is_left_out(corpus, text):
    path = corpus / "silb" / "03a01Fa.silb"
    path.write_text(text)
    assert read_labels(path) == []


def test_a_report_has_the_syllables_of_a_recording(corpus, tmp_path):
    rows = [row(name, path=str(corpus / "wav" / f"{name}.wav")) for name in ("03a01Fa", "03a02Fa")]
    rows.append(row("03a03Fa", path=str(corpus / "wav" / "03a01Fa.wav"), segment=[0.1, 0.4]))
    write_run(tmp_path / "run", rows)
    said = {u["name"]: u["syllables"] for u in report(tmp_path / "run", tmp_path / "r.html")["utterances"]}
    assert [text for _, _, text in said["03a01Fa"]] == ["der", "la", "pän"]
    assert said["03a02Fa"] == said["03a03Fa"] == []
