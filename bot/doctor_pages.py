"""Whether staff's phones find the console: its address, who answers there, and what WeCom has been told of it."""

import ssl
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml

from bot.doctor_finding import Finding
from bot.settings import Settings
from integrations.wecom.agent import agent
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError

# A page that anybody may open, and what no other site has in it.
PAGE, OURS = "/console/sign-in", b'action="/console/sign-in"'
PATIENCE = aiohttp.ClientTimeout(total=10)


@cache
def _texts() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("doctor_pages.yml").read_text("utf-8"))
    return loaded


async def diagnose_pages(
    settings: Settings, client: WecomClient, agent_id: int, *, trusting: ssl.SSLContext | bool = True
) -> list[Finding]:
    """Open the console's sign-in page from here, and compare its host with the app's trusted domain. Nothing in a sandbox without an
    address. `trusting` says whose certificates are good; True: the system's."""
    url = settings.console_url or settings.public_url
    if not url:
        return [] if settings.sandbox else [Finding(True, _texts()["none"])]
    name = "console_url" if settings.console_url else "public_url"
    told = {"url": url, "setting": name, "host": urlsplit(url).netloc}
    wrong = await _looked_at(url, trusting)
    return [
        Finding(wrong is None, str(_texts()[wrong or "there"]).format(**told)),
        *await _trusted(client, agent_id, told),
    ]


async def _looked_at(url: str, trusting: ssl.SSLContext | bool) -> str | None:
    """What is wrong at `url`, as a key of the texts."""
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.get(url + PAGE, allow_redirects=False, ssl=trusting) as answer,
        ):
            return None if answer.status == 200 and OURS in await answer.read() else "not_ours"
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
        return "certificate"
    except TimeoutError:
        return "slow"
    except (aiohttp.ClientError, ValueError):
        return "unreachable"


async def _trusted(client: WecomClient, agent_id: int, told: dict[str, str]) -> list[Finding]:
    """What WeCom holds for the app's trusted domain; silent where WeCom does not say, for then others have said why."""
    try:
        domain = (await agent(client, agent_id)).redirect_domain.strip().lower()
    except WecomError:
        return []
    if not domain:
        return [Finding(False, str(_texts()["no_domain"]).format(**told))]
    same = domain.removesuffix(":443") == told["host"].lower().removesuffix(":443")
    return [Finding(same, str(_texts()["domain" if same else "other_domain"]).format(**told, domain=domain))]
