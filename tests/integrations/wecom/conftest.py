"""Fixtures for the WeCom client, and the recorded vectors as parameters."""

import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from integrations.wecom.client import WecomClient
from integrations.wecom.token import MemoryTokenStore, TokenStore
from tests.conftest import SHARED
from tests.integrations.wecom.fake import Clock, FakeWecom

VECTORS = SHARED / "data" / "wecom-vectors.json"
# Fixture name → its list in the vectors.
LISTS: dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]] = {
    "crypto_vector": lambda vectors: vectors["crypto"],
    "crypto_negative": lambda vectors: vectors["crypto_negative"],
    "bad_key": lambda vectors: vectors["encoding_aes_key_negative"]["cases"],
    "jsapi_vector": lambda vectors: vectors["jsapi"],
    "http_sample": lambda vectors: vectors["http_samples"],
    "callback_plaintext": lambda vectors: vectors["callback_plaintexts"],
    "error_sample": lambda vectors: vectors["error_samples"],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    vectors = json.loads(VECTORS.read_text()) if VECTORS.exists() else None
    for name, pick in LISTS.items():
        if name in metafunc.fixturenames:
            items = pick(vectors) if vectors else []
            ids = [str(item.get("id") or item.get("name") or item.get("api") or item.get("why")) for item in items]
            metafunc.parametrize(name, items, ids=ids)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def wecom() -> AsyncIterator[FakeWecom]:
    yield FakeWecom()


@pytest.fixture
async def base_url(wecom: FakeWecom) -> AsyncIterator[str]:
    application = web.Application(client_max_size=32 << 20)
    application.router.add_route("*", "/{path:.*}", wecom.handle)
    async with TestServer(application) as server:
        yield str(server.make_url("/")).rstrip("/")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def tokens() -> TokenStore:
    return MemoryTokenStore()


@pytest.fixture
def client(session: aiohttp.ClientSession, base_url: str, clock: Clock, tokens: TokenStore) -> WecomClient:
    return WecomClient(session, base_url, "ww-corp", "a-secret", tokens, clock, clock.sleep, random.Random(7), timeout=2.0)
