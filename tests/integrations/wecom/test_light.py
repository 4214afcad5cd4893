import subprocess
import sys


def test_the_gateway_loads_no_client_and_no_model() -> None:
    look = "import sys, integrations.wecom.callback; print([m for m in ('aiohttp', 'pydantic', 'rasa', 'tensorflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
