"""WeChat's API (api.weixin.qq.com) for tests and demonstrations: pushes of an official account and a mini program."""

from integrations.weixin.simulator.app import create_app
from integrations.weixin.simulator.config import AppConfig, CallbackTarget, SimulatorConfig, Switches, TemplateConfig, demo_config
from integrations.weixin.simulator.control import SIMULATOR

__all__ = [
    "SIMULATOR",
    "AppConfig",
    "CallbackTarget",
    "SimulatorConfig",
    "Switches",
    "TemplateConfig",
    "create_app",
    "demo_config",
]
