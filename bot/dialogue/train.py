"""Training the dialogue model from config, domain, rules and examples; an unchanged tree is trained once."""

import hashlib
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

DATA = "nlu_data/training"
# What a conversation does once it is understood; a model holds a copy of it.
PROGRAM = ("config.yml", "bot/domain", "bot/rules")
INPUTS = (*PROGRAM, DATA, "nlu_data/words.yml", "tagging")
CODE = tuple(f"bot/dialogue/{name}.py" for name in ("features", "linear", "components", "findings", "intent"))
MODELS = "models"

Progress = Callable[[float, str], None]


class TrainingError(Exception):
    """The model could not be trained; the message says what Rasa refused."""

    code, permanent = "training_failed", True


def fingerprint(root: Path) -> str:
    """A digest of everything that decides what the model learns: data, rules, the language tables, the code and its libraries."""
    return _digest(root, (*INPUTS, *CODE))


def program(root: Path) -> str:
    """A digest of what a model must have been trained for to be at work in this tree, whatever examples it has learned from."""
    return _digest(root, (*PROGRAM, *CODE))


def _digest(root: Path, names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for library in ("rasa", "scikit-learn", "numpy"):
        digest.update(f"{library} {version(library)}\n".encode())
    for name in names:
        for path in [root / name] if (root / name).is_file() else sorted((root / name).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def model_path(root: Path, out: Path | None = None) -> Path:
    """Where the model of the tree as it is now belongs, trained or not. `out` is the folder of models, by default root/models."""
    return (out or root / MODELS) / f"careloop-{fingerprint(root)}.tar.gz"


def found_model(root: Path) -> Path | None:
    """The model of the tree as it is now, else the newest there is; None when nothing has been trained yet."""
    exact = model_path(root)
    if exact.exists():
        return exact
    return max(exact.parent.glob("careloop-*.tar.gz"), key=lambda path: path.stat().st_mtime, default=None)


def train(root: Path, out: Path, *, on_progress: Progress = lambda done, what: None) -> Path:
    """Train a model of the tree below `root` into the folder `out`, and return its path; at once if it is there already.

    Blocking, about 20 s, most of it Rasa's import. `on_progress` gets the share that is done (0 to 1) and what is being done.
    The file appears under its name only when it is whole. Raises TrainingError.
    """
    path = model_path(root, out)
    if path.exists():
        on_progress(1.0, "ready")
        return path
    train_on(root, root / DATA, path, on_progress=on_progress)
    _forget_old(out)
    return path


def train_on(root: Path, data: Path, path: Path, *, on_progress: Progress = lambda done, what: None) -> None:
    """Train a model of the tree below `root`, but on the examples in `data`, into the file `path`. Otherwise like `train`."""
    on_progress(0.0, "loading Rasa")
    from bot.dialogue import quiet

    with quiet.quietly():
        import rasa.model_training
        import rasa.shared.utils.cli
    rasa.shared.utils.cli.print_success = lambda *args, **kwargs: None
    on_progress(0.6, "training")
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent) as folder, quiet.quietly():
        try:
            result = rasa.model_training.train(
                domain=str(root / "bot/domain"),
                config=str(root / "config.yml"),
                training_files=[str(data), str(root / "bot/rules")],
                output=folder,
                fixed_model_name=path.name,
                force_training=True,
            )
        except Exception as err:
            raise TrainingError(f"The dialogue model cannot be trained: {err}") from err
        if result.code != 0 or not result.model:
            raise TrainingError(f"The dialogue model cannot be trained: Rasa says {result.code}.")
        on_progress(0.95, "saving")
        os.replace(result.model, path)
    on_progress(1.0, "ready")


# A worker that started with an older model may still read it; more than these are of no use to anybody.
KEPT = 5


def _forget_old(out: Path) -> None:
    """Remove all but the newest models of `out`."""
    models = sorted(out.glob("careloop-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    for old in models[:-KEPT]:
        old.unlink(missing_ok=True)
