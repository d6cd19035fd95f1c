"""Damaged files of every kind that numser reads, thousands of them.

    python tests/mutated_input.py --each 500

Each input is a valid file in which a seeded generator has changed, cut, doubled or moved bytes, or has put odd
values, arrays and headers in the place of sound ones. It is given to the command that reads such files, in a process
of its own kind, which may end in success or in one sentence, and in nothing else: no traceback, no crash, no more
than 10 s of processor time, no more than 1 GiB, no file where none belongs, no control character on the screen.
"""

import argparse
import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Empty, Queue
from typing import NamedTuple

TESTS = Path(__file__).parent
SECONDS, MEMORY = 10, 2**30  # what one input may take: of processor time, and of memory
HUNG = 12  # times as long by the clock, for a machine that is busy with other things
WORDS = 5_010  # characters that a refusal may have: it names a path, which may have 4096


# Mutations: bytes and a generator in, bytes out.


def flip(data: bytearray, rng: random.Random) -> None:
    """Change single bits."""
    for _ in range(rng.choice((1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut(data: bytearray, rng: random.Random) -> None:
    """Lose the end."""
    del data[rng.randrange(len(data)) :]


def lose(data: bytearray, rng: random.Random) -> None:
    """Lose a part."""
    begin = rng.randrange(len(data))
    del data[begin : begin + rng.choice((1, 2, 4, 100, 4000))]


def double(data: bytearray, rng: random.Random) -> None:
    """Say a part twice."""
    begin = rng.randrange(len(data))
    data[begin:begin] = data[begin : begin + rng.choice((1, 4, 100, 4000))]


def number(data: bytearray, rng: random.Random) -> None:
    """Put an extreme number somewhere, most likely into a header or a directory."""
    value = rng.choice((0, 1, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1, rng.getrandbits(64)))
    size = rng.choice((1, 2, 4, 8))
    near = rng.randrange(min(len(data), 200))
    begin = rng.choice((near, len(data) - 1 - near, rng.randrange(len(data))))
    data[begin : begin + size] = (value % 2 ** (8 * size)).to_bytes(size, rng.choice(("little", "big")))


def word(data: bytearray, rng: random.Random) -> None:
    """Put a word that programs stumble over somewhere."""
    words = b'nan -1 1e999 0 999999999999999999999 null [] {} \x00 \xff\xfe \n\n \t , ; " ../../x /etc/passwd'.split(
        b" "
    )
    begin = rng.randrange(len(data))
    data[begin : begin + rng.choice((0, 1, 5))] = rng.choice(words)


def blank(data: bytearray, rng: random.Random) -> None:
    """Overwrite a part with one byte."""
    begin = rng.randrange(len(data))
    end = min(len(data), begin + rng.choice((4, 64, 2000)))
    data[begin:end] = bytes([rng.choice((0, 255, 32))]) * (end - begin)


def swell(data: bytearray, rng: random.Random) -> None:
    """Say one byte, or a few, very often."""
    begin = rng.randrange(len(data))
    data[begin:begin] = data[begin : begin + rng.choice((1, 1, 2, 7))] * rng.choice((10_000, 80_000))


MUTATIONS = (flip, cut, lose, double, number, word, blank, swell)


def mutated(valid: bytes, seed: int) -> bytes:
    """A valid file's bytes, changed in one to four ways."""
    rng, data = random.Random(seed), bytearray(valid)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if data:
            rng.choice(MUTATIONS)(data, rng)
    return bytes(data)


def odd_value(rng: random.Random) -> object:
    """What nobody expects where something else stood."""
    numbers = (-1, 0, 1.5, 2.0, 10**9, 2**70, 10**400, 1e308, float("nan"), float("inf"), -float("inf"))
    texts = ("", "x", "../x", "x" * 300, "x" * 10**6, "\ud800", "\udcff", "\0", "=1+1", "a\x1b[2J\nb", "1")
    others = (None, True, [], {}, [[]], {"a": 1}, [1, 2, 3], [["x" * 1000] * 100] * 100)
    return rng.choice(rng.choice((numbers, texts, others)))


def odd_json(value: object, rng: random.Random) -> object:
    """A JSON value in which one thing has another value, is missing, or is there twice."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        value = value.copy()
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        how = rng.random()
        if how < 0.15:
            del value[key]
        elif how < 0.25 and isinstance(value, list):
            value.append(value[key])
        elif how < 0.25:
            value[f"{key}x"] = value[key]
        else:
            value[key] = odd_json(value[key], rng)
        return value
    return odd_value(rng)


def mutated_json(valid: bytes, seed: int) -> bytes:
    """Half of them sound JSON with odd contents."""
    rng = random.Random(-seed)
    return mutated(valid, seed) if seed % 2 else json.dumps(odd_json(json.loads(valid), rng)).encode()


def mutated_arrays(valid: bytes, seed: int) -> bytes:
    """Half of them sound archives in which one array is missing, too many, of another kind, or not finite."""
    import numpy as np

    if seed % 2:
        return mutated(valid, seed)
    rng = random.Random(-seed)
    with np.load(io.BytesIO(valid)) as file:
        arrays = dict(file)
    name = rng.choice(list(arrays))
    array = arrays[name]
    how = rng.randrange(11)
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[f"{name}x"] = array
    elif how == 2 and array.dtype.kind == "f":
        arrays[name] = np.full_like(array, rng.choice((np.nan, np.inf, 3e38, 0, -1)))
    elif how == 3:
        arrays[name] = np.resize(array, rng.choice(((), (0,), (1,), (7, 3), (2,) * 20)))
    elif how == 4 and array.dtype.kind == "f":
        arrays[name] = array.astype(rng.choice(("U8", "S3", "?", "f8", "f2", "c8", ">f4")))
    else:
        arrays["about"] = np.array(json.dumps(odd_json(json.loads(str(arrays["about"])), rng)))
    file = io.BytesIO()
    np.savez(file, **arrays)
    if how >= 9:
        with zipfile.ZipFile(file, "a") as archive:
            archive.filelist = [member for member in archive.filelist if member.filename != f"{name}.npy"]
            archive.writestr(f"{name}.npy", odd_header(array, rng))
    return file.getvalue()


def odd_header(array: object, rng: random.Random) -> bytes:
    """An array that holds no bytes, or whose header is no header; with honest sizes and checksums."""
    import numpy as np

    sound, odd = io.BytesIO(), io.BytesIO()
    np.save(sound, array)
    if rng.random() < 0.4:
        text = bytearray(sound.getvalue())
        end = text.index(b"}")
        text[rng.choice((end, rng.randrange(10, end)))] = rng.choice(b" }{('\"#\\\n\0")
        return bytes(text)
    descr = rng.choice(("<U0", "|V0", "|S0", "<f4", "<f8", "<i8", "|O", [("a", "<f4", (0,))], [("a", "|V0")], "<U1"))
    count = rng.choice((0, 1, 10**6, 10**9, 2**40, 2**62))
    empty = isinstance(descr, str) and descr[-1] != "0" and descr != "|O"
    shape = (
        rng.choice(((count, 0), (0, count), (count, 0, count))) if empty else rng.choice(((count,), (count, 2), ()))
    )
    np.lib.format.write_array_header_1_0(odd, {"descr": descr, "fortran_order": False, "shape": shape})
    return odd.getvalue()


# Kinds of files: each makes a valid one in an empty folder, and says what is done with it.

Kind = Callable[[Path], tuple[Path, Callable[[], object]]]


def _sound(folder: Path, name: str, **how) -> Path:
    import numpy as np
    import soundfile
    from conftest import syllables

    rng = np.random.default_rng(list(name.encode()))  # each another one: copies are passed over
    samples = 0.1 * rng.standard_normal((8000, 2)) * syllables(8000)[:, None]
    soundfile.write(folder / name, samples, 16_000, **how)
    return folder / name


def _model(folder: Path) -> Path:
    import numpy as np

    from numser.features import PAPER, Standardiser
    from numser.model import BANDS, UNITS, SeparableSER
    from numser.readout import SpeakerHead
    from numser.recogniser import Recogniser

    model = SeparableSER(2, blocks=0)
    standardiser = Standardiser(np.full(BANDS, -40, np.float32), np.full(BANDS, 15, np.float32))
    params = model.init(np.random.default_rng(0))
    shapes = SpeakerHead.shapes(4 * UNITS, 2)
    head = SpeakerHead.of({name: np.ones(shape, np.float32) for name, shape in shapes.items()})
    Recogniser(model, params, ("anger", "neutral"), PAPER, standardiser, "noise", head).save(folder / "model.npz")
    return folder / "model.npz"


def sound(name: str, **how) -> Kind:
    """A sound file, given to numser.predict."""

    def kind(folder: Path):
        from numser import predict

        model, path = _model(folder), _sound(folder, name, **how)
        return path, lambda: predict.main([str(model), str(path), "--format", "json"])

    return kind


def model(folder: Path):
    """A trained model, given to numser.predict."""
    from numser import predict

    path, heard = _model(folder), _sound(folder, "a.wav")
    return path, lambda: predict.main([str(path), str(heard)])


def state(folder: Path):
    """A training state, given to numser.train --resume."""
    from conftest import write_tiny_corpus

    from numser import train

    (folder / "emodb").mkdir()
    write_tiny_corpus(folder / "emodb")
    out = ["--out", str(folder / "run"), "--steps", "2"]
    tiny = ["--blocks", "0", "--batch-size", "4"]
    train.main(["--corpus", "emodb", "--data", str(folder / "emodb"), *out, *tiny])
    return folder / "run" / "state.npz", lambda: train.main(["--resume", *out])


def result(folder: Path):
    """A finished fold's result, given to numser.crossval."""
    from conftest import write_tiny_corpus

    from numser import crossval

    (folder / "emodb").mkdir()
    write_tiny_corpus(folder / "emodb")
    command = ["--corpus", "emodb", "--data", str(folder / "emodb"), "--speakers", "--jobs", "1"]
    command += ["--out", str(folder / "runs"), "--blocks", "0", "--batch-size", "4", "--steps", "1"]
    crossval.main(command)
    return folder / "runs" / "speaker08" / "result.json", lambda: crossval.main(command)


def table(folder: Path):
    """A table of recordings, given to numser.evaluate."""
    from numser import evaluate

    model, _ = _model(folder), [_sound(folder, f"{n}.wav") for n in range(3)]
    path = folder / "table.csv"
    path.write_text("path,label,speaker,votes\n0.wav,anger,A,0.9\n1.wav,neutral,B,\n2.wav,anger,C,1\n")
    return path, lambda: evaluate.main([str(model), "--corpus", "table", "--data", str(path)])


def upload(folder: Path):
    """A recording of almost five minutes, posted to numser.demo, of which the head alone is changed."""
    import numpy as np
    import soundfile
    from conftest import syllables

    from numser.demo.answer import answer
    from numser.recogniser import load

    recogniser, path, rate = load(_model(folder)), folder / "head", 192_000
    with soundfile.SoundFile(folder / "a.wav", "w", rate, 1, "PCM_U8") as sound:
        second = 0.1 * np.random.default_rng(0).standard_normal(rate) * syllables(rate, rate)
        for _ in range(290):
            sound.write(second)
    whole = (folder / "a.wav").read_bytes()
    path.write_bytes(whole[:60])

    return path, lambda: answer(recogniser, path.read_bytes() + whole[60:])


def _reported(folder: Path, name: str):
    from made_runs import row, write_run

    from numser import report

    run = write_run(folder / "runs" / "fold0", [row("a"), row("b", "neutral"), row("c", "neutral", "anger")])
    write_run(folder / "runs" / "fold1", [], fold=1, ended=False)
    path = folder / "runs" / "fold1" / name if name != "result.json" else run / name
    return path, lambda: report.main([str(folder / "runs"), "--no-sound", "--out", str(folder / "report.html")])


def votes(folder: Path):
    """Emo-DB's erkennung.txt."""
    from numser.corpora import load_corpus

    (folder / "wav").mkdir()
    rows = ["Nr.\tSatz\terkannt\tnatuerlich"]
    for n, name in enumerate(("03a01Fa", "03a01Nc", "08a02Ta", "16b10Lb")):
        _sound(folder / "wav", f"{name}.wav")
        rows.append(f"{n}\xa0\xa0\t{name}.wav\t9{n},24\xa0\xa0\t35,00\xa0")
    path = folder / "erkennung.txt"
    path.write_bytes("\n".join(rows).encode("latin-1"))
    return path, lambda: load_corpus("emodb", folder).identity


def evaluation(folder: Path):
    """An evaluation file of IEMOCAP's."""
    from test_iemocap import TABLE_1, block, make

    from numser.corpora import iemocap

    texts = [block(f"Ses01F_impro03_F{n:03}", label, TABLE_1) for n, label in enumerate(("hap", "ang", "neu", "xxx"))]
    make(folder, {"Ses01F_impro03": "".join(texts)})
    path = folder / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro03.txt"
    return path, lambda: iemocap.load(folder).identity


def archive(folder: Path):
    """A zip archive, unpacked as Emo-DB's is."""
    from numser.cli import Progress
    from numser.corpora.fetch import BadArchive, unpack
    from numser.errors import InputError

    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for n in range(3):
            file.write(_sound(folder, f"{n}.wav"), f"top/wav/{n}.wav")
        file.writestr("top/votes.txt", "1\t0.wav\t90,00\n" * 1000)

    def use() -> None:
        shutil.rmtree(folder / "unpacked", ignore_errors=True)
        try:
            unpack(path, folder / "unpacked", re.compile(r"wav/\d\.wav|votes\.txt"), 10**7, Progress())
        except BadArchive as refusal:
            raise InputError(str(refusal)) from None

    return path, use


KINDS: dict[str, Kind] = {
    "wav": sound("a.wav"),
    "wav of floats": sound("a.wav", subtype="FLOAT"),
    "flac": sound("a.flac"),
    "ogg": sound("a.ogg"),
    "mp3": sound("a.mp3"),
    "model.npz": model,
    "state.npz": state,
    "result.json": result,
    "result in a report": lambda folder: _reported(folder, "result.json"),
    "config.json": lambda folder: _reported(folder, "config.json"),
    "history.csv": lambda folder: _reported(folder, "history.csv"),
    "upload": upload,
    "table.csv": table,
    "erkennung.txt": votes,
    "EmoEvaluation": evaluation,
    "zip": archive,
}
OTHERWISE = dict.fromkeys(("model.npz", "state.npz"), mutated_arrays)
OTHERWISE |= dict.fromkeys(("result.json", "result in a report", "config.json"), mutated_json)
SLOW = {"upload": 10}  # of so many inputs one is tried


# The worker tries inputs one by one, and says of each that it begins and how it ended.


def work(kind: str, seeds: Iterable[int]) -> None:
    """Try these inputs; a line before each and a line after it."""
    folder = Path(tempfile.mkdtemp(prefix="numser-mutated-")).resolve()
    root, backup = folder / "root", folder / "backup"
    say = os.fdopen(os.dup(1), "w", buffering=1)
    try:
        (root / "own").mkdir(parents=True)
        os.environ |= {"NUMSER_DATA": str(root / "own"), "NUMSER_OFFLINE": "1"}
        sys.path.insert(0, str(TESTS))
        os.chdir(root)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            path, use = KINDS[kind](root / "own")
            valid = path.read_bytes()
            use()
        shutil.copytree(root / "own", backup)
        for seed in seeds:
            path.write_bytes(OTHERWISE.get(kind, mutated)(valid, seed))
            say.write(f"begin {seed}\n")
            began = time.process_time()
            outcome = _outcome(use)
            seconds = time.process_time() - began
            for stray in (p for p in root.iterdir() if p.name != "own"):
                outcome = f"stray {stray.name}"
                stray.rename(folder / f"stray-{stray.name}-{seed}")
            say.write(f"end {seed} {outcome} {peak_memory()} {seconds:.1f}\n")
            if kind in ("state.npz", "result.json"):  # whose use writes
                shutil.rmtree(root / "own")
                shutil.copytree(backup, root / "own")
    finally:
        shutil.rmtree(folder)


def _outcome(use: Callable[[], object]) -> str:
    from numser.errors import CONTROL, InputError

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = use()
    except InputError as refusal:
        sentence = str(refusal)
        return "refused" if 0 < len(sentence) < WORDS else f"traceback {len(sentence)} characters, {sentence[:300]!r}"
    except BaseException as error:
        import traceback

        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"traceback {type(error).__name__}:{error} at {where.filename}:{where.lineno}".replace("\n", " ")
    if control := CONTROL.search(said.getvalue().replace("\n", "")):
        return f"traceback shows {control[0]!r}"
    return "refused" if code == 2 else "taken"


def peak_memory() -> int:
    """The most memory that this process has had, in bytes. Linux lets getrusage begin with the peak of the parent."""
    with contextlib.suppress(OSError):
        return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# The watcher starts workers, anew after each crash or hang, and counts.


class Found(NamedTuple):
    """What came of the inputs of a kind."""

    counts: Counter  # taken, refused
    wrong: list[str]  # in words
    seconds: float = 0.0  # of processor time, and
    memory: int = 0  # bytes: the most that one took


def watch(kind: str, seeds: list[int]) -> Found:
    """Let a worker try these inputs. What it leaves behind is removed."""
    with tempfile.TemporaryDirectory(prefix="numser-mutated-") as folder:
        return _watch(kind, seeds, os.environ | {"TMPDIR": folder})


def _watch(kind: str, seeds: list[int], environment: dict[str, str]) -> Found:
    counts, wrong, most, largest = Counter(), [], 0.0, 0
    while seeds:
        command = [sys.executable, __file__, "--work", kind, str(seeds[0]), str(seeds[-1])]
        worker = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        lines: Queue[str] = Queue()
        reader = threading.Thread(target=lambda w=worker, q=lines: [*map(q.put, w.stdout), q.put("")], daemon=True)
        reader.start()
        begun, hung = None, False
        try:
            while seeds:
                try:
                    line = lines.get(timeout=SECONDS * HUNG if begun is not None else 600)
                except Empty:
                    hung = worker.poll() is None
                    break
                if not line:  # it has ended
                    worker.wait()
                    break
                what, seed, *rest = line.split(maxsplit=2)
                if what == "begin":
                    begun = int(seed)
                    continue
                outcome, seeds, begun = rest[0], seeds[seeds.index(int(seed)) + 1 :], None
                if not outcome.startswith(("taken", "refused")):
                    wrong.append(f"{kind} {seed}: {outcome.rsplit(maxsplit=2)[0]}")  # without memory and seconds
                    continue
                ended, memory, seconds = outcome.split()
                counts[ended] += 1
                most, largest = max(most, float(seconds)), max(largest, int(memory))
                if float(seconds) > SECONDS:
                    wrong.append(f"{kind} {seed}: {seconds} s")
                if int(memory) > MEMORY:
                    wrong.append(f"{kind} {seed}: {int(memory) / 2**20:.0f} MiB of memory")
                    break
        finally:
            worker.kill()
            worker.wait()
            reader.join()
            worker.stdout.close()
        if begun is not None:
            wrong.append(f"{kind} {begun}: " + ("took too long" if hung else f"crashed with {worker.returncode}"))
            seeds = seeds[seeds.index(begun) + 1 :]
        elif seeds and not counts and not wrong:
            raise RuntimeError(f"{kind}: the worker did not begin; run it: {' '.join(command)}")
    return Found(counts, wrong, most, largest)


def main() -> int:
    """Try so many inputs of each kind, or of one, and print what came out."""
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--each", type=int, default=500, help="inputs of each kind (default 500)")
    p.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    p.add_argument("--kind", choices=KINDS, help="only this kind")
    p.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.work:
        kind, first, last = args.work
        work(kind, range(int(first), int(last) + 1))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    total, everything_wrong = 0, []
    for kind in [args.kind] if args.kind else KINDS:
        begin, each = time.monotonic(), max(args.each // SLOW.get(kind, 1), 1)
        counts, wrong, seconds, memory = watch(kind, list(range(args.first, args.first + each)))
        total += each
        everything_wrong += wrong
        found = f"{counts['taken']} taken, {counts['refused']} refused, {len(wrong)} wrong"
        most = f"at most {seconds:.1f} s, {memory / 2**20:.0f} MiB"
        print(f"{kind:<18} {found}; {most}  ({time.monotonic() - begin:.0f} s)", flush=True)
        for sentence in wrong[:20]:
            print(f"    {sentence}", flush=True)
    print(f"{total} inputs, {len(everything_wrong)} wrong")
    return 1 if everything_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
