"""Articles for families, and finding the one that answers a question: words and character pairs, weighed by how rare they are (BM25).

No model: a question that is not covered finds nothing, because nothing is better than an article about something else.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from plans.template import Strict, TemplateError
from plans.wording import say
from tagging.sources import sources
from tagging.text import fold

FOLDER = Path(__file__).parent / "content"
SEARCH = Path(__file__).parent / "search.yml"

# BM25's usual saturation and length constants.
K1, B = 1.2, 0.75


class Article(Strict):
    """One reviewed text. `questions` are ways in which families ask for it; `body` is what they read, at most 600 characters.

    `keywords` and `also` name its subject; only the former make it rank higher. `medicines` are those it is about, no less.
    """

    id: str
    title: str = Field(max_length=30)
    questions: tuple[str, ...] = Field(min_length=3)
    keywords: tuple[str, ...] = Field(min_length=2)
    also: tuple[str, ...] = ()
    medicines: tuple[str, ...] = ()
    body: str = Field(min_length=80, max_length=600)
    source: str = Field(min_length=2)
    reviewed_by: str
    reviewed_at: date
    review_due: date
    needs_clinician_review: bool
    version: int = Field(ge=1)

    def is_about(self, medicines: Iterable[str]) -> bool:
        """Whether one of the `medicines`, as families name them, is this article's own."""
        return any(fold(own) in fold(name) for name in medicines for own in self.medicines)

    @property
    def reference(self) -> str:
        """The guidelines behind it, as a family reads them; `source` is the trail for clinicians, by ids of tagging/data/sources.yml."""
        names = _short_names()
        cited = dict.fromkeys(re.findall(r"\bS\d+\b", self.source))
        return "、".join([names[each] for each in cited if each in names][:3]) or say("content.general")


@cache
def _short_names() -> dict[str, str]:
    return {name: each["short"] for name, each in sources().items() if "short" in each}


class SearchSettings(Strict):
    """search.yml: what counts for how much, which words say nothing, which words mean the same."""

    threshold: float
    unknown: float
    weights: dict[str, float]
    stop: tuple[str, ...]
    same: dict[str, tuple[str, ...]]
    off_topic: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """An article, and how much of the question it covers: 0 nothing, 1 every word that says something, in its best place."""

    article: Article
    score: float


class Library:
    """The articles in memory, with the index that is built once."""

    def __init__(self, articles: Sequence[Article], settings: SearchSettings, cut: Callable[[str], Iterable[str]]):
        self.articles = {article.id: article for article in articles}
        self._settings, self._cut = settings, cut
        self._order = list(articles)
        self._subjects = [{self._alike(fold(word)) for word in (*article.keywords, *article.also)} for article in articles]
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
    def load(cls, folder: Path | None = None) -> "Library":
        """Read and index all articles. Blocking: the dictionary of the word cutter takes about a second. Raises TemplateError."""
        return cls(load_articles(folder or FOLDER), _settings(), _cutter())

    def search(self, text: str, limit: int = 3) -> list[Hit]:
        """The articles that answer `text`, best first; empty when none covers enough of it to be an honest answer.

        A question has to name an article's subject (`keywords`, `also`): a verb or a place that both share is not enough.
        """
        folded = fold(text)
        if any(word in folded for word in self._settings.off_topic):
            return []
        terms = self._terms(folded)
        mass = sum(self._idf.get(term, self._unknown * self._settings.unknown) * weight for term, weight in terms.items())
        if not mass:
            return []
        scores: dict[int, float] = {}
        for term, weight in terms.items():
            for number, damped in self._postings.get(term, ()):
                scores[number] = scores.get(number, 0) + self._idf[term] * weight * damped
        alike = self._alike(folded)
        named = [number for number in scores if any(subject in alike for subject in self._subjects[number])]
        hits = [Hit(self._order[number], round(scores[number] / mass, 4)) for number in named]
        good = [hit for hit in hits if hit.score >= self._settings.threshold]
        return sorted(good, key=lambda hit: (-hit.score, hit.article.id))[:limit]

    def _weigh(self, article: Article) -> dict[str, float]:
        """How often each term stands in the article, the more telling places counting for more."""
        weights = self._settings.weights
        count: dict[str, float] = {}
        parts = [("title", [article.title]), ("questions", article.questions), ("keywords", article.keywords), ("body", [article.body])]
        for part, texts in parts:
            for text in texts:
                for term, weight in self._terms(fold(text)).items():
                    count[term] = count.get(term, 0) + weights[part] * weight
        return count

    def _alike(self, folded: str) -> str:
        """`folded` with synonyms made one."""
        for word, others in self._settings.same.items():
            for other in others:
                folded = folded.replace(other, word)
        return folded

    def _terms(self, folded: str) -> dict[str, float]:
        """Words (weight 1) and pairs of characters (0.5), without those that say nothing, synonyms made one."""
        folded = self._alike(folded)
        for word in self._settings.stop:
            folded = folded.replace(word, " ")
        terms: dict[str, float] = {}
        for run in "".join(c if c.isalnum() else " " for c in folded).split():
            for word in self._cut(run):
                if len(word) > 1:
                    terms[word] = terms.get(word, 0) + 1
            for first, second in pairwise(run):
                # Marked, so that a pair is never taken for a word of two characters.
                terms[f"{first}{second}_"] = terms.get(f"{first}{second}_", 0) + 0.5
        return terms


def load_articles(folder: Path) -> list[Article]:
    """All articles of `folder` (one YAML list or one article a file). Raises TemplateError naming the file, the field, a double id."""
    articles: list[Article] = []
    for path in sorted(folder.glob("*.yml")):
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        for entry in raw if isinstance(raw, list) else [raw]:
            try:
                articles.append(Article.model_validate(entry))
            except ValidationError as err:
                wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors())
                raise TemplateError(f"{path.name}: {wrong}") from err
    ids = [article.id for article in articles]
    if double := {id for id in ids if ids.count(id) > 1}:
        raise TemplateError(f"{folder.name}: article ids are not unique: {sorted(double)}")
    return articles


def _settings() -> SearchSettings:
    return SearchSettings.model_validate(yaml.safe_load(SEARCH.read_text(encoding="utf-8")))


@cache
def _cutter() -> Callable[[str], list[str]]:
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    cut: Callable[[str], list[str]] = jieba.lcut
    return cut
