"""The two parts of the NLU pipeline, as Rasa graph components. Rasa imports this module when config.yml names it."""

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from actions.turn import ambient_turn
from bot.dialogue import findings
from bot.dialogue.intent import IntentReader, counted, understood_alone
from bot.dialogue.linear import fit
from tagging.understanding import Understanding


def understanding_of(text: str) -> Understanding:
    """The understanding that the turn already made of `text`, or a new one without context."""
    turn = ambient_turn()
    if turn is not None and turn.text == text:
        return turn.understanding
    return understood_alone(text)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class ClinicalEntities(GraphComponent, EntityExtractorMixin):
    """Sets the entities that the clinical language rules find; no second extractor guesses beside them."""

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> "ClinicalEntities":
        """As Rasa's engine asks for it."""
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the entities of each message."""
        for message in messages:
            found = findings.entities(understanding_of(message.get(TEXT) or ""))
            message.set(ENTITIES, [*message.get(ENTITIES, []), *found], add_to_output=True)
        return messages


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class CharLinearClassifier(GraphComponent, IntentClassifier):
    """Character n-grams into one linear machine; what is below the calibrated threshold is `nlu_fallback`, with the guess behind it."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`longest` n-gram, `c` of the linear machine, `wrong_cost` in rejections, the intents of utterances with findings, and the
        confidence from which on what may be out of scope is turned `away`."""
        return {"longest": 2, "c": 2.0, "wrong_cost": 1.5, "clinical": ["report", "ask_question"], "away": 0.1}

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource, reader: IntentReader | None = None) -> None:
        self._config, self._storage, self._resource, self._reader = config, storage, resource, reader

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> "CharLinearClassifier":
        """As Rasa's engine asks for it, before training."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext, **_: Any
    ) -> "CharLinearClassifier":
        """As Rasa's engine asks for it, with a trained model."""
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, IntentReader.read(folder))

    def train(self, training_data: TrainingData) -> Resource:
        """Fit and store the model."""
        # In the order of the text, so that the order of files plays no part.
        examples = sorted((m.get(TEXT), m.get(INTENT)) for m in training_data.intent_examples if m.get(TEXT))
        counts = [counted(text, understanding_of(text), longest=self._config["longest"]) for text, _ in examples]
        model = fit(counts, [intent for _, intent in examples], c=self._config["c"], wrong_cost=self._config["wrong_cost"])
        self._reader = IntentReader(model, self._config["longest"], tuple(self._config["clinical"]), self._config["away"])
        with self._storage.write_to(self._resource) as folder:
            self._reader.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set intent and ranking of each message."""
        for message in messages:
            text = message.get(TEXT) or ""
            assert self._reader is not None  # noqa: S101 - Rasa loads before it asks
            ranked = self._reader.rank(text, understanding_of(text))
            ranking = [{"name": name, "confidence": confidence} for name, confidence in ranked[:3]]
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        return messages
