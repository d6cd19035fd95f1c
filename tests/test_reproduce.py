import sys

import numpy as np
import pytest
from conftest import command_refuses
from made_runs import LABELS, run_of
from made_runs import row as made_row

from numser import reproduce as reproducing
from numser.corpora import Utterance
from numser.evaluation import Result, TestedUtterance
from numser.model import SeparableSER
from numser.recipe import Recipe
from numser.reproduce import WHAT, main, paper
from numser.reproduce.tables import TABLES, Setting, _against_the_paper, show


def reproduce(what, corpus, out, *more):
    options = ["--steps", "2", "--batch-size", "4", "--validate-every", "2", "--jobs", "2", "--no-speakers"]
    return main([what, "--corpus", "emodb", "--data", str(corpus), "--out", str(out), *options, *more])


def rows_of(text: str) -> dict[str, list[str]]:
    """The cells of a table by the first one."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.slow
def test_a_table_is_planned_run_and_shown(tiny_corpus, tmp_path, capsys):
    reproduce("table2", tiny_corpus, tmp_path, "--plan")
    planned = capsys.readouterr().out
    assert planned.count("9 of 9 folds of 2 steps") == 2
    assert not any(tmp_path.iterdir())

    reproduce("table2", tiny_corpus, tmp_path, "--show")
    before = rows_of(capsys.readouterr().out)
    assert before["Attention"][:2] == ["90.10 / 91.81 / 90.67", "0 of 9"]

    reproduce("table2", tiny_corpus, tmp_path)
    text = capsys.readouterr().out
    after = rows_of(text)
    theirs, ours, difference, interval, left_out = after["No Attention"]
    assert theirs == "80.96 / 84.03 / 82.83"
    ua = float(ours.split(" / ")[0])
    assert difference.startswith(f"{ua - 80.96:+.1f}")
    low, high = map(float, interval.split(" … "))
    assert low <= ua <= high
    assert left_out == "–"  # --no-speakers
    assert "random subsets: Attention − No Attention: UA " in text
    assert "69.67, is 69.97 in its Table 4" in text
    assert (tmp_path / "table2.md").read_text(encoding="utf-8") == text.rstrip("\n") + "\n"
    assert (tmp_path / "blocks4-ce-noattention" / "folds" / "folds.csv").exists()

    reproduce("table2", tiny_corpus, tmp_path, "--plan")
    assert capsys.readouterr().out == "nothing is missing\n"


def test_a_table_says_what_speakers_left_out_promise_to_other_people(tiny_corpus, tmp_path, monkeypatch):
    """UA of three speakers, with attention and without; nine runs on the subset that all share."""
    uas = {"speakers": ([0.4, 0.6, 0.8], [0.39, 0.61, 0.79]), "folds": ([0.5, 0.6, 0.7] * 3, [0.3, 0.4, 0.5] * 3)}

    def ended(self, changes, protocol):
        results = []
        for k, ua in enumerate(uas[protocol][changes.get("attention", True) is False]):
            speaker = f"s{k}" if protocol == "speakers" else "s0"
            rows = [made_row(f"{speaker}-{i}", "anger", LABELS[i >= 100 * ua], speaker=speaker) for i in range(100)]
            tested = Result.of(LABELS, [TestedUtterance(**r) for r in rows])
            left_out = protocol == "speakers"
            results.append(run_of(tested, fold=None if left_out else k, test_speaker=speaker if left_out else None))
        return results, len(results)

    monkeypatch.setattr(Setting, "ended", ended)
    text = show(Setting("emodb", str(tiny_corpus), tmp_path, {}, ("folds", "speakers")), "table2")
    half = 100 * 4.302653 * 0.2 / 3**0.5  # Student's t of two degrees of freedom
    assert rows_of(text)["Attention"][-1] == f"60.00 ({max(60 - half, 0):.1f} … {min(60 + half, 100):.1f})"
    assert "random subsets: Attention − No Attention: UA +20.0 (" in text
    assert "more than the choice of test utterances and the runs' spread explain" in text
    assert "speakers left out: Attention − No Attention: UA +0.3 (-2.5 … +3.2): no effect can be told" in text
    assert "explain; the paper has +9.1: this agrees" in text  # the interval of +20.0 is wide
    assert "no effect can be told; the paper has +9.1: this contradicts it\n" in text
    assert "share them; with speakers left out, over speakers. One of many comparisons may differ more.\n" in text


@pytest.mark.parametrize(
    ("low", "high", "judgement"),
    [
        (1, 10, "this agrees"),
        (1, 8, "this agrees in sign, not in size"),
        (-1, 10, "it cannot be told"),
        (-1, 8, "this contradicts it"),
        (-8, -1, "this contradicts it"),
    ],
)
def test_a_difference_is_held_against_the_papers(low, high, judgement):
    """It has 90.10 − 80.96 on Emo-DB, which counts for a corpus that it does not have, too."""
    without, attention = TABLES["table2"].rows
    said = _against_the_paper("emodb", attention, without, low, high)
    assert said == f"; the paper has +9.1: {judgement}"
    assert (
        _against_the_paper("synthetic", attention, without, -1, 8)
        == "; the paper has +9.1 on Emo-DB: this contradicts it"
    )
    assert _against_the_paper("emodb", TABLES["table3"].rows[0], attention, low, high) == ""  # its text has lost it


def test_tables_share_runs(tiny_corpus, tmp_path, capsys):
    reproduce("all", tiny_corpus, tmp_path, "--plan")
    folders = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()[:-1]]
    assert len(set(folders)) == len(folders) == 11  # 2 + 4 + 5, and table 5 needs no more


def test_a_table_is_drawn(tiny_corpus, tmp_path):
    pytest.importorskip("matplotlib", reason='matplotlib is not installed; pip install "numser[tutorials]"')
    picture = tmp_path / "table4.svg"
    reproduce("table4", tiny_corpus, tmp_path, "--show", "--picture", str(picture))
    drawn = picture.read_text(encoding="utf-8")
    assert "6 × block" in drawn
    assert "the paper" in drawn


@pytest.mark.parametrize(
    ("what", "options", "complaint"),
    [
        ("table2", ["--picture", "a.tiff"], "^--picture a.tiff: should end in .png, .svg, .pdf$"),
        (
            "table2",
            ["--picture", "nowhere/a.png"],
            "^--picture nowhere/a.png: there is no folder nowhere; make it, or",
        ),
        (
            "table2",
            ["--plan", "--picture", "a.png"],
            "^--picture: draws what has run, of tables 2, 3, 4 and figure 3",
        ),
        ("table5", ["--picture", "a.png"], "^--picture: draws what has run"),
        ("all", ["--picture", "a.png"], "^--corpus emodb: no utterance has votes, so there is no figure 3 of it"),
    ],
)
def test_a_picture_that_cannot_be_is_refused_before_the_first_runs(
    tiny_corpus, tmp_path, monkeypatch, what, options, complaint
):
    pytest.importorskip("matplotlib", reason='matplotlib is not installed; pip install "numser[tutorials]"')
    monkeypatch.setattr(reproducing, "_run_what_is_missing", lambda *_: pytest.fail("it has begun"))
    monkeypatch.chdir(tmp_path)
    with command_refuses(complaint):
        reproduce(what, tiny_corpus, tmp_path / "out", *options)


def test_without_matplotlib_no_run_begins(tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(reproducing, "_run_what_is_missing", lambda *_: pytest.fail("it has begun"))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with command_refuses('--picture .*: matplotlib is not installed; pip install "numser'):
        reproduce("table2", tiny_corpus, tmp_path, "--picture", str(tmp_path / "a.png"))


def test_of_all_figure_3_is_drawn_or_left_out(tiny_corpus, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason='matplotlib is not installed; pip install "numser[tutorials]"')
    reproduce("all", tiny_corpus, tmp_path / "out", "--show")
    assert "figure 3 is left out: no utterance has votes" in capsys.readouterr().err
    picture = tmp_path / "new" / "figure3.svg"
    main(["all", "--corpus", "synthetic", "--show", "--out", str(picture.parent), "--picture", str(picture)])
    assert "votes = 1" in picture.read_text(encoding="utf-8")


def test_figure_3_of_emodb(shared_data, tmp_path, capsys):
    if not (shared_data / "emodb").is_dir():
        pytest.skip("emodb is not there")
    pytest.importorskip("matplotlib", reason='matplotlib is not installed; pip install "numser[tutorials]"')
    picture = tmp_path / "figure3.png"
    reproduce("figure3", shared_data / "emodb", tmp_path, "--picture", str(picture))
    rows = rows_of(capsys.readouterr().out)
    assert [rows[name] for name in ("A: easy, votes = 1", "B: medium, votes ≥ 0.875", "C: hard, votes < 0.875")] == [
        ["184", "34.4%"],
        ["247", "46.2%"],
        ["104", "19.4%"],
    ]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_figure_3_counts_each_share_once(monkeypatch, tmp_path, capsys):
    from numser import corpora

    votes = [0.0, 0.1, 0.65, 0.7, 0.95, 1.0, 1.0, None]
    utterances = [Utterance(f"u{i}", "anger", votes=v) for i, v in enumerate(votes)]
    monkeypatch.setattr(corpora, "load_corpus", lambda name, data, offline: corpora.Corpus("made-up", utterances, []))
    main(["figure3", "--corpus", "synthetic", "--out", str(tmp_path)])
    rows = rows_of(capsys.readouterr().out)
    counts = {name: int(row[0]) for name, row in rows.items() if "votes <" in name and row[0].isdigit()}
    assert counts.pop("C: hard, votes < 0.65") == 2
    assert counts == {
        "0.0 ≤ votes < 0.1": 1,
        "0.1 ≤ votes < 0.2": 1,
        "0.6 ≤ votes < 0.7": 1,
        "0.7 ≤ votes < 0.8": 1,
        "0.9 ≤ votes < 1.0": 1,
    }
    assert rows["votes = 1"][0] == "2"
    assert rows["B: medium, votes ≥ 0.65"][0] == "3"


def test_table_4s_parameters_are_exact(tiny_corpus, tmp_path):
    setting = Setting("emodb", str(tiny_corpus), tmp_path, {}, ("folds",))
    rows = rows_of(show(setting, "table4"))
    for n in range(1, 7):
        reported, ours = rows[f"{n} × block"][:2]
        assert reported == ours
    assert "6 × block, focal" not in rows  # the paper has it for IEMOCAP alone


@pytest.mark.slow
def test_table_5_has_the_papers_loss_and_a_column_for_any_corpus(tmp_path):
    assert (paper.proposed("iemocap"), paper.proposed("emodb")) == ({"loss": "focal"}, {})
    text = show(Setting("synthetic", None, tmp_path, {}, ("folds",)), "table5")
    rows = rows_of(text)
    assert rows[""][-1] == "UA on synthetic"
    assert rows["numser, random subsets, on synthetic"] == ["931,076", "–", "–", "0 of 9"]


def test_table_5_counts_the_other_systems_and_plans_them_for_speakers_left_out(tiny_corpus, tmp_path, capsys):
    setting = Setting("emodb", str(tiny_corpus), tmp_path, {"recipe": "numser"}, ("folds", "speakers"))
    rows = rows_of(show(setting, "table5"))
    counts = {"3D-ACRNN, two": 3_401_542, "3D-ACRNN, five": 6_351_430, "after DRN": 9_966_292}
    counts |= {"after BCRNN, two": 3_402_054, "… with real weights": 3_402_054}
    for name, count in counts.items():
        (cells,) = [cells for label, cells in rows.items() if label.startswith(name)]
        assert cells == [f"{count:,}", "–", "0 of 3"]
    for row in paper.SYSTEM_ROWS:
        assert setting.recipe(row.changes).system == row.changes["system"]
        assert setting.protocols_of(row.changes) == ["speakers"]
    reproduce("table5", tiny_corpus, tmp_path, "--plan")  # --no-speakers: no other system
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()[:-1]] == [
        str(tmp_path / "blocks4-ce" / "folds")
    ]


def test_the_folder_is_told_by_its_last_name_and_nothing_else_changes(tiny_corpus, tmp_path, monkeypatch):
    text = show(Setting("emodb", str(tiny_corpus), tmp_path, {}, ("folds",)), "table2")
    assert f"utterances in {tiny_corpus.name}: anger 12" in text
    monkeypatch.chdir(tiny_corpus)
    assert "0.1 minutes." in show(Setting("emodb", ".", tmp_path, {}, ("folds",)), "table2")


def test_every_row_is_a_recipe_and_a_network():
    for table in TABLES.values():
        assert table.reference in [row.label for row in table.rows]
        for row in table.rows:
            recipe = Recipe(**row.changes)
            SeparableSER(4, recipe.blocks, recipe.attention).init(np.random.default_rng(0))
            for scores in row.reported.values():
                assert len(scores) == 3
    assert {name for name in WHAT if name.startswith("table")} == {*TABLES, "table5"}
    assert paper.TABLE_5["the paper's model"][1] == paper.TABLE_3.rows[3].reported["iemocap"][0]


@pytest.mark.parametrize(("options", "complaint"), [(["--jobs", "0"], "--jobs 0"), (["--steps", "0"], "--steps 0")])
def test_mistakes_are_said_in_a_sentence(tiny_corpus, tmp_path, options, complaint):
    with command_refuses(complaint):
        reproduce("table2", tiny_corpus, tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()
