"""Each check finds its kind of mistake and says so in a sentence."""

from bot.retraining.checks import check_data, check_new
from bot.retraining.data import Example, accepted, base, cut, domain_intents, held_out
from bot.retraining.queue import add_examples
from records.database import Database
from tests.bot.test_cli import ROOT
from tests.retraining.conftest import NOW

FEW = [Example(f"第{'一二三四五六七八九十'[n]}种问法{'甲乙丙丁戊己庚辛壬癸'[n]}", "ask", ours=True) for n in range(10)]


def kinds(examples: list[Example], held: frozenset[str] = frozenset(), intents: tuple[str, ...] = ("ask", "tell")) -> list[str]:
    return [problem.kind for problem in check_data(examples, held, intents)]


def test_clean_data_are_clean() -> None:
    assert kinds(FEW) == []


def test_the_same_words_with_two_intents_contradict() -> None:
    [first, *_] = check_data([*FEW, Example("第一种问法 甲！", "tell")], frozenset(), ("ask", "tell"))
    assert first.kind == "contradiction"
    assert first.refused
    assert first.sentence == "「第一种问法甲」同时标成了 ask、tell：同一句话只能有一个意图，请改掉其中一个。"


def test_what_came_with_the_program_is_told_and_not_refused() -> None:
    [first, *_] = check_data([*FEW, Example("第一种问法甲", "tell", ours=True)], frozenset(), ("ask", "tell"))
    assert (first.kind, first.refused) == ("contradiction", False)


def test_leaks_duplicates_unknown_intents_and_imbalance() -> None:
    assert kinds([*FEW, Example("第一种问法甲", "ask")]) == ["duplicate"]
    assert kinds(FEW, held=frozenset({"第一种问法甲"})) == ["leak"]
    assert "unknown_intent" in kinds([*FEW, Example("啦啦啦", "sing")])
    assert kinds([*FEW, Example("完全不同的话", "tell")]) == ["imbalance"]


def test_nearly_the_same_words_of_two_intents_are_shown() -> None:
    near = [Example("我家宝宝今天早上吃了一百二十毫升奶粉", "ask"), Example("我家宝宝今天早上吃了一百三十毫升奶粉", "tell")]
    assert "near" in kinds([*FEW, *near])


def test_new_examples_are_weighed_one_by_one() -> None:
    problems = check_new(
        [("第一种问法甲", "ask"), ("第二种问法，乙", "tell"), ("新话", "ask"), ("新话", "tell"), ("考题", "ask"), ("！！", "ask")],
        FEW,
        frozenset({"考题"}),
    )
    assert [problem.kind for problem in problems] == ["duplicate", "contradiction", "contradiction", "leak", "empty"]
    assert all(problem.refused for problem in problems)


def test_the_repository_passes_its_own_checks() -> None:
    wrong = [problem.sentence for problem in check_data(base(ROOT), held_out(ROOT), domain_intents(ROOT)) if problem.refused]
    assert wrong == []


async def test_a_data_set_is_kept_whole_and_once(db: Database) -> None:
    async with db.transaction() as tx:
        before = await cut(tx, ROOT, by="lin", now=NOW)
        again = await cut(tx, ROOT, by="lin", now=NOW)
        await add_examples(tx, [("那咱改天再唠哈", "goodbye")], by="lin", now=NOW, source="import")
        after = await cut(tx, ROOT, by="lin", now=NOW)
        assert before.id == again.id != after.id
        assert after.examples == before.examples + 1
        assert (before.labelled, after.labelled) == (0, 1)
        assert "那咱改天再唠哈" in after.content["goodbye"]
        assert [example.text for example in await accepted(tx)] == ["那咱改天再唠哈"]
