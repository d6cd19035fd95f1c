"""Work that is killed between any two of its file operations, and then done again.

    python tests/killed_at_every_write.py train|fold|reproduce|report|export [EVERY]

The work is done undisturbed first, and its file operations are counted: opening a file to write, each part that is
written, forcing it to disk, renaming, removing, making a folder. Then it is done once for each of them, in a process
that ends there as if by `kill -9`. What is then on disk must be readable, and doing the work again must end with the
bits of the undisturbed work. Printed is how many operations there were. EVERY 5 tries only every fifth.
"""

import builtins
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parent
KILLED = 99


class Counter:
    """Counts file operations below a folder, and ends the process before number `last`."""

    def __init__(self, folder: Path, last: int | None):
        self.folder, self.last, self.count = str(folder), last, 0
        sys.addaudithook(self.audit)
        self.fsync, self.open = os.fsync, builtins.open
        os.fsync = lambda descriptor: (self.one(), self.fsync(descriptor))
        builtins.open = self.opened

    def one(self) -> None:
        """One more operation."""
        self.count += 1
        if self.count == self.last:
            os._exit(KILLED)

    def audit(self, event: str, args: tuple) -> None:
        """What Python tells of what it does."""
        if event == "open":
            path, _, flags = args
            if isinstance(path, str | Path) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.below(path)
        elif event in ("os.rename", "os.remove", "os.mkdir"):
            self.below(args[0])

    def below(self, path) -> None:
        """An operation on this path."""
        if str(path).startswith(self.folder):
            self.one()

    def opened(self, path, mode="r", *args, **kwargs):
        """A file whose parts are counted as they are written, and of which only half of one may come."""
        file = self.open(path, mode, *args, **kwargs)
        if "w" in mode and str(path).startswith(self.folder):
            plain = file.write

            def write(part):
                half = len(memoryview(part)) // 2 if isinstance(part, bytes | bytearray) else 0
                if self.count + 1 == self.last and half:
                    plain(part[:half])
                    file.flush()
                self.one()
                return plain(part)

            file.write = write
        return file


def in_a_process(work: Callable[[], object], folder: Path, last: int | None = None) -> int:
    """Do the work in a child of this process, which ends at operation `last`. Returns how many there were."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            counter = Counter(folder, last)
            work()
            os.write(writing, str(counter.count).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    count = os.read(reading, 100)
    os.close(reading)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == (KILLED if last else 0), f"killed at {last}, the process ended with {code}"
    return int(count or 0)


def train(folder: Path) -> tuple[Callable, Callable, Callable]:
    """A training of four steps: doing it, doing it again, and what must hold on disk in between."""
    from conftest import write_tiny_corpus

    from numser import train
    from numser.files import read_arrays

    corpus = folder.parent / "corpus"
    corpus.mkdir()
    write_tiny_corpus(corpus)
    out = ["--out", str(folder / "run")]
    options = ["--corpus", "emodb", "--data", str(corpus), "--blocks", "0", "--batch-size", "4", "--steps", "4"]
    options += ["--validate-every", "2", *out]

    def again() -> None:
        resume = (folder / "run" / "state.npz").exists()
        train.main(["--resume", *out] if resume else options)

    def check() -> None:
        for name, kind in (("state.npz", "training state"), ("model.npz", "model")):
            if (folder / "run" / name).exists():
                read_arrays(folder / "run" / name, kind)

    return lambda: train.main(options), again, check


def fold(folder: Path) -> tuple[Callable, Callable, Callable]:
    """Two folds of a cross-validation, one after the other."""
    from concurrent.futures import ThreadPoolExecutor

    from conftest import write_tiny_corpus

    from numser.corpora import load_corpus
    from numser.recipe import Recipe
    from numser.runs.config import Config
    from numser.runs.folder import CrossvalidationFolder
    from numser.runs.folds import run_folds
    from numser.runs.result import read_result

    corpus = folder.parent / "corpus"
    corpus.mkdir()
    write_tiny_corpus(corpus)
    recipe = Recipe(blocks=0, steps=2, batch_size=4, validate_every=2)
    folds = {f"fold{k}": Config("emodb", str(corpus), k, None, recipe) for k in range(2)}
    identity, out = load_corpus("emodb", corpus).identity, folder / "folds"

    def work() -> None:
        write_table = CrossvalidationFolder(out).write_table
        run_folds(folds, out, lambda: ThreadPoolExecutor(1), identity, on_result=write_table)

    def check() -> None:
        for result in out.glob("*/result.json"):
            read_result(result)
        if (out / "folds.csv").exists():
            assert (out / "folds.csv").read_text().endswith("\n")

    return work, work, check


def reproduce(folder: Path) -> tuple[Callable, Callable, Callable]:
    """The nine runs of the paper's table 5, and the table."""
    from concurrent.futures import ThreadPoolExecutor

    from conftest import write_tiny_corpus

    from numser import reproduce
    from numser.runs import folds
    from numser.runs.result import read_result

    corpus = folder.parent / "corpus"
    corpus.mkdir()
    write_tiny_corpus(corpus)
    folds.workers = lambda jobs, address: ((lambda: ThreadPoolExecutor(1)), 1)  # in the process that is killed
    command = ["table5", "--corpus", "emodb", "--data", str(corpus), "--no-speakers", "--out", str(folder / "out")]
    command += ["--steps", "1", "--batch-size", "4", "--validate-every", "1"]

    def check() -> None:
        for result in folder.rglob("result.json"):
            read_result(result)
        for table in folder.rglob("folds.csv"):
            assert table.read_text().endswith("\n")

    return lambda: reproduce.main(command), lambda: reproduce.main(command), check


def report(folder: Path) -> tuple[Callable, Callable, Callable]:
    """A report and a picture of a run."""
    from made_runs import row, write_run

    from numser import report

    write_run(folder.parent / "run", [row("a"), row("b", "neutral"), row("c", "neutral", "anger")])
    command = [str(folder.parent / "run"), "--no-sound", "--out", str(folder / "a.html")]
    command += ["--picture", str(folder / "a.png")]
    return _file_by_file(lambda: report.main(command), folder, {"a.html": b"</html>\n", "a.png": b"IEND\xaeB`\x82"})


def export(folder: Path) -> tuple[Callable, Callable, Callable]:
    """A model as an ONNX file, with what stands beside it."""
    from mutated_input import _model

    from numser import export

    model = _model(folder.parent)
    command = [str(model), str(folder / "model.onnx"), "--audonnx"]
    return _file_by_file(lambda: export.main(command), folder, {"model.json": b"}\n", "model.yaml": b"null\n"})


def _file_by_file(work: Callable[[], object], folder: Path, ends: dict[str, bytes]) -> tuple[Callable, ...]:
    def in_its_folder() -> None:
        folder.mkdir(exist_ok=True)
        work()

    def check() -> None:
        for name, end in ends.items():
            if (folder / name).exists():
                assert (folder / name).read_bytes().endswith(end)

    return in_its_folder, in_its_folder, check


KINDS = {work.__name__: work for work in (train, fold, reproduce, report, export)}


def main(kind: str, every: int = 1) -> None:
    """Kill the work at each of its file operations."""
    sys.path.insert(0, str(TESTS))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where forcing to disk takes no time
    with tempfile.TemporaryDirectory(prefix="numser-killed-", dir=memory) as root:
        folder = Path(root).resolve() / "work"
        work, again, check = KINDS[kind](folder)
        operations = in_a_process(work, folder)
        expected = contents(folder)
        assert operations > 3 and expected
        moments = range(every, operations + 1, every)
        for last in moments:
            shutil.rmtree(folder, ignore_errors=True)
            in_a_process(work, folder, last)
            in_a_process(check, folder)
            in_a_process(again, folder)
            found = contents(folder)
            other = sorted(name for name in expected | found if expected.get(name) != found.get(name))
            assert not other, f"killed at operation {last}, the work ended with other files: {', '.join(other)}"
        print(f"{kind}: killed at {len(moments)} of {operations} file operations")


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all files that do not tell times, by name."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    return {name: b"" if name.endswith(("result.json", "folds.csv")) else file for name, file in files.items()}


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
