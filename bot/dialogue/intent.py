"""Which intent an utterance has: the linear model over its characters and over what the language rules found. No Rasa in here."""

import json
import tarfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.dialogue import findings
from bot.dialogue.features import features, word_groups
from bot.dialogue.linear import LinearModel
from bot.dialogue.train import found_model
from tagging.content import default_content
from tagging.patient import PatientFacts
from tagging.topic import find_topic
from tagging.understanding import Understanding, understand

# Reading a text for its intent alone needs no clock; relative times in it are not looked at.
ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
FALLBACK, OUT_OF_SCOPE = "nlu_fallback", "out_of_scope"
# The folder of the model archive that holds what `IntentReader.save` wrote, and its files.
COMPONENT = "CharLinearClassifier"
SETTINGS = "intent.json"
FILES = {"weights.npz", "model.json", SETTINGS}


def understood_alone(text: str) -> Understanding:
    """What a text says of which nothing else is known; the level is not looked at, so that the rules alone read it."""
    return understand(text, context=None, patient=PatientFacts(age_days=None), now=ANY_TIME, content=default_content().rules_only)


def counted(text: str, understood: Understanding, *, longest: int) -> Counter[str]:
    """The features of `text`: character n-grams up to `longest`, with and without stand-ins for findings, and groups of words."""
    return features(text, findings.spans(understood), word_groups(), longest=longest)


@dataclass(frozen=True)
class IntentReader:
    """A trained model and how it is used.

    `clinical` are the intents of reports and questions about the child, in this order. From the confidence `away` on, what may be out
    of scope is turned away even where another intent is likelier, unless the language rules found something about the child in it.
    """

    model: LinearModel
    longest: int
    clinical: tuple[str, str]
    away: float = 1.0

    def rank(self, text: str, understood: Understanding) -> list[tuple[str, float]]:
        """All intents with their confidence, best first; where the best is not believed, what is acted upon stands before them.

        That is `out_of_scope`, `nlu_fallback`, or a report or a question when the language rules found something, with the threshold
        as confidence.
        """
        ranked = self.model.rank(counted(text, understood, longest=self.longest))
        doubt = next((confidence for name, confidence in ranked[1:] if name == OUT_OF_SCOPE), 0.0)
        if doubt >= self.away and not findings.says_something(understood):
            return [(OUT_OF_SCOPE, max(doubt, self.model.threshold)), *ranked]
        if ranked[0][1] >= self.model.threshold:
            return ranked
        return [(self._unsure(text, understood, ranked), self.model.threshold), *ranked]

    def classify(self, text: str, understood: Understanding) -> tuple[str, float]:
        """Intent and confidence, `nlu_fallback` for what is not understood."""
        return self.rank(text, understood)[0]

    def of_text(self, text: str) -> tuple[str, float]:
        """Intent and confidence of a text of which nothing else is known."""
        return self.classify(text, understood_alone(text))

    def _unsure(self, text: str, understood: Understanding, ranked: list[tuple[str, float]]) -> str:
        """With a number, a symptom or a medicine in it, it is about the child, however strange the rest of the sentence is."""
        report, question = self.clinical
        if find_topic(text, understood.medicines) is not None:
            return question
        if findings.says_something(understood):
            return next(name for name, _ in ranked if name in self.clinical)
        return report if understood.medicines else FALLBACK

    def save(self, folder: Path) -> None:
        """Write the reader into `folder`."""
        self.model.save(folder)
        settings = {"longest": self.longest, "clinical": self.clinical, "away": self.away}
        (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "IntentReader":
        """The reader that `save` wrote into `folder`."""
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        return cls(LinearModel.read(folder), settings["longest"], tuple(settings["clinical"]), settings["away"])

    @classmethod
    def from_archive(cls, archive: Path) -> "IntentReader":
        """The reader inside a model archive. Raises ValueError when there is none in it."""
        with TemporaryDirectory() as folder, tarfile.open(archive) as members:
            for member in members:
                place = Path(member.name)
                if member.isfile() and COMPONENT in place.parent.name and place.name in FILES:
                    content = members.extractfile(member)
                    (Path(folder) / place.name).write_bytes(content.read() if content is not None else b"")
            if {path.name for path in Path(folder).iterdir()} != FILES:
                raise ValueError(f"{archive.name} holds no intent model that can be read without Rasa")
            return cls.read(Path(folder))


def reader_at_hand(root: Path) -> IntentReader | None:
    """The reader of the model at hand; None when nothing has been trained yet, or only by an older version."""
    found = found_model(root)
    try:
        return None if found is None else IntentReader.from_archive(found)
    except ValueError:
        return None
