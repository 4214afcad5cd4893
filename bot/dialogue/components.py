"""The two parts of the NLU pipeline, as Rasa graph components. Rasa imports this module when config.yml names it."""

from collections import Counter
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

from bot.dialogue import findings
from bot.dialogue.features import features, word_groups
from bot.dialogue.linear import LinearModel, fit

FALLBACK = "nlu_fallback"


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
            found = findings.entities(findings.understanding_of(message.get(TEXT) or ""))
            message.set(ENTITIES, [*message.get(ENTITIES, []), *found], add_to_output=True)
        return messages


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class CharLinearClassifier(GraphComponent, IntentClassifier):
    """Character n-grams into one linear machine; what is below the calibrated threshold is `nlu_fallback`, with the guess behind it."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`longest` n-gram, `c` of the linear machine, `wrong_cost` in rejections, and the intents of utterances with findings."""
        return {"longest": 2, "c": 1.0, "wrong_cost": 3.0, "clinical": ["report", "ask_question"]}

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource, model: LinearModel | None = None) -> None:
        self._config, self._storage, self._resource, self._model = config, storage, resource, model

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
            return cls(config, model_storage, resource, LinearModel.read(folder))

    def train(self, training_data: TrainingData) -> Resource:
        """Fit and store the model."""
        # In the order of the text, so that the order of files plays no part.
        examples = sorted((m.get(TEXT), m.get(INTENT)) for m in training_data.intent_examples if m.get(TEXT))
        counts = [self._features(text) for text, _ in examples]
        self._model = fit(
            counts,
            [intent for _, intent in examples],
            c=self._config["c"],
            wrong_cost=self._config["wrong_cost"],
        )
        with self._storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set intent and ranking of each message."""
        for message in messages:
            ranking = self._rank(message.get(TEXT) or "")
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking[:3], add_to_output=True)
        return messages

    def _rank(self, text: str) -> list[dict[str, Any]]:
        assert self._model is not None  # noqa: S101 - Rasa loads before it asks
        ranked = self._model.rank(self._features(text))
        ranking: list[dict[str, Any]] = [{"name": name, "confidence": confidence} for name, confidence in ranked]
        if ranked[0][1] >= self._model.threshold:
            return ranking
        if not findings.says_something(findings.understanding_of(text)):
            return [{"name": FALLBACK, "confidence": self._model.threshold}, *ranking]
        # With a number or a symptom in it, it is a report or a question about one, however strange the rest of the sentence is.
        about = next(name for name, _ in ranked if name in self._config["clinical"])
        return [{"name": about, "confidence": self._model.threshold}, *ranking]

    def _features(self, text: str) -> Counter[str]:
        spans = findings.spans(findings.understanding_of(text))
        return features(text, spans, word_groups(), longest=self._config["longest"])
