"""Finding the article that answers a question: words and character pairs weighed by how rare they are (BM25), then how alike the
question is to those that each article answers (plans/alike.py), with a sentence encoder if there is one.

A question that is not covered finds nothing, because nothing is better than an article about something else.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from plans.alike import Question, cutter, likeness
from plans.article import FOLDER, Article, load_articles
from plans.encoder import Encoder
from plans.template import Strict
from tagging.text import fold

SEARCH = Path(__file__).parent / "search.yml"

# BM25's usual saturation and length constants.
K1, B = 1.2, 0.75
# So many articles are compared question by question.
CANDIDATES = 8
# How nearly a question is one of an article's own.
NEARLY, EQUAL = 1, 2


class Near(Strict):
    """How much likeness counts beside the share that is covered, and how much of it is an answer whatever else is named."""

    weight: float
    enough: float


class SearchSettings(Strict):
    """search.yml: what counts for how much, which words say nothing, which words mean the same."""

    threshold: float
    within: float
    near: Near
    near_with_encoder: Near
    unknown: float
    weights: dict[str, float]
    stop: tuple[str, ...]
    same: dict[str, tuple[str, ...]]
    off_topic: tuple[str, ...]


@dataclass(frozen=True)
class Published:
    """Where an article of the library comes from: its version in the content centre, and the team that alone may use it (None: all).
    `page` says that its page holds more than the chat does."""

    version_id: int
    team_id: int | None
    page: bool = False


@dataclass(frozen=True)
class Hit:
    """An article; how much of the question it covers (0 nothing, 1 every word that says something, in its best place), and how alike
    the nearest of its own questions is (0 to 1). `score` joins the two; `own` tells whether it was asked one of its own questions: EQUAL
    in all words that say something, or NEARLY."""

    article: Article
    cover: float
    near: float
    score: float
    own: int = 0


class Library:
    """The articles in memory, with the index that is built once. `published` says where they come from, if from the content centre;
    `vectors` are what an encoder made of questions before, so that a changed library costs no more than its new questions."""

    def __init__(
        self,
        articles: Sequence[Article],
        settings: SearchSettings,
        cut: Callable[[str], Iterable[str]],
        encoder: Encoder | None = None,
        *,
        published: Mapping[str, Published] | None = None,
        vectors: dict[str, Any] | None = None,
    ):
        self.articles = {article.id: article for article in articles}
        self.published = published or {}
        self._settings, self._cut, self._encoder = settings, cut, encoder
        self._same = {other: word for word, others in settings.same.items() for other in others}
        self._same_pattern, self._stop_pattern = _any_of(self._same), _any_of(settings.stop)
        self._order = list(articles)
        self._subjects = [{self._alike(fold(word)) for word in (*article.keywords, *article.also)} for article in articles]
        self._frames = [{self._alike(fold(word)) for word in article.within} for article in articles]
        self._questions = [[Question.of(text) for text in (article.title, *article.questions)] for article in articles]
        self._equal: dict[str, set[int]] = {}
        for number, asked in enumerate(self._questions):
            for each in asked:
                self._equal.setdefault(each.same, set()).add(number)
        self._near = settings.near if encoder is None else settings.near_with_encoder
        if encoder is not None:
            self._owner = [number for number, asked in enumerate(self._questions) for _ in asked]
            self._vectors = _encoded(encoder, [text for article in articles for text in (article.title, *article.questions)], vectors)
        counts = [self._weigh(article) for article in articles]
        lengths = [sum(count.values()) for count in counts]
        mean = sum(lengths) / max(1, len(lengths))
        seen = Counter(term for count in counts for term in count)
        total = len(articles)
        self._idf = {term: math.log(1 + (total - n + 0.5) / (n + 0.5)) for term, n in seen.items()}
        # A term that no article knows is as rare as can be: it pulls the share of what is covered down.
        self._unknown = math.log(1 + (total + 0.5) / 0.5)
        self._postings: dict[str, list[tuple[int, float]]] = {}
        for number, (count, length) in enumerate(zip(counts, lengths, strict=True)):
            for term, times in count.items():
                damped = times / (times + K1 * (1 - B + B * length / mean))
                self._postings.setdefault(term, []).append((number, damped))

    @classmethod
    def load(cls, folder: Path | None = None, encoder: Encoder | None = None) -> "Library":
        """Read and index all articles. Blocking: the dictionary of the word cutter takes about a second. Raises TemplateError."""
        return cls(load_articles(folder or FOLDER), _settings(), cutter(), encoder)

    @classmethod
    def of(
        cls, articles: Sequence[Article], published: Mapping[str, Published], encoder: Encoder | None, vectors: dict[str, Any]
    ) -> "Library":
        """Index these articles of the content centre. Blocking, like `load`."""
        return cls(articles, _settings(), cutter(), encoder, published=published, vectors=vectors)

    def search(self, text: str, limit: int = 3, *, team: int | None = None) -> list[Hit]:
        """The articles that answer `text`, best first; empty when none covers enough of it to be an honest answer. Those that belong to
        another team than `team` are left out.

        A question has to name an article's subject (`keywords`, `also`), where a verb or a place that both share is not enough, or to
        be nearly one of the article's own questions: then it comes before all of which it only names the subject.
        """
        folded, equal = fold(text), self._equal.get(Question.of(text).same, set())
        # Of what is off topic only the very question is answered that an article was written for.
        if not equal and any(word in folded for word in self._settings.off_topic):
            return []
        covers = {number: cover for number, cover in self._covers(folded).items() if self._is_for(number, team)}
        named = self._alike(folded)
        best = sorted(covers, key=lambda number: -covers[number])[:CANDIDATES]
        best += [number for number in equal if number not in best]
        best += [number for number in range(len(self._order)) if number not in best and self._names(number, named)][:CANDIDATES]
        good = []
        for number, near in self._nearest(text, best).items():
            cover = covers.get(number, 0.0)
            own = EQUAL if number in equal else NEARLY if near >= self._near.enough else 0
            if self._is_for(number, team) and (own or (cover >= self._settings.threshold and self._names(number, named))):
                score = self._score(number, cover, near, named)
                good.append(Hit(self._order[number], round(cover, 4), round(near, 4), round(score, 4), own))
        return sorted(good, key=lambda hit: (-hit.own, -hit.score, hit.article.id))[:limit]

    def _is_for(self, number: int, team: int | None) -> bool:
        source = self.published.get(self._order[number].id)
        return source is None or source.team_id is None or source.team_id == team

    def _covers(self, folded: str) -> dict[int, float]:
        """How much of the question each article covers."""
        terms = self._terms(folded)
        mass = sum(self._idf.get(term, self._unknown * self._settings.unknown) * weight for term, weight in terms.items())
        scores: dict[int, float] = {}
        for term, weight in terms.items():
            for number, damped in self._postings.get(term, ()):
                scores[number] = scores.get(number, 0) + self._idf[term] * weight * damped / mass
        return scores

    def _nearest(self, text: str, numbers: Sequence[int]) -> dict[int, float]:
        """How alike `text` and the nearest question of each of these articles are; an encoder adds those that mean the same."""
        asked = Question.of(text)
        if self._encoder is None:
            return {number: max(likeness(asked, each) for each in self._questions[number]) for number in numbers}
        meanings = self._vectors @ self._encoder.encode([text])[0]
        nearest: dict[int, float] = {}
        for number, meaning in zip(self._owner, meanings, strict=True):
            nearest[number] = max(nearest.get(number, -1.0), float(meaning))
        chosen = {*numbers, *sorted(nearest, key=lambda number: -nearest[number])[:CANDIDATES]}
        near = dict.fromkeys(chosen, 0.0)
        questions = (each for own in self._questions for each in own)
        for number, meaning, each in zip(self._owner, meanings, questions, strict=True):
            if number in chosen:
                near[number] = max(near[number], likeness(asked, each, float(meaning)))
        return near

    def _score(self, number: int, cover: float, near: float, alike: str) -> float:
        """Of two that answer, the one that is about this very illness or treatment comes first."""
        own = self._settings.within if self._frames[number] and self._names(number, alike) else 0.0
        return cover + self._near.weight * math.sqrt(near) + own

    def _names(self, number: int, alike: str) -> bool:
        frames = self._frames[number]
        return any(subject in alike for subject in self._subjects[number]) and (not frames or any(frame in alike for frame in frames))

    def _weigh(self, article: Article) -> dict[str, float]:
        """How often each term stands in the article, the more telling places counting for more."""
        weights = self._settings.weights
        count: dict[str, float] = {}
        parts = [("title", [article.title]), ("questions", article.questions), ("keywords", article.keywords)]
        parts += [("also", article.also), ("body", [article.body])]
        for part, texts in parts:
            for term, weight in self._terms(fold("。".join(texts))).items():
                count[term] = count.get(term, 0) + weights[part] * weight
        return count

    def _alike(self, folded: str) -> str:
        """`folded` with synonyms made one."""
        return self._same_pattern.sub(lambda found: self._same[found.group()], folded)

    def _terms(self, folded: str) -> dict[str, float]:
        """Words (weight 1) and pairs of characters (0.5), without those that say nothing, synonyms made one."""
        folded = self._stop_pattern.sub(" ", self._alike(folded))
        terms: dict[str, float] = {}
        for run in "".join(c if c.isalnum() else " " for c in folded).split():
            for word in self._cut(run):
                if len(word) > 1:
                    terms[word] = terms.get(word, 0) + 1
            for first, second in pairwise(run):
                # Marked, so that a pair is never taken for a word of two characters.
                terms[f"{first}{second}_"] = terms.get(f"{first}{second}_", 0) + 0.5
        return terms


def _encoded(encoder: Encoder, texts: list[str], known: dict[str, Any] | None) -> Any:
    """The meanings of `texts`, a row each; those that are `known` are not worked out again."""
    known = {} if known is None else known
    if fresh := [text for text in dict.fromkeys(texts) if text not in known]:
        known.update(zip(fresh, encoder.encode(fresh), strict=True))
    import numpy

    return numpy.stack([known[text] for text in texts])


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))


def _settings() -> SearchSettings:
    return SearchSettings.model_validate(yaml.safe_load(SEARCH.read_text(encoding="utf-8")))
