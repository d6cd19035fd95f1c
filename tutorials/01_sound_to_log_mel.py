# %% [markdown]
# # 01 · From sound to log-mel
#
# **Question.** Two seconds of speech are 32 000 numbers. An angry and a sad voice saying the same sentence differ in
# nearly all of them. So do two angry ones. What should a network be shown, so that anger looks like anger?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§4.2): “We used 128-dimensional log scale Mel-spectrogram (log-Mel) as input features. […] The
# spectrogram is extracted using 1024-point short-time Fourier transformation (STFT) with 25% overlap.”
#
# At the end you have heard and seen both voices, built the mel filterbank, and settled what “25% overlap” means.
#
# *About an hour. You need Python and a little NumPy. numser's file: `numser/features.py`.*

# %%
import inspect

import numpy as np

from checks import sound_to_log_mel as check
from numser import features, plots
from numser.audio import SAMPLE_RATE
from numser.corpora.synthetic import perform
from numser.features import PAPER
from shown import listen

plt = plots.pyplot()

# %% [markdown]
# ## 1. Hear them
#
# numser's built-in corpus is made-up speech: made-up words, spoken by a synthesiser that follows the rules of
# phonetics for each emotion. Here speaker 07 says the text a01 twice. The emotion lies on a part of each utterance, and
# the rest is neutral; the corpus tells us where.

# %%
performances = {emotion: perform("07", "a01", emotion) for emotion in ("anger", "sadness")}

for emotion, performance in performances.items():
    listen(performance.utterance.waveform, f"{emotion}, {performance.utterance.name}.wav")

# %% [markdown]
# (Some web pages show this notebook without its players. The command
# `python -m numser.corpora.synthetic made-up/` writes all 700 utterances as WAV files; these two are
# `07a01Wa.wav` and `07a01Ta.wav`.)
#
# This is what the microphone gave: air pressure, 16 000 times a second, as a share of the largest that a file can
# hold. The bar marks the emotion.

# %%
figure, panels = plt.subplots(2, 1, sharex=True, figsize=(8, 3.6))
for ax, (emotion, performance) in zip(panels, performances.items(), strict=True):
    utterance = performance.utterance
    ax.plot(np.arange(len(utterance.waveform)) / SAMPLE_RATE, utterance.waveform, linewidth=0.5)
    ax.plot(utterance.span, [1.1, 1.1], color=plots.ORANGE, linewidth=4, solid_capstyle="butt")
    ax.set(ylabel="amplitude", ylim=(-1.2, 1.2), title=f"{emotion}: {len(utterance.waveform)} samples")
panels[-1].set_xlabel("time (s)")
# Picture: Two waveforms, amplitude over time. The angry one is shorter, and both reach equally far up and down; an
# orange bar over each marks the part that has the emotion.
plt.show()

# %% [markdown]
# Anger is shorter. It is louder too when it is spoken, but what a microphone gives depends on how far away it is, so the
# corpus gives every recording the same peak. And the single samples tell next to nothing. Take one vowel, and look at it again 2 ms later. The ear
# hears the same:
#
# **Guess first.** How far are the *samples* of the two correlated: near 1, near 0, or below 0?

# %%
angry = performances["anger"].utterance.waveform
start = np.argmax(np.convolve(angry**2, np.ones(640), "valid"))  # the loudest 40 ms
now, later = angry[start : start + 640], angry[start + 32 : start + 672]
power_now, power_later = (np.abs(np.fft.rfft(x * np.hamming(640))) ** 2 for x in (now, later))
print(f"correlation of the samples: {np.corrcoef(now, later)[0, 1]:+.2f}")
print(f"correlation of the powers:  {np.corrcoef(power_now, power_later)[0, 1]:+.2f}")

# %% [markdown]
# A network that is shown samples must first learn that all shifts of a vowel are one vowel. A network that is shown
# *how much power there is at each frequency* need not.
#
# ## 2. The power in one window
#
# Speech changes all the time, but hardly within 40 ms. So we cut out 40 ms, $W = 640$ samples, and ask for its
# spectrum. Here is the definition. $h$ is a window, of which more below; $N = 1024$ is the length of the Fourier
# transform; what the window does not fill is zero.
#
# $$X_k = \sum_{i=0}^{W-1} h_i\, x_i\, e^{-2\pi \mathrm{j}\, k i / N} \qquad P_k = |X_k|^2 \qquad k = 0 \dots N/2$$
#
# Shapes: $x$, $h$ are (640,), $P$ is (513,). $P_k$ belongs to the frequency $k \cdot 16000 / 1024 = 15.6\,k$ Hz. In
# words: multiply the sound with a turning pointer, and add up. What turns at the same speed adds up; all else cancels.


# %%
def power_by_definition(x, h, n):
    """One sum for each frequency."""
    i = np.arange(len(x))
    power = np.empty(n // 2 + 1)
    for k in range(n // 2 + 1):
        pointer = np.exp(-2j * np.pi * k * i / n)
        power[k] = np.abs(np.sum(h * x * pointer)) ** 2
    return power


h = features.hamming(PAPER.win_length)
power = power_by_definition(now, h, PAPER.n_fft)
fast = np.abs(np.fft.rfft(now * h, PAPER.n_fft)) ** 2  # the same, by the fast Fourier transform
print(
    f"{power.shape[0]} powers; largest difference {np.abs(power - fast).max() / fast.max():.0e} of the largest power"
)

# %% [markdown]
# Why a window? Cutting 40 ms out of a sound makes hard edges, and hard edges contain all frequencies. The Hamming
# window fades the sound in and out. Below, a loud tone at 512.5 Hz stands beside one at 1500 Hz that is 50 dB weaker, as
# a high overtone of a voice may be. With hard edges, the loud tone spills over the weak one.
#
# **Guess first.** Will the weak tone show at all without the fading?

# %%
seconds = np.arange(640) / SAMPLE_RATE
tones = np.sin(2 * np.pi * 512.5 * seconds) + 10 ** (-50 / 20) * np.sin(2 * np.pi * 1500 * seconds)
kilohertz = np.arange(513) * SAMPLE_RATE / 1024 / 1000
plt.figure(figsize=(8, 3))
for name, window, style in (("hard edges", np.ones(640), ":"), ("Hamming window", h, "-")):
    spectrum = np.abs(np.fft.rfft(tones * window, 1024)) ** 2
    plt.plot(kilohertz, 10 * np.log10(spectrum / spectrum.max()), style, label=name)
plt.annotate("the weak tone", (1.5, -49), (1.7, -22), arrowprops={"arrowstyle": "->", "color": plots.GREY})
plt.gca().set(xlabel="frequency (kHz)", ylabel="power (dB below the loudest)", xlim=(0, 3), ylim=(-80, 3))
plt.legend(frameon=False)
# Picture: Power in decibels from 0 to 3 kHz. With hard edges the loud tone at 0.5 kHz spills over the weak one at
# 1.5 kHz; under the Hamming window the weak tone stands out.
plt.show()

# %% [markdown]
# ### Exercise 1 · the power spectrum
#
# Write `power_spectrum(x)`: from 640 samples, (640,), to their 513 powers, (513,), under a Hamming window, with a
# Fourier transform of 1024 points. The window is *periodic*:
#
# $$h_i = 0.54 - 0.46 \cos(2 \pi i / 640) \qquad i = 0 \dots 639$$
#
# <details><summary>Hint 1</summary>
#
# The second argument of `np.fft.rfft` is N. It appends the zeros for you.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.hamming(640)` is *not* this window: it divides by 639, so that its last sample equals its first. Write the cosine
# out.
#
# </details>


# %%
def power_spectrum(x):
    raise NotImplementedError


# %%
check.power_spectrum(power_spectrum)

# %% [markdown]
# ## 3. “25% overlap”
#
# One window is 40 ms. The next one begins a *hop* later. Two readings of the paper's sentence:
#
# | | window | hop | neighbours share |
# |---|---|---|---|
# | its words: 1024 points, a quarter of them shared | 1024 samples, 64 ms | 768 samples, 48 ms | 25 % |
# | the authors' program: it hops by a quarter *of the window* | 640 samples, 40 ms, in a frame of 1024 | 160 samples, 10 ms | 75 % |
#
# So the two differ, and by much. Count the frames: an utterance of $n$ samples has $1 + \lfloor n / \mathrm{hop} \rfloor$
# of them, since frame $t$ is centred on sample $t \cdot \mathrm{hop}$. Everything that depends on it is a setting in
# numser:

# %%
readings = {
    "the paper's words": features.FeatureSettings(win_length=1024, hop_length=768),
    "the authors' program": PAPER,
}
for name, settings in readings.items():
    frames = 1 + 7 * SAMPLE_RATE // settings.hop_length
    step = 4 * settings.hop_length / SAMPLE_RATE
    print(f"{name + ':':<22}{frames:>4} frames in 7 s; the network's own steps are {step * 1000:.0f} ms long")

# %% [markdown]
# The last column matters: convolution and pooling halve the time axis twice (lessons 02 and 04), so the network's later
# layers take steps of four frames. Look at what that means for speech.

# %%
figure, panels = plt.subplots(1, 2, sharey=True, figsize=(10, 3.2))
for ax, (name, settings) in zip(panels, readings.items(), strict=True):
    frames = features.log_mel(angry, settings)
    plots.log_mel(frames, ax, settings, colorbar=False)
    ax.set_title(f"{name}: hop {settings.hop_length} samples, {len(frames)} frames")
panels[1].set_ylabel("")
figure.colorbar(panels[1].images[0], ax=panels, label="power (dB)", pad=0.01)
# Picture: The log-mel of one angry utterance twice. With the paper's words it is made of coarse columns; with the
# authors' program it is fine, and stripes bend within syllables.
plt.show()

# %% [markdown]
# On the left a syllable is three or four columns wide, and four columns make one step of the network. The movement of
# the voice's pitch within a syllable, which the right picture shows as bending stripes, is lost.
#
# > **Paper and program differ.** The words say 25 % overlap; the program hops by 25 % of the window, which is 75 %
# > overlap. numser does as the program does: 640, 1024, 160. Of longer utterances it keeps the middle 700 frames: the
# > paper's 7 s, at 10 ms a frame.
#
# ## 4. Frequency as the ear has it
#
# 513 powers a frame are too many, and wrongly spread. From 200 to 300 Hz is a large step for the ear; from 7200 to
# 7300 Hz is none. The *mel* scale counts steps as the ear does. Slaney's version: linear below 1000 Hz, logarithmic
# above.
#
# $$m(f) = \begin{cases} 3f/200 & f < 1000\ \mathrm{Hz} \\ 15 + 27 \ln(f/1000) / \ln 6.4 & \text{above} \end{cases}$$
#
# **Guess first.** From 200 to 300 Hz are 1.5 mel. How many are from 1000 to 1100 Hz, and from 7200 to 7300?


# %%
def mel(hertz):
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)


for low, high in ((200, 300), (1000, 1100), (7200, 7300)):
    print(f"{low:>5} to {high} Hz: {mel(high) - mel(low):.2f} mel")

# %% [markdown]
# Now 128 bands between 0 and 8000 Hz. Place 130 *edges* at equal distances in mel. Band $m$ is a triangle over three
# neighbouring edges: it rises from $e_m$ to $e_{m+1}$, and falls to $e_{m+2}$. At frequency $f$ its height is
#
# $$M_m(f) = \frac{2}{e_{m+2} - e_m}\; \max\!\left(0,\ \min\!\left(\frac{f - e_m}{e_{m+1} - e_m},\
# \frac{e_{m+2} - f}{e_{m+2} - e_{m+1}}\right)\right)$$
#
# The two fractions are the rising and the falling line. The smaller of them is a tent; the maximum cuts off what is
# below zero. The factor in front makes each triangle's area 1, so that noise, which has equal power everywhere, gives
# every band the same. Shapes: edges (130,), $M$ (128, 513), one row a band.

# %%
edges = features.band_edges()
filterbank = features.mel_filterbank()
print("edges", edges.shape, "filterbank", filterbank.shape)
print("the first edges in mel:", *(f"{mel(e):.3f}" for e in edges[:5]))
print("the first edges in Hz: ", *(f"{e:.1f}" for e in edges[:5]))
print("the last edges in Hz:  ", *(f"{e:.1f}" for e in edges[-5:]))

figure, (curve, tents) = plt.subplots(1, 2, figsize=(10, 3.2), width_ratios=(1, 2))
hertz = np.arange(8001)
curve.plot(hertz / 1000, [mel(f) for f in hertz])
curve.plot(edges[::10] / 1000, [mel(e) for e in edges[::10]], "o", markersize=4, label="every 10th edge")
curve.set(xlabel="frequency (kHz)", ylabel="mel", title="equal steps upwards, growing steps to the right")
curve.legend(frameon=False)
for band in range(0, 128, 9):
    tents.plot(kilohertz, 1000 * filterbank[band], linewidth=1.2)
tents.set(xlabel="frequency (kHz)", ylabel="weight (1/kHz)", title="every 9th of the 128 bands")
# Picture: Left: mel over frequency, straight up to 1 kHz, then ever flatter, with dots at equal steps of mel.
# Right: triangles over frequency, narrow and high on the left, wide and low on the right.
plt.show()

# %% [markdown]
# The triangles' peaks look ragged on the left: the narrow bands there are only three points of the spectrum wide.
#
# ### Exercise 2 · the filterbank
#
# Write `triangles(edges, frequency)`. Shapes: `edges` (B + 2,) and `frequency` (K,), both in Hz; it returns (B, K).
#
# <details><summary>Hint 1</summary>
#
# First write it with a loop over the bands: `left, centre, right = edges[m : m + 3]`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.minimum` and `np.maximum` work on whole arrays, entry by entry; `min` and `max` do not.
#
# </details>


# %%
def triangles(edges, frequency):
    raise NotImplementedError


# %%
check.triangles(triangles)

# %% [markdown]
# ## 5. Loudness as the ear has it
#
# A band's power is $S_{t,m} = \sum_k M_{m,k} P_{t,k}$: one matrix product, (T, 513) times (513, 128). Powers of speech
# span a factor of a million. The ear hears ratios of power, not differences: so take the logarithm, in decibels.
#
# $$L = 10 \log_{10} \max(S, 10^{-10}) \qquad y = \max(L,\ \max L - 80)$$
#
# The first maximum gives silence a logarithm. The second, over the whole utterance, forgets what is 80 dB below the
# loudest: nobody hears it, and in a quiet recording it is the noise of the room.

# %%
frames = features.log_mel(angry)
figure, panels = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True)
plots.log_mel(10 ** (frames / 10), panels[0], colorbar=False)
plots.log_mel(frames, panels[1], colorbar=False)
for ax, title, unit in zip(panels, ("power", "its logarithm"), ("power", "power (dB)"), strict=True):
    ax.set_title(title)
    figure.colorbar(ax.images[0], ax=ax, label=unit, pad=0.01)
panels[1].set_ylabel("")
# Picture: The same utterance as power, black but for a few bright vowels, and as its logarithm, where stripes and
# pauses show.
plt.show()

# %% [markdown]
# Without the logarithm, the picture is a few vowels on black.
#
# ### Exercise 3 · decibels
#
# Write `decibels(power)`: from powers of any shape, to $y$ as above, of the same shape.
#
# <details><summary>Hint</summary>
#
# `np.maximum(array, number)` lifts every entry to at least `number`. The 80 dB are counted from the maximum of the
# decibels, not from 0 dB.
#
# </details>


# %%
def decibels(power):
    raise NotImplementedError


# %%
check.decibels(decibels)

# %% [markdown]
# ## 6. All of it
#
# numser's `log_mel` is the three steps in a row, for all frames at once: `mel_power` the first two, `in_decibels` the
# third. The signal is mirrored at its two ends, so that the first and last windows are full. You can now read every
# line of it:

# %%
for function in (features.log_mel, features.mel_power, features.in_decibels):
    print(inspect.getsource(function))

# %% [markdown]
# And here are our two voices again, as the network sees them. Since the distance to the microphone says nothing, the
# colours count from each utterance's own loudest point.

# %%
log_mels = {emotion: features.log_mel(p.utterance.waveform) for emotion, p in performances.items()}
figure, panels = plt.subplots(2, 1, figsize=(8, 5.2), sharex=True)
for ax, (emotion, frames) in zip(panels, log_mels.items(), strict=True):
    plots.log_mel(frames - frames.max(), ax, colorbar=False)
    ax.images[0].set_clim(-60, 0)
    ax.plot(performances[emotion].utterance.span, [124, 124], color="white", linewidth=4, solid_capstyle="butt")
    ax.set_title(f"{emotion}: {frames.shape[0]} frames of {frames.shape[1]} bands (white bar: the emotion)")
panels[0].set_xlabel("")
panels[1].set_xlim(0, max(map(len, log_mels.values())) / 100)
figure.colorbar(panels[0].images[0], ax=panels, label="power (dB below the loudest)", pad=0.01)
# Picture: Log-mels of the angry and of the sad voice, one above the other. Under the white bars the angry voice's
# stripes lie further apart, bend more and reach higher.
plt.show()

# %% [markdown]
# Compare the same syllables under the white bars. The angry voice's stripes lie further apart and bend more: its pitch
# is higher, and moves more. They reach further up: a tense voice has stronger overtones. And the syllables are shorter.
# The cell measures it, over the whole utterances:
#
# **Guess first.** In which of its columns will the two voices differ most?

# %%
above = edges[1:-1] > 1000
print(f"{'':<10}{'length':>8}{'pitch':>9}{'its spread':>18}{'above 1 kHz':>14}")
for emotion, performance in performances.items():
    power = 10 ** (log_mels[emotion] / 10)
    share = 10 * np.log10(power[:, above].mean() / power[:, ~above].mean())
    semitones = np.nanstd(12 * np.log2(performance.f0))
    print(
        f"{emotion:<10}{len(power) / 100:>6.2f} s{np.nanmedian(performance.f0):>6.0f} Hz"
        f"{semitones:>8.1f} semitones{share:>+11.1f} dB"
    )

# %% [markdown]
# None of these four numbers is given to the network. All four can be read from the picture, and the picture hardly
# changes if the sound comes 2 ms later. That is why it is shown the picture.
#
# One step is left before the first layer. All these numbers lie around −40 dB, and a network learns from differences.
# So each band is brought to mean 0 and standard deviation 1 over the training frames: `features.Standardiser`.
#
# ## What you can do now
#
# Take any recording, make the picture of it that a network is shown, and say of each number in that picture where it comes
# from. You can read a paper's “STFT with …” and ask for what it leaves out: window, hop, padding, floors.
#
# ## What to keep
#
# - A window of 640 samples every 160; 1024-point spectrum; 128 mel bands; decibels: (T, 128), 100 frames a second.
# - The spectrum forgets shifts. The mel scale counts frequency as the ear does, the logarithm loudness.
# - “25% overlap” is a hop of 25 %.
#
# The answers, and wrong ones: `solutions/01_sound_to_log_mel.py`. Next:
# [02 · a convolution and its gradient](02_convolution.ipynb).
