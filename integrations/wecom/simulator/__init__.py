"""A WeCom (企业微信) server for tests and demonstrations: 微信客服, application messages, cards, customer contact, media."""

from integrations.wecom.simulator.app import create_app
from integrations.wecom.simulator.clock import SimClock
from integrations.wecom.simulator.config import (
    AppConfig,
    CallbackTarget,
    ConfigError,
    KfAccountConfig,
    MemberConfig,
    SimulatorConfig,
    Switches,
    demo_config,
)
from integrations.wecom.simulator.persistence import StateFileError
from integrations.wecom.simulator.serve import serve_simulator

__all__ = [
    "AppConfig",
    "CallbackTarget",
    "ConfigError",
    "KfAccountConfig",
    "MemberConfig",
    "SimClock",
    "SimulatorConfig",
    "StateFileError",
    "Switches",
    "create_app",
    "demo_config",
    "serve_simulator",
]
