"""What `careloop doctor` says about the address at which staff's phones reach the console."""

import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from bot.app import Core, wecom_access, wecom_client
from bot.doctor_pages import PAGE, diagnose_pages
from bot.settings import Settings, WecomSettings
from records.database import Database
from tests.bot.stage import Stage, open_stage


@pytest.fixture
async def stage(db: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(db, None, tmp_path) as opened:
        yield opened


@pytest.fixture
def trusting(tmp_path: Path) -> ssl.SSLContext:
    """Whoever has this context trusts the certificate that stands beside it."""
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run([*made, *names, *files], check=True, capture_output=True)
    return ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))


@dataclass
class Edge:
    """What stands at the hospital's edge, and what it answers when the console's sign-in page is asked for."""

    url: str = ""
    host: str = ""
    page: str = '<form method="post" action="/console/sign-in">'

    async def answer(self, request: web.Request) -> web.Response:
        return web.Response(text=self.page, content_type="text/html")


@pytest.fixture
async def edge(tmp_path: Path, trusting: ssl.SSLContext) -> AsyncIterator[Edge]:
    edge, app = Edge(), web.Application()
    app.router.add_get(PAGE, edge.answer)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = TestServer(app, scheme="https", host="localhost")
    await server.start_server(ssl=own)
    edge.host = f"localhost:{server.port}"
    edge.url = f"https://{edge.host}"
    yield edge
    await server.close()


async def said(stage: Stage, *, trusting: ssl.SSLContext | bool = True, domains: list[str] | None = None, **given: Any) -> dict[str, bool]:
    """What the doctor says with these settings, and whether it is good; `domains` are the app's trusted ones."""
    settings = Settings(database_url=stage.db.url, **{"wecom": WecomSettings(base_url=stage.simulator_url), **given})
    stage.simulator.config.apps[0].trusted_domains = domains
    async with wecom_client(Core(settings, stage.db, stage.clock)) as client:
        findings = await diagnose_pages(settings, client, wecom_access(settings).agent_id, trusting=trusting)
    return {finding.text: finding.ok for finding in findings}


async def test_a_console_that_phones_find(stage: Stage, edge: Edge, trusting: ssl.SSLContext) -> None:
    assert await said(stage, console_url=edge.url, trusting=trusting, domains=[edge.host]) == {
        f"工作台能打开（{edge.url}）。": True,
        f"应用的可信域名就是工作台的域名（{edge.host}）。": True,
    }
    # Without an address of its own the console is at the families'.
    assert all((await said(stage, public_url=edge.url, trusting=trusting, domains=[edge.host])).values())


@pytest.mark.parametrize(
    ("domains", "words"), [(None, "还没有设置可信域名"), (["old.hospital.example"], "可信域名是 old.hospital.example")]
)
async def test_wecom_has_been_told_of_another_domain_or_of_none(
    stage: Stage, edge: Edge, trusting: ssl.SSLContext, domains: list[str] | None, words: str
) -> None:
    findings = await said(stage, console_url=edge.url, trusting=trusting, domains=domains)
    assert [words in text for text, ok in findings.items() if not ok] == [True]


async def test_an_address_at_which_phones_find_nothing(stage: Stage, edge: Edge, trusting: ssl.SSLContext) -> None:
    nobody = f"https://localhost:{unused_port()}"
    for url, trust, words in ((nobody, trusting, "连不上"), (edge.url, True, "证书")):
        findings = await said(stage, console_url=url, trusting=trust, domains=["localhost"])
        assert any(words in text and url in text and not ok for text, ok in findings.items()), findings
    edge.page = "<h1>Welcome to nginx!</h1>"
    assert any("不是工作台" in text for text in await said(stage, console_url=edge.url, trusting=trusting))


async def test_without_an_address(stage: Stage) -> None:
    assert await said(stage) == {}
    wecom = WecomSettings(base_url=stage.simulator_url, corp_id="ww1", secret="s", callback_token="t", agent_id=1)
    assert list((await said(stage, wecom=wecom)).values()) == [True]
