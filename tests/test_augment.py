from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numser.augment import (
    CLICK,
    CUT_OFF,
    WIDEST_MASK,
    Augmentation,
    clicked,
    coloured,
    masked,
    noisy,
    stretched,
    warped,
)
from numser.features import FeatureSettings, Standardiser, band_edges, log_mel
from numser.recipe import NUMSER, PAPER, Recipe

SETTINGS = FeatureSettings(level="speech")
CENTRES = band_edges(SETTINGS)[1:-1]
PARTS = {
    "crop": 0.5,
    "tempo": 1.2,
    "warp": 1.2,
    "shift": 2.0,
    "offset": 0.3,
    "tilt": 0.3,
    "masks": 2,
    "noise": 1.0,
    "band_limit": 1.0,
}


def rng(seed=0) -> np.random.Generator:
    return np.random.default_rng(seed)


def frames_of(hertz: float, seconds: float = 1.0) -> np.ndarray:
    """The log-mel of a tone with a little noise."""
    t = np.arange(int(16000 * seconds)) / 16000
    sound = 0.5 * np.sin(2 * np.pi * hertz * t) + 0.001 * rng().standard_normal(len(t))
    return log_mel(sound.astype(np.float32), SETTINGS)


def augmentation(recipe: Recipe) -> Augmentation:
    log_mels = [frames_of(500), frames_of(1500, 0.3)]
    return Augmentation(recipe, SETTINGS, log_mels, [Standardiser.fit(log_mels)] * 2)


def test_the_papers_recipe_shows_all_as_it_is():
    plain = augmentation(PAPER)
    assert not PAPER.augments
    for i in range(2):
        expected = plain.standardisers[i].apply(plain.log_mels[i])
        np.testing.assert_allclose(plain(i, rng()), expected, atol=1e-5)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_alone_changes_what_is_shown(part):
    recipe = replace(PAPER, **{part: PARTS[part]})
    assert recipe.augments
    changed, plain = augmentation(recipe), augmentation(PAPER)
    shown = changed(0, rng(3))
    expected = plain(0, rng(3))
    assert shown.shape != expected.shape or np.abs(shown - expected).max() > 0.05
    assert np.isfinite(shown).all()


def test_one_generator_gives_the_same_bits_and_the_corpus_stays_as_it_is():
    augment = augmentation(NUMSER)
    before = [x.copy() for x in augment.log_mels]
    for i in range(2):
        one, again, other = augment(i, rng(1)), augment(i, rng(1)), augment(i, rng(2))
        np.testing.assert_array_equal(one, again)
        assert one.shape != other.shape or not np.array_equal(one, other)
        assert one.dtype == np.float32
    for x, y in zip(before, augment.log_mels, strict=True):
        np.testing.assert_array_equal(x, y)


@given(st.integers(3, 400), st.floats(0.5, 2), st.sampled_from([0, 50, 200]), st.integers(0, 9))
def test_tempo_keeps_a_straight_line_straight_and_a_crop_is_a_part_of_it(frames, tempo, longest, seed):
    x = np.linspace(0, 1, frames, dtype=np.float32)[:, None].repeat(4, 1)
    y = stretched(x, tempo, longest, rng(seed))
    whole = max(round(frames / tempo), min(frames, 8))
    assert len(y) == (min(whole, longest) if longest else whole)
    steps = np.diff(y[:, 0])
    np.testing.assert_allclose(steps, 1 / max(whole - 1, 1), atol=1e-5)
    if len(y) == whole:
        np.testing.assert_allclose([y[0, 0], y[-1, 0]], [0, 1], atol=1e-6)


def test_crops_come_from_everywhere():
    x = np.arange(300, dtype=np.float32)[:, None].repeat(2, 1)
    begins = {int(stretched(x, 1.0, 290, rng(seed))[0, 0]) for seed in range(300)}
    assert begins == set(range(11))


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.15])
def test_a_warped_tone_looks_like_another_tone(factor):
    warped_band = warped(frames_of(2000), CENTRES, factor, 0.0).mean(0).argmax()
    assert abs(warped_band - frames_of(2000 / factor).mean(0).argmax()) <= 1


def test_a_shift_by_whole_bands_is_a_shift():
    x = rng().standard_normal((5, 128)).astype(np.float32)
    np.testing.assert_allclose(warped(x, CENTRES, 1.0, 3.0)[:, :125], x[:, 3:], atol=1e-5)
    np.testing.assert_allclose(warped(x, CENTRES, 1.0, -2.0)[:, 2:], x[:, :126], atol=1e-5)


@pytest.mark.parametrize("snr", [0.0, 10.0, 30.0])
def test_noise_is_as_loud_as_it_says_and_adds_as_power(snr):
    x = frames_of(500, 3)
    power = 10.0 ** (x / 10)
    y = noisy(x, CENTRES, snr, rng())
    added = 10.0 ** (y.astype(float) / 10) - power
    assert 10 * np.log10(power.sum() / added.sum()) == pytest.approx(snr, abs=0.1)
    assert added.min() > -1e-3 * power.max()


def test_a_click_is_in_four_frames_and_all_bands_and_as_loud_as_said():
    x = frames_of(500)
    for seed in range(50):
        y = clicked(x, rng(seed))
        moved = np.flatnonzero((np.abs(y - x) > 1e-3).any(1))
        assert 1 <= len(moved) <= 4 and (np.diff(moved) == 1).all()
        before, after = ((10.0 ** (frames.astype(float) / 10)).sum(1) for frames in (x, y))
        gain = 10 * np.log10((after - before)[moved] / before.max())
        assert CLICK[0] - 0.1 < gain.min() and gain.max() < CLICK[1] + 0.1


def test_a_cut_band_is_gone_and_the_level_is_that_of_what_is_left():
    """A loud high tone is cut off: what is left was softer, and is then as loud as speech is."""
    low, high = frames_of(500), frames_of(7000)
    both = 10 * np.log10(10 ** (low / 10) + 10 ** ((high + 20) / 10)).astype(np.float32)
    identity = Standardiser(np.zeros(128, np.float32), np.ones(128, np.float32))
    augment = Augmentation(replace(PAPER, band_limit=1.0), SETTINGS, [both], [identity])
    y = augment(0, rng())
    assert (y[:, CUT_OFF[1] < CENTRES] == y.min()).all()
    np.testing.assert_allclose(y.max(0)[:60].max(), low.max(), atol=0.5)


def test_offset_and_tilt():
    y = coloured(np.zeros((3, 5), np.float32), 1.0, 0.5)
    np.testing.assert_allclose(y, np.tile([0.5, 0.75, 1.0, 1.25, 1.5], (3, 1)))


@given(st.integers(1, 300), st.integers(0, 3), st.integers(0, 99))
def test_masks_blot_out_whole_rows_and_columns_and_not_too_much(frames, count, seed):
    y = masked(np.ones((frames, 128), np.float32), count, rng(seed))
    columns, rows = (y == 0).all(0), (y == 0).all(1)
    np.testing.assert_array_equal(y == 0, columns[None] | rows[:, None])
    if not rows.all():
        assert columns.sum() <= count * WIDEST_MASK
    assert rows.sum() <= count * max(frames // 8, 0) or columns.all()


def test_masks_do_blot_out():
    blotted = [masked(np.ones((80, 128), np.float32), 1, rng(seed)) for seed in range(200)]
    rows = [int((y == 0).all(1).sum()) for y in blotted]
    columns = [int((y == 0).all(0).sum()) for y in blotted]
    assert max(rows) == 10 and max(columns) == WIDEST_MASK and min(rows) == min(columns) == 0
