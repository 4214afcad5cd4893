"""How fast HL7 messages are read and understood in one process, and whether a large one costs more than its size."""

import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.bench.report import Result, percentiles, result
from integrations.hl7.events import to_message
from integrations.hl7.fields import fields_of
from integrations.hl7.identifiers import Source
from integrations.hl7.read import read, read_header
from integrations.hl7.split import split

SOURCE = Source("bench", ZoneInfo("Asia/Shanghai"))
SECONDS = 2.0
# The goals: messages a second from bytes to events, and how much dearer 16 times the size may be.
RATE, TIMES_16 = 3_000, 24.0


def run(file: Path | None = None, seconds: float = SECONDS) -> Result:
    """Read the messages of `file`, or a panel, an admission and an appointment of ours, again and again. Times are processor time."""
    messages = split(file.read_bytes()) if file else [_admission(), _panel(20), _booking()]
    events = _per_second(messages, lambda data: to_message(read(data), SOURCE), seconds)
    figures = {
        "messages_per_s": round(events),
        "headers_per_s": round(_per_second(messages, read_header, seconds)),
        "fields_per_s": round(_per_second(messages, lambda data: fields_of(read(data)), seconds)),
        "bytes_mean": round(sum(map(len, messages)) / len(messages)),
        **percentiles([_seconds(data) for data in messages for _ in range(200)], "message", 0.5, 0.95),
        "ratio_of_16_times_the_size": round(_least(_panel(16_000)) / _least(_panel(1_000)), 1),
    }
    meets = {
        "at_least_3000_a_second": figures["messages_per_s"] >= RATE,
        "cost_grows_with_size_only": figures["ratio_of_16_times_the_size"] <= TIMES_16,
    }
    return result("hl7", figures, meets)


def _per_second(messages: list[bytes], act: Callable[[bytes], object], seconds: float) -> float:
    done, begin = 0, time.process_time()
    while (taken := time.process_time() - begin) < seconds or not done:
        for data in messages:
            act(data)
        done += len(messages)
    return done / max(taken, 1e-9)


def _seconds(data: bytes) -> float:
    begin = time.process_time()
    to_message(read(data), SOURCE)
    return time.process_time() - begin


def _least(data: bytes, times: int = 5) -> float:
    """The least of several: one alone may hold a collection of garbage, or what neighbours on the machine do to its caches (15 to 27
    times for 16 times the size, where the least of five gives 14 to 18)."""
    return min(_seconds(data) for _ in range(times))


def _message(kind: str, *lines: str) -> bytes:
    pid = "PID|1||M0012345^^^示例医院^MR~B2026001^^^示例医院^住院号||赵小树^ZHAO XIAOSHU||20190214|男|||示例市示例路1号||13900000001"
    return "\r".join((f"MSH|^~\\&|HIS|示例医院|||20261118093012||{kind}|1|P|2.4||||||GB18030", pid, *lines, "")).encode("gb18030")


def _admission() -> bytes:
    return _message(
        "ADT^A01", "PV1|1|住院|新生儿科^02^15床|||||||||||||||||ZY001" + "|" * 25 + "20261103051000", "DG1|1||P07.301^早产儿^ICD-10"
    )


def _panel(results: int) -> bytes:
    rows = (f"OBX|{n}|NM|T{n}^检验项目{n}^LIS||{n}.5|10*9/L|4.3-11.3|H|||F|||20261118091500" for n in range(results))
    return _message("ORU^R01", "OBR|1|YZ1|LIS1|XCG^血常规^LIS|||20261118084500", *rows)


def _booking() -> bytes:
    return _message("SIU^S12", "SCH|1|2|||||复诊||||^^15^20261201093000", "AIL|1||血液肿瘤科门诊^3诊室", "NTE|1||空腹")
