"""Stock Rasa as its users run it: default pipeline and policies, REST channel, an action server beside it; the same domain and data."""

import asyncio
import hashlib
import json
import os
import re
import tarfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from bot.bench.load import Round, Said
from bot.bench.processes import ROOT, BenchError, Child, answers, child, until
from bot.private import free_port

CONFIG = "nlu_data/stock/config.yml"
DOMAIN, DATA = "bot/domain", ("nlu_data/training", "bot/rules")
# Loading traces four TensorFlow models: a minute alone, several on a busy machine.
LOADS_WITHIN = 600.0
# DIET 20, UnexpecTED and TED 100 epochs each (nlu_data/stock/config.yml); the first takes most of the time.
EPOCHS, EPOCH = 220, re.compile(rb"(\d+)/(?:20|100) \[")


@dataclass(frozen=True)
class Stock:
    """A running stock Rasa and its action server."""

    session: aiohttp.ClientSession
    url: str
    server: Child
    actions: Child
    agent_url: str
    agent: Child
    load_seconds: float

    async def say(self, sender: int, text: str) -> list[str]:
        """One message over the REST channel; what was answered."""
        async with self.session.post(f"{self.url}/webhooks/rest/webhook", json={"sender": str(sender), "message": text}) as answer:
            answer.raise_for_status()
            return [str(each.get("text") or "") for each in await answer.json()]

    async def hold(self, talk: Sequence[Sequence[Said]], senders: Sequence[int], *, at_once: int) -> Round:
        """As `drive`, but in the process of an agent without web channel: what Rasa's own part of a turn takes."""
        asked = {"talk": [[[one.kind, one.text] for one in said] for said in talk], "senders": list(senders), "at_once": at_once}
        async with self.session.post(f"{self.agent_url}/hold", json=asked, raise_for_status=True) as answer:
            return Round(**await answer.json())

    def cpu_seconds(self) -> float:
        """Processor time of server and action server so far."""
        return self.server.cpu_seconds() + self.actions.cpu_seconds()

    def agent_cpu_seconds(self) -> float:
        """Processor time of the agent without web channel and the action server so far."""
        return self.agent.cpu_seconds() + self.actions.cpu_seconds()

    async def ranking(self, text: str) -> tuple[str, list[str]]:
        """The intent that would be acted upon, and all intents best first."""
        async with self.session.post(f"{self.url}/model/parse", json={"text": text}) as answer:
            answer.raise_for_status()
            parsed = await answer.json()
        return str(parsed["intent"]["name"]), [str(each["name"]) for each in parsed.get("intent_ranking") or []]


def model_path(root: Path = ROOT) -> Path:
    """Where the stock model of the tree as it is now belongs."""
    digest = hashlib.sha256(f"rasa {version('rasa')}\n".encode())
    for name in (CONFIG, DOMAIN, *DATA):
        for path in [root / name] if (root / name).is_file() else sorted((root / name).rglob("*.yml")):
            digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return root / "models" / f"stock-{digest.hexdigest()[:16]}.tar.gz"


async def train(root: Path = ROOT) -> Path:
    """The stock model, trained if it is not there yet: 5 to 15 minutes, with a progress bar. Raises BenchError."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    path = model_path(root)
    if path.exists():
        return path
    path.parent.mkdir(exist_ok=True)
    data = ["--data", *(str(root / name) for name in DATA)]
    command = ["rasa", "train", "--force", "--config", str(root / CONFIG), "--domain", str(root / DOMAIN), *data]
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with TemporaryDirectory(dir=path.parent) as name, Progress(*columns, console=Console(stderr=True)) as progress:
        folder = Path(name)
        bar = progress.add_task("training stock Rasa, once", total=EPOCHS)
        output = ["--out", str(folder), "--fixed-model-name", "stock.tar.gz"]
        # No cache: it would bring back parts of another training.
        async with child("rasa-train", *command, *output, folder=folder, env={"RASA_MAX_CACHE_SIZE": "0"}) as training:
            while training.process.poll() is None:
                await asyncio.sleep(1)
                progress.update(bar, completed=epochs(training.log.read_bytes()))
            made = folder / "stock.tar.gz"
            if training.process.returncode or not made.exists():
                tail = training.log.read_text("utf-8", errors="replace")[-2000:]
                raise BenchError(f"Stock Rasa cannot be trained:\n{tail}")
        with tarfile.open(made) as parts:
            if not any("DIETClassifier" in part for part in parts.getnames()):
                raise BenchError("Stock Rasa was trained without its intent classifier: it found no examples.")
        os.replace(made, path)
    return path


def epochs(log: bytes) -> int:
    """Epochs done so far: each model counts anew."""
    done = before = 0
    for found in EPOCH.finditer(log):
        now = int(found[1])
        done += now - before if now >= before else now
        before = now
    return done


@asynccontextmanager
async def serving(model: Path, database_url: str, keyring: str) -> AsyncIterator[Stock]:
    """`rasa run --enable-api` and `rasa run actions`, the way Rasa's documentation starts them; conversations stay in its memory.

    An agent without web channel stands beside the server (see bot/dialogue/stock_agent.py).
    """
    port, action_port, agent_port = free_port(), free_port(), free_port()
    with TemporaryDirectory(prefix="careloop-stock-") as name:
        folder = Path(name)
        (folder / "credentials.yml").write_text("rest:\n", "utf-8")
        (folder / "endpoints.yml").write_text(f"action_endpoint:\n  url: http://127.0.0.1:{action_port}/webhook\n", "utf-8")
        # Only for the action server: it listens on all addresses otherwise.
        environment = {"SANIC_HOST": "127.0.0.1", "CARELOOP_DATABASE_URL": database_url, "CARELOOP_KEYRING": keyring}
        server = ["rasa", "run", "--enable-api", "-m", str(model), "-i", "127.0.0.1", "-p", str(port)]
        files = ["--endpoints", "endpoints.yml", "--credentials", "credentials.yml"]
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as session,
            child(
                "rasa-actions", "rasa", "run", "actions", "--actions", "actions", "-p", str(action_port), folder=folder, env=environment
            ) as actions,
            child("rasa-server", *server, *files, folder=folder) as started,
        ):
            url = f"http://127.0.0.1:{port}"
            begin = asyncio.get_running_loop().time()
            await until(lambda: answers(session, f"http://127.0.0.1:{action_port}/health"), actions, patience=LOADS_WITHIN)
            await until(lambda: _loaded(session, url), started, patience=LOADS_WITHIN)
            took = asyncio.get_running_loop().time() - begin
            agent_url, arguments = (
                f"http://127.0.0.1:{agent_port}",
                [str(model), f"http://127.0.0.1:{action_port}/webhook", str(agent_port)],
            )
            async with child("stock-agent", "bot.dialogue.stock_agent", *arguments, folder=folder) as agent:
                await until(lambda: answers(session, agent_url), agent, patience=LOADS_WITHIN)
                yield Stock(session, url, started, actions, agent_url, agent, took)


async def _loaded(session: aiohttp.ClientSession, url: str) -> bool:
    """Whether the server has its model: /status refuses until then."""
    try:
        async with session.get(f"{url}/status") as answer:
            return answer.ok and bool(json.loads(await answer.text()).get("model_id"))
    except (aiohttp.ClientError, ValueError):
        return False
