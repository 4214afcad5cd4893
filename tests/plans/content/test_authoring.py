"""An editor's file is taken whole or refused with every mistake, its place and what to do."""

import re
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from plans.authored import AuthoringError
from plans.content.authoring import read_contents, write_contents
from plans.content.kept import definition_of
from plans.content.model import ArticleContent, MessageContent
from tagging.cohort.scope import Scope, TagEntry
from tests.plans.content.conftest import BODY
from tests.plans.content.files import mp4, pdf, png

ZONE = ZoneInfo("Asia/Shanghai")
SCOPE = Scope({1: TagEntry(1, "preterm", "早产儿", None, False)}, {}, None, date(2026, 3, 9), ZONE)
GOOD = f"""common: {{source: 本院护理部（R）, review_by: 2027-03-01, tags: [preterm]}}
contents:
- code: kangaroo
  title: 袋鼠式护理
  body: {BODY}
  blocks:
  - heading: 怎么做
  - picture: {{file: step.png, caption: 第一步}}
  - video: {{file: show.mp4}}
  - link: {{url: "https://hospital.example/kmc", title: 更多, picture: {{file: step.png}}}}
  audience: {{months: {{max: 3}}, stage: {{anchor: discharge, first: 0, last: 30}}, when: 标签 早产儿}}
- kind: message
  code: come-back
  title: 请回来
  text: "{{name}}家长您好，{{date}}请回来复诊。"
  tags: []
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "step.png").write_bytes(png())
    (tmp_path / "show.mp4").write_bytes(mp4())
    return tmp_path


def written(folder: Path, text: str = GOOD) -> Path:
    path = folder / "宣教.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file(folder: Path) -> None:
    found = read_contents(written(folder), SCOPE)
    one, two = found.contents
    assert isinstance(one, ArticleContent) and isinstance(two, MessageContent)
    assert one.tags == ("preterm",) and two.tags == ()
    assert [block.kind for block in one.blocks] == ["heading", "picture", "video", "link"]
    picture, video, card = (block.media for block in one.blocks[1:])
    assert picture is not None and card is not None and video is not None
    assert picture.sha256 == card.sha256 and set(found.media) == {picture.sha256, video.sha256}
    assert one.needs_page and one.chat_blocks() == [1, 2]
    assert two.placeholders == {"name", "date"}
    assert two.fill(name="小满{phone}", date="3月9日") == "小满{phone}家长您好，3月9日请回来复诊。"


@pytest.mark.parametrize(
    "change, by, said",
    [
        ("title: 袋鼠式护理", "titel: 袋鼠式护理", ["第 4 行", "[kangaroo].titel", "没有这个字段。是不是想写“title”？"]),
        ("tags: [preterm]", "tags: [pretrem]", ["第 1 行", "标签库里没有“pretrem”"]),
        ("when: 标签 早产儿", "when: 标签 没有的", ["第 11 行", "audience.when", "人群条件看不懂"]),
        ("file: step.png, caption", "file: stop.png, caption", ["第 8 行", "找不到附件“stop.png”"]),
        ("file: step.png, caption", "file: ../step.png, caption", ["第 8 行", "找不到附件"]),
        ("video: {file: show.mp4}", "video: {file: step.png}", ["第 9 行", "这里要放视频", "图片"]),
        ("heading: 怎么做", "heading: 怎么做\n    text: 再写", ["第 7 行", "每一块只能写一种"]),
        ("https://hospital", "http://hospital", ["第 10 行", "格式不对"]),
        ("title: 更多", "title: " + "多" * 43, ["title 太长：129 字节，最多 128 字节"]),
        ("max: 3", "max: 3, min: 5", ["第 11 行", "不能大于"]),
        ("code: come-back", "code: kangaroo", ["第 13 行", "出现了两次"]),
        ("{date}", "{data}", ["第 12 行", "没有占位符“data”", "{date}"]),
        ("{date}", "{date.year}", ["没有占位符“date.year”"]),
        ("{date}", "{date", ["花括号没有配对"]),
        ("review_by: 2027-03-01", "review_by: 明年", ["第 1 行", "这里要写日期"]),
        ("common:", "comon:", ["第 1 行", "最外层"]),
    ],
)
def test_every_mistake_is_named(folder: Path, change: str, by: str, said: list[str]) -> None:
    assert change in GOOD
    with pytest.raises(AuthoringError) as refused:
        read_contents(written(folder, GOOD.replace(change, by, 1)), SCOPE)
    for part in said:
        assert part in str(refused.value)
    assert "宣教.yml" in str(refused.value)


def test_mistakes_of_several_contents_come_together(folder: Path) -> None:
    with pytest.raises(AuthoringError) as refused:
        read_contents(written(folder, GOOD.replace("{date}", "{data}").replace("heading: 怎么做", "heading: ")), SCOPE)
    assert len(refused.value.problems) == 2


def test_a_link_to_another_file_of_the_machine_is_not_followed(folder: Path) -> None:
    (folder / "step.png").unlink()
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "secret.png").write_bytes(png())
    (folder / "step.png").symlink_to(folder / "elsewhere" / "secret.png")
    with pytest.raises(AuthoringError, match="找不到附件"):
        read_contents(written(folder), SCOPE)


def test_what_is_exported_can_be_imported(folder: Path) -> None:
    found = read_contents(written(folder), SCOPE)
    away = folder / "away"
    away.mkdir()
    write_contents(away / "all.yml", [definition_of(content) for content in found.contents])
    kept = {digest: media.kind for digest, media in found.media.items()}
    again = read_contents(away / "all.yml", SCOPE, kept)
    assert again.contents == found.contents and again.media == {}
    with pytest.raises(FileExistsError):
        write_contents(away / "all.yml", [])
    assert yaml.safe_load((away / "all.yml").read_text(encoding="utf-8"))["contents"][0]["code"] == "kangaroo"


def test_a_long_article_needs_a_short_form(folder: Path) -> None:
    long = GOOD.replace(BODY, "长" * 1400, 1)
    with pytest.raises(AuthoringError, match="short"):
        read_contents(written(folder, long), SCOPE)
    short = long.replace("  blocks:", f"  short: {BODY}\n  blocks:", 1)
    [one, _] = read_contents(written(folder, short), SCOPE).contents
    assert isinstance(one, ArticleContent) and one.chat_text == BODY and one.needs_page


@pytest.mark.parametrize("size", [300, 700, 1300])
def test_the_chat_s_text_fits_into_messages_cut_between_sentences(size: int) -> None:
    body = ("每天给宝宝洗手擦脸，注意保暖。" * 100)[: size - 1] + "。"
    content = ArticleContent(code="x1", title="标题", body=body, source="R1", review_by=date(2027, 1, 1))
    parts = content.parts()
    assert all(len(part.encode()) <= 2048 for part in parts) and len(parts) <= 2
    assert "".join(parts) == body and all(part.endswith("。") for part in parts)


def test_the_guide_s_examples_can_be_imported(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "content.zh-CN.md").read_text(encoding="utf-8")
    examples = [block for block in re.findall(r"```yaml\n(.*?)```", guide, flags=re.DOTALL) if "…" not in block]
    for name, data in {"step1.png": png(), "show.mp4": mp4(), "手册.pdf": pdf()}.items():
        (tmp_path / name).write_bytes(data)
    codes = [read_contents(written(tmp_path, example), SCOPE).contents[0].code for example in examples]
    assert codes == ["kangaroo", "come-back"]
