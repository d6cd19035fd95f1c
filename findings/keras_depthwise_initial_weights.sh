#!/usr/bin/env bash
# Keras: the more channels stand beside a depthwise filter, the smaller its first weights are.
#
# Guess, before running: a depthwise filter of 3×3 sees 9 inputs, however many channels there are, so its first weights
# have the same spread for 1 channel and for 256, and what it makes of white noise of variance 1 has a standard deviation
# near 1, as that of a full convolution has.
#
# Seen, keras 3.12.0 (numpy backend), DepthwiseConv2D(3), default initialiser, white noise in:
#
#     channels     1      16      64      256
#     sd out     1.21    0.35    0.18    0.09
#
# The fans are those of a full convolution's kernel (3, 3, channels, 1): 9·channels in, 9 out; Glorot's spread then falls
# with the root of the channels. Conv2D(64 -> 64) gives 1.00. Where no normalisation stands between, as in numser's
# network, the entry, one block of expand, depthwise, project and a pool leave a hundredth of the signal.
#
# For us: numser.layers.depthwise draws as TensorFlow does, since the paper's authors did; numser.layers.initial draws
# by 9, and numser's recipe does so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "keras==3.12.0" "numpy==2.2.6" "scipy==1.15.3" "jax==0.6.2"
cat > probe.py <<'PYTHON'
import numpy as np
import keras


def output_sd(layer, channels):
    x = np.random.default_rng(0).standard_normal((4, 40, 40, channels)).astype("float32")
    keras.utils.set_random_seed(0)
    return float(np.std(keras.ops.convert_to_numpy(layer(x))))


print("keras", keras.__version__)
depthwise = [output_sd(keras.layers.DepthwiseConv2D(3), c) for c in (1, 16, 64, 256)]
full = output_sd(keras.layers.Conv2D(64, 3), 64)
print("depthwise, 1 16 64 256 channels:", *(f"{sd:.2f}" for sd in depthwise), " full, 64 to 64:", f"{full:.2f}")
expected = [np.sqrt(9 * 2 / (9 * c + 9)) for c in (1, 16, 64, 256)]
assert np.allclose(depthwise[1:], expected[1:], rtol=0.15), expected
assert 0.9 < full < 1.1
PYTHON
KERAS_BACKEND=numpy venv/bin/python probe.py
