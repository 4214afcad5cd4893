"""`python -m integrations.wecom.simulator`: the simulator alone."""

import argparse
import asyncio
import sys
from pathlib import Path

from integrations.wecom.simulator.config import ConfigError, SimulatorConfig, demo_config
from integrations.wecom.simulator.persistence import StateFileError
from integrations.wecom.simulator.serve import serve_simulator


def main(argv: list[str] | None = None) -> int:
    """Run until interrupted; returns 1 after one sentence on stderr if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m integrations.wecom.simulator", description="A WeCom server for tests")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--config", type=Path, help="TOML file; a small children's hospital without it")
    parser.add_argument("--state", type=Path, help="JSON file that keeps the state over restarts")
    parser.add_argument("--callback", metavar="URL", help="where the demo app's events go (without --config)")
    given = parser.parse_args(argv)
    try:
        config = SimulatorConfig.from_toml(given.config) if given.config else demo_config(given.callback)
        config.state_file = given.state or config.state_file
        print(f"WeCom simulator: http://{given.host}:{given.port}/cgi-bin/ for clients, /sim/state to look inside", file=sys.stderr)
        asyncio.run(serve_simulator(config, host=given.host, port=given.port))
    except (ConfigError, StateFileError, OSError) as err:
        print(err, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
