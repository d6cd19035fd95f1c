"""The whole network against the same network in PyTorch: a second opinion on what it computes.

The gradient check proves that backward fits forward. It cannot see a mistake that both share: another gate order in
the GRU, a pool that begins one frame late, a loss divided by the wrong weight. So here is the network once more,
written with PyTorch's operations and differentiated by PyTorch. It shares nothing with numser but the parameters: it
keeps channels first, and takes one utterance at a time. Logits, losses, gradients and the first steps of a training
must be the same.

PyTorch is large and needed nowhere else in the tests. Where it is not installed, these are skipped.
"""

import math

import numpy as np
import pytest

from numser import losses
from numser.corpora import Utterance
from numser.dataset import Dataset, LogMels
from numser.model import UNITS, SeparableSER
from numser.ragged import pack
from numser.recipe import Recipe
from numser.splits import Split
from numser.training import initial_state, train

torch = pytest.importorskip("torch", reason='PyTorch is not installed; "pip install torch" makes the comparison run')
F = torch.nn.functional

CLASSES = 4
LENGTHS = (3, 26, 6, 17, 11)  # 3 is the shortest; after the entry 1, 12, 2, 8, 5 frames: the pool meets odd and even
MODELS = {
    "tied": SeparableSER(CLASSES, blocks=2),
    "untied": SeparableSER(CLASSES, blocks=2, tied=False),
    "no attention": SeparableSER(CLASSES, blocks=2, attention=False),
}


@pytest.fixture(autouse=True, scope="module")
def one_torch_thread():
    """Without it PyTorch's threads compete with those of `train` for the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pointwise(params, name, x):
    return F.conv2d(x, params[f"{name}.w"].T[:, :, None, None], params[f"{name}.b"])


def separable_block(params, name, x):
    x = torch.relu(pointwise(params, f"{name}.expand", x))
    w = params[f"{name}.depthwise.w"].permute(2, 0, 1)[:, None]
    x = torch.relu(F.conv2d(x, w, padding=1, groups=len(w)))
    return pointwise(params, f"{name}.project", x)


def max_pool(x):
    """3×3, stride 2, "same" as TensorFlow means it: where the edges differ, the one at the end is wider."""

    def edges(n):
        total = max((math.ceil(n / 2) - 1) * 2 + 3 - n, 0)
        return total // 2, total - total // 2

    return F.max_pool2d(F.pad(x, (*edges(x.shape[3]), *edges(x.shape[2])), value=-math.inf), 3, stride=2)


def gru(params, name, x):
    """One direction's states. torch.nn.GRU would reset after the product with the candidate's matrix."""
    w, u, b = (params[f"{name}.{letter}"] for letter in "wub")
    (wr, wz, wc), (ur, uz, uc), (br, bz, bc) = w.split(UNITS, 1), u.split(UNITS, 1), b.split(UNITS)
    h, states = x.new_zeros(UNITS), []
    for ar, az, ac in zip(x @ wr + br, x @ wz + bz, x @ wc + bc, strict=True):
        r, z = torch.sigmoid(ar + h @ ur), torch.sigmoid(az + h @ uz)
        c = torch.tanh(ac + (r * h) @ uc)
        h = z * h + (1 - z) * c
        states.append(h)
    return torch.stack(states)


def logits_of(model, params, log_mel):
    """Logits (K,) of one utterance (T, 128). Inside, x is (1, channels, frames, frequencies)."""
    x = torch.relu(F.conv2d(log_mel[None, None], params["entry.w"].permute(3, 2, 0, 1), params["entry.b"], stride=2))
    x = max_pool(separable_block(params, "stem", x))
    for i in range(model.blocks):
        x = x + separable_block(params, f"blocks.{i}", x)
    x = x[0].permute(1, 2, 0).flatten(1)
    forward = gru(params, "gru" if model.tied else "gru.forward", x)
    backward = gru(params, "gru" if model.tied else "gru.backward", x.flip(0)).flip(0)
    if model.attention:
        h = torch.cat([forward, backward], 1)
        y = torch.softmax(h @ params["attention.w"], 0) @ h
    else:
        y = torch.cat([forward[-1], backward[0]])
    y = y @ params["hidden.w"] + params["hidden.b"]
    y = torch.where(y > 0, y, params["hidden.slope"] * y)
    return y @ params["output.w"] + params["output.b"]


def focal(logits, labels, weights, lam):
    """The paper's Eq. 4 as it stands; with λ = 0, its Eq. 3."""
    log_p = torch.log_softmax(logits, 1)[torch.arange(len(labels)), torch.from_numpy(labels)]
    weights, lam = (torch.tensor(a, dtype=logits.dtype) for a in (weights, lam))
    return -(weights * (1 - log_p.exp()) ** lam * log_p).sum() / weights.sum()


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def results(model, dtype, lam):
    """Logits, loss and all gradients of random utterances, by name: from numser, and from PyTorch."""
    # Where a value lies within rounding of a ReLU's corner, or of another in a pool's window, float32 may decide
    # otherwise than PyTorch. Of 250 seeds this one stays farthest from that: 9e-7 standard deviations; usual is 8e-8,
    # and float32 rounds by 1e-7
    rng = np.random.default_rng(228)
    params = model.init(rng, np.float64)
    for name, w in params.items():
        if w.ndim == 1:  # biases and slopes begin as constants, which could stand in for one another
            params[name] = w + rng.normal(0, 0.3, w.shape)
    params = {name: w.astype(dtype) for name, w in params.items()}
    utterances = [rng.normal(size=(n, 128)).astype(dtype) for n in LENGTHS]
    labels, weights = rng.integers(CLASSES, size=len(LENGTHS)), rng.uniform(0.5, 2, len(LENGTHS))

    logits, cache = model.forward(params, pack(utterances))
    if lam is None:
        loss, dlogits = losses.cross_entropy(logits, labels, weights)
        lam = np.zeros(len(LENGTHS))
    else:
        loss, dlogits = losses.focal(logits, labels, weights, lam)
    dx, grads = model.backward(params, cache, dlogits)
    ours = {"logits": logits, "loss": loss, "x": dx, **grads}

    leaves, inputs = {name: leaf(w) for name, w in params.items()}, [leaf(u) for u in utterances]
    logits = torch.stack([logits_of(model, leaves, u) for u in inputs])
    loss = focal(logits, labels, weights, lam)
    loss.backward()
    grads = {name: w.grad for name, w in leaves.items()}
    theirs = {"logits": logits, "loss": loss, "x": torch.cat([u.grad for u in inputs]), **grads}
    return ours, {name: tensor.detach().numpy() for name, tensor in theirs.items()}


@pytest.mark.network
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("lam", [None, np.array([0, 1, 2, 0.5, 1])], ids=["cross-entropy", "focal"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-4)], ids=["float64", "float32"])
def test_logits_loss_and_gradients(name, lam, dtype, tolerance):
    ours, theirs = results(MODELS[name], dtype, lam)
    assert ours.keys() == theirs.keys()
    for tensor, expected in theirs.items():
        assert ours[tensor].dtype == expected.dtype == dtype, tensor
        largest = np.abs(expected).max()
        np.testing.assert_allclose(ours[tensor], expected, rtol=0, atol=tolerance * largest, err_msg=tensor)


def torch_training(recipe, dataset, split):
    """Loss and gradient norm of each step (§4.2), from numser's initial values and in numser's order."""
    state = initial_state(recipe, len(dataset.classes), len(split.train))
    model = SeparableSER(len(dataset.classes), recipe.blocks)
    params = {name: leaf(w) for name, w in state.params.items()}
    m, v = ({name: torch.zeros_like(w) for name, w in params.items()} for _ in "mv")
    counts = np.bincount(dataset.labels[split.train])
    weights = (counts.max() / (counts + 0.5))[dataset.labels]
    lam = np.array([{"A": 0, "B": recipe.lambda_b, "C": recipe.lambda_c}[level] for level in dataset.levels])
    for step in range(1, recipe.steps + 1):
        batch = split.train[state.order.next_batch(recipe.batch_size)]
        logits = torch.stack([logits_of(model, params, torch.from_numpy(dataset.log_mels[i])) for i in batch])
        loss = focal(logits, dataset.labels[batch], weights[batch], lam[batch])
        grads = dict(zip(params, torch.autograd.grad(loss, list(params.values())), strict=True))
        norm = torch.sqrt(sum((g**2).sum() for g in grads.values()))
        with torch.no_grad():
            for name, g in grads.items():
                g = g * min(1, recipe.clip / norm)
                m[name] = 0.9 * m[name] + 0.1 * g
                v[name] = 0.999 * v[name] + 0.001 * g**2
                # torch.optim.Adam adds ε to a √v that is already corrected, so it weighs less there in early steps
                rate = recipe.lr * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                params[name] -= rate * m[name] / (v[name].sqrt() + 1e-8)
        yield loss.item(), norm.item()


@pytest.mark.network
def test_the_first_steps_of_a_training():
    rng = np.random.default_rng(5)
    labels = rng.choice(3, size=24, p=[0.5, 0.3, 0.2])
    log_mels = LogMels([rng.normal(size=(n, 128)).astype(np.float32) for n in rng.integers(20, 61, size=24)])
    classes = ("anger", "happiness", "sadness")
    utterances = [Utterance(f"u{i}", classes[label]) for i, label in enumerate(labels)]
    dataset = Dataset(utterances, classes, labels, tuple(rng.choice(list("ABC"), size=24)), log_mels, [0] * 24)
    split = Split(train=np.arange(6, 24), validation=np.arange(6), test=np.arange(0))
    # the gradients of so easy a task stay below the paper's limit of 5; a limit of 1 has work to do
    recipe = Recipe(blocks=1, loss="focal", steps=20, batch_size=8, lr=1e-3, clip=1.0)
    ours = []
    state = initial_state(recipe, len(classes), len(split.train))
    train(recipe, dataset, split, state, on_step=lambda _, loss: ours.append(loss))
    theirs, norms = zip(*torch_training(recipe, dataset, split), strict=True)
    assert min(norms) < recipe.clip < max(norms)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3)
