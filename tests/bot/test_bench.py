"""The benchmarks at tiny sizes: what they report and whether they may claim it. How fast anything is, is not tested."""

import asyncio
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from bot.app import wecom_access
from bot.bench import accuracy, callback, cohorts, hl7, intake, pages, partitions, portrait, road, stock, turns
from bot.bench.load import Round, conversations, drive, messages
from bot.bench.people import plant_chats, plant_team
from bot.bench.processes import BenchError, child, until
from bot.bench.report import percentiles, result, show
from bot.bench.road import Answered, pair
from bot.settings import Settings
from bot.synthetic.plant import Planting, plant_hospital
from integrations.callback_error import CallbackError
from integrations.wecom.callback import Callback
from integrations.wecom.outbound import message_id
from records.database import Database

NOW, ZONE = datetime(2026, 3, 2, 1, 30, tzinfo=UTC), ZoneInfo("Asia/Shanghai")


def test_a_result_says_where_it_was_measured_and_prints_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    show(result("turns", {"turns_ratio_at_16": 9.5}, {"turns_ratio_at_least_8": True}), as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert set(shown) == {"bench", "machine", "figures", "meets"}
    assert {"cores", "cpu", "memory_gb", "python"} <= shown["machine"].keys()
    assert shown["machine"]["cores"] >= 1


def test_the_table_has_ratios_first_and_hides_no_missed_goal(capsys: pytest.CaptureFixture[str]) -> None:
    show(result("turns", {"ours_turns": 40.0, "turns_ratio_at_16": 2.0}, {"turns_ratio_at_least_8": False}), as_json=False)
    shown = capsys.readouterr().out
    assert shown.index("turns_ratio_at_16") < shown.index("NOT MET") < shown.index("ours_turns")


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300))
def test_percentiles_are_measured_values_in_order(seconds: list[float]) -> None:
    found = percentiles(seconds, "x", 0.5, 0.95, 0.99)
    assert list(found) == ["x_p50_ms", "x_p95_ms", "x_p99_ms"]
    measured = {round(1000 * each, 1) for each in seconds}
    assert set(found.values()) <= measured
    assert list(found.values()) == sorted(found.values())
    assert sum(1000 * each <= found["x_p50_ms"] + 0.1 for each in seconds) >= len(seconds) / 2


def test_nothing_measured_is_not_a_good_figure() -> None:
    assert percentiles([], "x", 0.5) == {}


@pytest.mark.long
def test_the_bench_of_hl7_stores_and_applies_what_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "configure", lambda *_, **__: None)
    found = intake.run(messages=32, alone=16, seconds=0.01)
    figures = found["figures"]
    # What warmed it up is applied too.
    assert figures["applied"] == 160 + 32 + 16
    assert {"stored_at_least_1500_a_second", "applied_at_least_300_a_second", "at_least_3000_a_second"} <= found["meets"].keys()
    assert figures["stored_per_s"] > 0 < figures["applied_per_s"]


@pytest.mark.long
def test_the_bench_of_hl7_reads_what_it_claims() -> None:
    figures = hl7.run(seconds=0.01)["figures"]
    assert {"messages_per_s", "headers_per_s", "fields_per_s", "ratio_of_16_times_the_size"} <= figures.keys()
    assert [type(event).__name__ for event in hl7.to_message(hl7.read(hl7._booking()), hl7.SOURCE).events] == ["Booked"]
    assert len(hl7.to_message(hl7.read(hl7._panel(30)), hl7.SOURCE).events) == 30


def test_conversations_hold_every_kind_equally_and_repeat_exactly() -> None:
    talk = conversations(6, 9)
    assert talk == conversations(6, 9)
    kinds = [said.kind for each in talk for said in each]
    assert {kind: kinds.count(kind) for kind in messages()} == dict.fromkeys(messages(), 18)


async def test_driving_asks_one_thing_at_a_time_of_each_family_and_everything_once() -> None:
    talk, speaking, heard, most = conversations(6, 3), set[int](), list[tuple[int, str]](), 0

    async def say(sender: int, text: str) -> None:
        nonlocal most
        assert sender not in speaking
        speaking.add(sender)
        most = max(most, len(speaking))
        await asyncio.sleep(random.random() / 1000)
        speaking.remove(sender)
        heard.append((sender, text))

    done = await drive(talk, list(range(6)), say, at_once=4)
    assert sorted(heard) == sorted((number, said.text) for number, each in enumerate(talk) for said in each)
    assert (done.turns, most) == (18, 4)


def test_a_rejection_of_what_is_in_scope_is_neither_right_nor_wrong() -> None:
    judged = [
        accuracy.Judged("greet", "greet", "greet"),
        accuracy.Judged("report", "nlu_fallback", "report"),
        accuracy.Judged("report", "thanks", "thanks"),
        accuracy.Judged("out_of_scope", "nlu_fallback", "greet"),
        accuracy.Judged("out_of_scope", "report", "report"),
    ]
    assert accuracy.figures(judged, "x") == {
        "x_intent_top1": 0.667,
        "x_in_scope_rejected": 0.333,
        "x_wrong_acted_upon": 0.333,
        "x_out_of_scope_rejected": 0.5,
        "x_handled_rightly": 0.4,
    }


def test_the_frozen_set_is_read_whole() -> None:
    lines = accuracy.FROZEN.read_text("utf-8").strip().splitlines()
    examples = accuracy.frozen()
    assert len(examples) == len(lines)
    assert all(text and intent for text, intent in examples)


def test_sealed_callbacks_are_what_the_gateway_takes_and_no_two_are_alike() -> None:
    access = wecom_access(Settings(port=1))
    sealed = callback.seal(access, {"wkA": "t1", "wkB": "t2"}, 5, NOW)
    address = Callback(access.callback_token, access.callback_aes_key, access.corp_id)
    opened = [address.open(query, body, NOW) for query, body in sealed]
    assert [(each["OpenKfId"], each["Token"]) for each in opened] == [("wkA", "t1"), ("wkB", "t2")] * 2 + [("wkA", "t1")]
    assert len({body for _, body in sealed}) == 5
    with pytest.raises(CallbackError, match="bad_signature"):
        address.open(sealed[0][0], sealed[1][1], NOW)


def _message(sender: str, msgid: str, second: float) -> dict[str, str]:
    return {"from": sender, "msgid": msgid, "at": datetime.fromtimestamp(second, UTC).isoformat()}


def test_a_burst_is_answered_by_the_reply_to_its_last_message() -> None:
    chat = [_message("customer", "a", 1), _message("customer", "b", 2), _message("bot", message_id("reply:b"), 5)]
    found = Answered()
    pair(chat, {"a", "b"}, found)
    assert (sorted(found.seconds), found.unanswered) == ([3.0, 4.0], 0)


def test_a_later_reply_of_another_kind_is_no_answer() -> None:
    chat = [_message("customer", "a", 1), _message("bot", "an opening", 2), _message("customer", "uncounted", 3)]
    found = Answered()
    pair(chat, {"a"}, found)
    assert (found.seconds, found.unanswered) == ([], 1)


def test_rates_count_what_was_answered() -> None:
    done = Round(seconds=2.0)
    done.by_kind["utter"] += [0.1, 0.2]
    done.by_kind["action"] += [0.4]
    assert (done.turns, done.rate) == (3, 1.5)
    assert done.figures("x")["x_utter_p95_ms"] == 200.0


async def test_a_child_that_dies_is_reported_with_its_words_and_none_is_left(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="No module named nowhere"):
        async with child("ghost", "nowhere", folder=tmp_path) as started:
            await until(_never, started, patience=30)
    with pytest.raises(RuntimeError):
        async with child("sleeper", "http.server", "0", folder=tmp_path) as started:
            raise RuntimeError
    assert started.process.poll() is not None


async def _never() -> bool:
    return False


async def test_a_child_sees_no_setting_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELOOP_WECOM__CORP_ID", "a-real-corp")
    monkeypatch.setenv("DATABASE_URL", "postgresql://a-real-hospital")
    (tmp_path / "tell.py").write_text("import os; print(sorted(os.environ))", "utf-8")
    async with child("tell", "tell", folder=tmp_path) as started:
        started.process.wait(30)
    assert "CARELOOP_WECOM__CORP_ID" not in started.log.read_text("utf-8")
    assert "DATABASE_URL" not in started.log.read_text("utf-8")


def test_the_stock_model_is_another_when_its_data_are(tmp_path: Path) -> None:
    for name in ("nlu_data/stock", "bot/domain", "nlu_data/training", "bot/rules"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "nlu_data/stock/config.yml").write_text("language: zh", "utf-8")
    before = stock.model_path(tmp_path)
    (tmp_path / "nlu_data/training/new.yml").write_text("nlu: []", "utf-8")
    assert stock.model_path(tmp_path) != before
    assert before.parent == tmp_path / "models"


def test_epochs_of_all_models_are_counted_one_after_the_other() -> None:
    assert stock.epochs(b"Epochs: 2%| 2/100 [a] Epochs: 100%| 100/100 [b] Epochs: 1%| 1/100 [c") == 101


@pytest.mark.dialogue
@pytest.mark.long
def test_turns_are_whole_turns() -> None:
    measured = turns.run(stock=False, size=turns.Size(many=2, few=1, turns=3, rounds=1))
    figures = measured["figures"]
    # Every message of the two whole sides, warm-up included, is in the database with its state and its reply.
    said = (2 + 1) * 3 * 2 * 2
    assert figures["ours_written_done"] == figures["ours_written_replies"] == said
    assert figures["ours_written_conversations"] == said / 3
    assert {"ours_turns_per_s_at_16", "ours_part_turns_per_s_at_16", "ours_intent_top1", "ours_rss_mb"} <= figures.keys()
    # Nothing is claimed against a stock that was not run.
    assert measured["meets"] == {}
    assert not [name for name in figures if "ratio" in name]


@pytest.mark.long
def test_callbacks_are_all_acknowledged_and_counted() -> None:
    measured = callback.run(seconds=0.2, with_worker=False)
    figures = measured["figures"]
    assert (figures["callbacks"], figures["refused"]) == (40, 0)
    assert set(measured["meets"]) == {"p99_below_50ms", "gateway_below_120mb"}
    assert figures["gateway_rss_mb"] > 20


@pytest.mark.dialogue
@pytest.mark.long
def test_the_road_is_measured_from_message_to_reply() -> None:
    measured = road.run(seconds=1, patients=5)
    figures = measured["figures"]
    assert (figures["messages"], figures["unanswered"]) == (10, 0)
    assert set(measured["meets"]) == {"p95_below_500ms", "worker_below_900mb", "gateway_below_120mb"}
    assert 0 < figures["reply_p50_ms"] <= figures["reply_max_ms"]


async def test_the_bench_of_portraits_counts_statements_and_makes_no_claim_of_its_own(db: Database) -> None:
    found = await portrait.measure(db, times=1, long=700, others=1)
    assert found["figures"]["statements_short"] == found["figures"]["statements_long"] > 15
    assert found["meets"]["statements_do_not_grow"]
    assert found["figures"]["long_p50_ms"] > 0


@pytest.mark.long
async def test_cohorts_are_judged_at_the_size_of_the_goals_alone(db: Database) -> None:
    found = await cohorts.measure(db, 80)
    assert found["found"] >= 0 and min(found[name] for name in ("count_ms", "first_page_ms", "tag_change_ms", "portrait_ms")) > 0
    grown = cohorts.judged({10: found, 20: found})
    assert (grown["figures"]["count_ms_ratio_20_to_10"], grown["meets"]) == (1, {})
    slow = cohorts.judged({cohorts.GOAL_SIZE: found | {"count_ms": 301.0, "first_page_ms": 99.0, "tag_change_ms": 19.0}})
    assert slow["meets"] == {"count_under_300_ms": False, "first_page_under_100_ms": True, "tag_change_under_20_ms": True}


@pytest.mark.long
async def test_the_pages_are_opened_by_a_nurse_and_by_somebody_of_all_teams(db: Database) -> None:
    await plant_hospital(db, Planting(300, 60, 1, datetime.now(UTC), cohorts.ZONE))
    found = await pages.measure(db, times=1)
    assert int(str(found["pages"])) > 50 and 0 < float(str(found["answer_p50_ms"])) <= float(str(found["answer_p95_ms"]))


async def test_a_table_cut_by_ids_holds_the_same_and_lets_go_of_a_whole_part(db: Database) -> None:
    async with db.transaction() as tx:
        await plant_team(tx, ["wkBench"])
        chats = await plant_chats(tx, 5, prefix="wmPart", now=NOW, zone=ZONE)
    await partitions.cut(db, month=10)
    for name, table in (("whole", partitions.WHOLE), ("cut", partitions.CUT)):
        figures = await partitions.measure(db, name, table, chats, month=10)
        assert figures[f"{name}_latest_p50_us"] > 0
        async with db.transaction() as tx:
            kept = await tx.scalar(text(f"select count(*) from {table}"))  # noqa: S608 - a name of ours
        # The oldest month of ten is gone, what was stored meanwhile is there.
        assert kept == 10 * (partitions.MONTHS - 1) + partitions.READS
