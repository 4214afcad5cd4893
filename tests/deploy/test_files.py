"""The deployment's examples: what they name exists, their ports agree, and nothing that reads stands in the DMZ."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from bot.cli import app
from bot.settings import Settings

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
COMMANDS = {command.name or (command.callback.__name__ if command.callback else "") for command in app.registered_commands}
COMPOSE = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))
# What would let the edge read a callback or reach patients' data.
READS = re.compile(r"DATABASE_URL|AES_KEY|WECOM__SECRET|ACCOUNT__SECRET|PROGRAM__SECRET")
EXAMPLES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())


def manifests(part: str) -> list[dict[str, Any]]:
    files = sorted((DEPLOY / "kubernetes" / part).glob("*.yaml"))
    return [each for file in files for each in yaml.safe_load_all(file.read_text("utf-8")) if each is not None]


def kustomized(part: str) -> list[dict[str, Any]]:
    named = yaml.safe_load((DEPLOY / "kubernetes" / part / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert sorted(named) == sorted(path.name for path in (DEPLOY / "kubernetes" / part).glob("*.yaml") if path.name != "kustomization.yaml")
    return [each for each in manifests(part) if each["kind"] != "Kustomization"]


def pods(part: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    found = [
        (each["metadata"]["name"], each["spec"]["template"]["spec"]) for each in kustomized(part) if "template" in each.get("spec", {})
    ]
    return [(name, pod, pod["containers"][0]) for name, pod in found]


def is_setting(variable: str) -> bool:
    """Whether CARELOOP_X__Y (or its _FILE) names a setting."""
    model: type[BaseModel] = Settings
    parts = variable.removeprefix("CARELOOP_").removesuffix("_FILE").lower().split("__")
    for depth, part in enumerate(parts, 1):
        if part not in model.model_fields:
            return False
        if depth < len(parts):
            model = model.model_fields[part].annotation  # type: ignore[assignment]
    return True


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(DEPLOY).as_posix())
def test_every_setting_that_an_example_names_exists(path: Path) -> None:
    named = set(re.findall(r"CARELOOP_[A-Z][A-Z_]+[A-Z]", path.read_text("utf-8"))) - {"CARELOOP_EDGE_HOST"}
    assert {name for name in named if not is_setting(name)} == set()


def test_every_service_runs_a_command_that_exists_on_an_image_that_is_built() -> None:
    ours = {name: service for name, service in COMPOSE["services"].items() if service["image"].startswith("careloop")}
    assert {service["command"][0] for service in ours.values()} <= COMMANDS and {"edge", "gateway", "web", "worker"} <= set(ours)
    built = {service["image"]: DEPLOY.parent / service["build"]["dockerfile"] for service in ours.values() if "build" in service}
    assert {service["image"] for service in ours.values()} == set(built) and all(path.exists() for path in built.values())
    for path in built.values():
        for source in re.findall(r"^COPY (?:--\S+ )*(\S+) ", path.read_text("utf-8"), re.MULTILINE):
            assert (ROOT / source).exists()
    for part in ("dmz", "inside"):
        for name, _, container in pods(part):
            assert container["image"] in built and container["args"][0] in COMMANDS, name
    for path in (DEPLOY / "systemd").glob("*.service"):
        command = re.search(r"^ExecStart=.* -m bot (\S+)", path.read_text("utf-8"), re.MULTILINE)
        assert command and command.group(1) in COMMANDS, path.name


def test_nothing_that_reads_stands_in_the_dmz() -> None:
    edge = COMPOSE["services"]["edge"]
    assert not READS.search(yaml.safe_dump(edge)) and edge["networks"] == ["dmz"] and edge["env_file"] == "env/edge.env"
    assert not READS.search(yaml.safe_dump(manifests("dmz")))
    assert not READS.search((DEPLOY / "env/edge.env.example").read_text("utf-8"))
    assert "edge.env" in (DEPLOY / "systemd/careloop-edge.service").read_text("utf-8")
    assert {"postgres", "standby", "gateway", "web", "worker"} <= {
        name for name, service in COMPOSE["services"].items() if service["networks"] == ["inside"]
    }
    policy = next(each for each in kustomized("dmz") if each["kind"] == "NetworkPolicy")
    assert policy["spec"]["egress"] == [] and set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}


def test_ports_volumes_and_secrets_agree() -> None:
    for service in COMPOSE["services"].values():
        mounted = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert {volume for volume in mounted if not volume.startswith("./")} <= set(COMPOSE["volumes"])
        assert all((DEPLOY / volume).exists() for volume in mounted if volume.startswith("./"))
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        named = re.findall(r"/run/secrets/(\w+)", yaml.safe_dump(service.get("environment", {})))
        assert set(named) <= set(service.get("secrets", []))
    for part in ("dmz", "inside"):
        for name, pod, container in pods(part):
            assert {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in pod["volumes"]}, name
            assert pod["securityContext"]["runAsNonRoot"] and not container["securityContext"]["allowPrivilegeEscalation"], name
    public, link = str(Settings.model_fields["port"].default), str(Settings().edge.link_port)
    assert f"proxy_pass http://127.0.0.1:{public};" in (DEPLOY / "nginx/edge.conf").read_text("utf-8")
    assert COMPOSE["services"]["edge"]["ports"] == [f"127.0.0.1:{public}:{public}", f"{link}:{link}"]
    edge = next(container for _, _, container in pods("dmz"))
    assert [port["containerPort"] for port in edge["ports"]] == [int(public), int(link)]
    inside = (DEPLOY / "env/inside.env.example").read_text("utf-8")
    gateway = re.search(r"--port (\d+)", (DEPLOY / "systemd/careloop-gateway.service").read_text("utf-8"))
    assert gateway and f"GATEWAY=http://127.0.0.1:{gateway.group(1)}\n" in inside
    assert re.search(r"WEB=http://127.0.0.1:(\d+)\n", inside).group(1) in (DEPLOY / "nginx/inside.conf").read_text("utf-8")  # type: ignore[union-attr]


def test_the_edges_packages_are_those_of_the_lock() -> None:
    def packages(path: Path) -> dict[str, str]:
        return {block.partition("==")[0]: block for block in re.findall(r"^[a-z0-9].*?(?=^\S|\Z)", path.read_text("utf-8"), re.M | re.S)}

    small, whole = packages(DEPLOY / "edge.lock"), packages(ROOT / "requirements.lock")
    assert {name: block.rstrip() for name, block in small.items()} == {name: whole[name].rstrip() for name in small}
    assert {line for line in (DEPLOY / "edge.in").read_text("utf-8").splitlines() if not line.startswith("#")} <= set(small)
    assert not {"rasa", "tensorflow-cpu", "sqlalchemy", "psycopg", "cryptography", "wechatpy", "numpy"} & set(small)


def test_the_network_example_parses() -> None:
    assert subprocess.run(["bash", "-n", str(DEPLOY / "netns.sh")], check=False).returncode == 0


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="network namespaces are made by root, the firewall by nft")
def test_the_network_example_works() -> None:
    told = subprocess.run([DEPLOY / "netns.sh"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "neither the DMZ nor the internet reaches PostgreSQL" in told.stdout
