"""Addresses of WeCom's own servers, for a hospital's firewall (doc:92520). They change: ask daily."""

from integrations.wecom.client import WecomClient
from integrations.wecom.reply import Reply, read


class _Addresses(Reply):
    ip_list: tuple[str, ...]


async def callback_ips(client: WecomClient) -> tuple[str, ...]:
    """Where callbacks come from."""
    return read(_Addresses, await client.get("getcallbackip")).ip_list


async def api_domain_ips(client: WecomClient) -> tuple[str, ...]:
    """Where our calls go to."""
    return read(_Addresses, await client.get("get_api_domain_ip")).ip_list
