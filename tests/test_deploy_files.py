"""The files under deploy/ agree with the code: settings, ports, paths, commands, limits; and the programs they are for read them."""

import configparser
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from flask import Flask
from psycopg.sql import SQL, Identifier, Literal

from app.config import Settings, load_settings
from app.outbox import QUEUES
from app.pooling import LIMITS, Client
from sandbox.postgres import throwaway_cluster
from worker import job_timeout

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NGINX = (DEPLOY / "nginx/a1.conf").read_text()
SETTINGS = {spec.name.upper() for spec in fields(Settings)}
NOT_OURS = {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PROMETHEUS_MULTIPROC_DIR"}
PRODUCT = ("web-1", "web-2", "dispatcher", "migrate", *(f"worker-{queue}" for queue in QUEUES))
UNITS = sorted((DEPLOY / "systemd").iterdir())
FILLED_IN = {
    "SECRET_KEY": "s" * 32, "PRIVACY_HASH_KEY": "p" * 32, "METRICS_TOKEN": "m" * 32, "COMPANY_PHONE": "+16025550142",
    "DATABASE_URL": "postgresql+psycopg://a1_app:x@pgbouncer:6432/a1",
}  # fmt: skip


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """Read a systemd unit; a name may stand there more than once."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(section, {}).setdefault(name, []).append(value)
    return found


def env_file(path: Path) -> dict[str, str]:
    lines = [line.partition("=") for line in path.read_text().splitlines() if line and line[0] != "#"]
    return {name: value for name, _, value in lines}


def options_of(words: list[str]) -> dict[str, str]:
    """Return a command's options by name."""
    return {word: nxt for word, nxt in zip(words, [*words[1:], ""], strict=True) if word.startswith("--")}


def test_compose_has_every_part_of_the_product() -> None:
    assert {*PRODUCT, "nginx", "pgbouncer", "primary", "replica", "valkey"} == set(SERVICES)
    for name in PRODUCT:
        assert SERVICES[name]["image"] == "a1-garage-booking"
    for queue in QUEUES:
        assert SERVICES[f"worker-{queue}"]["command"] == ["python", "worker.py", "worker", queue]
    assert SERVICES["dispatcher"]["command"] == ["python", "worker.py", "dispatcher"]


def test_images_carry_no_address() -> None:
    images = [service["image"] for service in SERVICES.values()]
    bases = [
        line.split()[1]
        for path in DEPLOY.rglob("Containerfile")
        for line in path.read_text().splitlines()
        if line.startswith("FROM")
    ]
    assert len(bases) == 2
    assert [image for image in [*images, *bases] if "." in image.split("/")[0].split(":")[0]] == []


@pytest.mark.parametrize("name", PRODUCT)
def test_a_service_sets_nothing_that_the_product_does_not_read(name: str) -> None:
    set_here = {**env_file(DEPLOY / "a1.env.example"), **SERVICES[name].get("environment", {})}
    assert set(set_here) - NOT_OURS <= SETTINGS
    filled = {key: value or "1" for key, value in set_here.items()} | FILLED_IN
    settings = load_settings(filled | {"DATABASE_URL": re.sub(r"\$\{.*?\}", "x", set_here["DATABASE_URL"])})
    assert settings.is_production
    assert settings.trusted_proxy_count == 1
    goes_direct = "@primary:5432/" in settings.database_url
    assert settings.db_pooler == ("direct" if goes_direct else "pgbouncer")
    assert goes_direct is (name == "migrate")


def test_addresses_and_ports_agree() -> None:
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(DEPLOY / "pgbouncer/pgbouncer.ini")
    port = ini["pgbouncer"]["listen_port"]
    for name in ("web-1", "web-2", "dispatcher"):
        assert f"@pgbouncer:{port}/a1" in SERVICES[name]["environment"]["DATABASE_URL"]
        assert f"@valkey:{valkey_port()}/" in SERVICES[name]["environment"]["REDIS_URL"]
    assert "@replica:5432/" in SERVICES["web-1"]["environment"]["REPORTING_DATABASE_URL"]
    served = options_of(image_command())["--port"]
    upstream = (DEPLOY / "nginx/upstream.compose.conf").read_text()
    assert re.findall(r"server (\S+) ", upstream) == [f"web-1:{served}", f"web-2:{served}"]
    assert f":{served}/readyz" in SERVICES["web-1"]["healthcheck"]["test"][-1]
    local = re.findall(r"server 127.0.0.1:(\d+) ", (DEPLOY / "nginx/upstream.local.conf").read_text())
    wanted = " ".join(unit(DEPLOY / "systemd/a1.target")["Unit"]["Wants"])
    assert local == re.findall(r"a1-web@(\d+)\.service", wanted)


def valkey_port() -> str:
    return re.findall(r"^port (\d+)$", (DEPLOY / "valkey/valkey.conf").read_text(), re.MULTILINE)[0]


def image_command() -> list[str]:
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    return [str(word) for word in yaml.safe_load(re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)[0])]


def test_the_web_is_served_in_the_same_way_everywhere() -> None:
    unit_command = shlex.split(unit(DEPLOY / "systemd/a1-web@.service")["Service"]["ExecStart"][0])
    differs = {"--host", "--port"}
    ways = [options_of(words) for words in (image_command(), unit_command)]
    ways = [{name: value for name, value in way.items() if name not in differs} for way in ways]
    assert ways[0] == ways[1]
    run = (ROOT / "sandbox/stack.py").read_text()
    assert all(
        f"{name} {value}" in run
        for name, value in ways[0].items()
        if value.isdigit() and name != "--workers-kill-timeout"
    )


def test_mounted_and_copied_files_exist() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and source != "./tls":
                assert (DEPLOY / source).exists(), f"{name}: {source}"
            elif not source.startswith("./"):
                assert source in COMPOSE["volumes"], f"{name}: {source}"
        for secret in service.get("secrets", []):
            assert secret in COMPOSE["secrets"], f"{name}: {secret}"
    for path in DEPLOY.rglob("Containerfile"):
        top = ROOT if path.parent == DEPLOY else path.parent
        copied = [line.split()[1:-1] for line in path.read_text().splitlines() if line.startswith("COPY")]
        assert [name for names in copied for name in names if not (top / name).exists()] == []


def test_what_waits_for_a_healthy_part_waits_for_one_that_is_checked() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
    assert SERVICES["primary"]["restart"] == "no", "a replaced primary must not come back by itself"


def test_roles_carry_the_limits_that_the_processes_have() -> None:
    roles = {"a1_app": Client.WEB, "a1_worker": Client.WORKER, "a1_report": Client.REPORT}
    text = (DEPLOY / "postgres/roles.sql").read_text()
    for role, client in roles.items():
        written = dict(re.findall(rf"^ALTER ROLE {role} SET (\w+) = '(\w+)';", text, re.MULTILINE))
        assert written == LIMITS[client].as_settings()
    assert LIMITS[Client.DISPATCHER] == LIMITS[Client.WORKER]


def test_the_pooler_keeps_to_what_the_product_relies_on() -> None:
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(DEPLOY / "pgbouncer/pgbouncer.ini")
    pooler = ini["pgbouncer"]
    assert pooler["pool_mode"] == "transaction"
    assert "options" not in pooler["ignore_startup_parameters"], "limits would be lost unseen"
    assert int(pooler["idle_transaction_timeout"]) > LIMITS[Client.WORKER].idle
    connections = int(re.findall(r"^max_connections = (\d+)", conf(), re.MULTILINE)[0])
    assert int(pooler["max_db_connections"]) < connections / 2
    users = re.findall(r'^"(\w+)"', (DEPLOY / "pgbouncer/userlist.example.txt").read_text(), re.MULTILINE)
    assert users == ["a1_app", "a1_worker", "a1_report"]


def conf() -> str:
    return (DEPLOY / "postgres/postgresql.conf").read_text()


def test_postgresql_knows_every_setting_and_takes_its_value(tmp_path: Path) -> None:
    shipped = dict(re.findall(r"^(\w+) = '?([^'#\n]*?)'?\s*(?:#.*)?$", conf(), re.MULTILINE))
    assert shipped["wal_level"] == "replica"
    assert shipped["fsync"] == shipped["full_page_writes"] == "on"
    assert shipped["max_slot_wal_keep_size"]
    assert "synchronous_standby_names" not in shipped, (
        "a first start and a promoted replica would wait for ever"
    )
    with (
        throwaway_cluster(tmp_path / "cluster") as cluster,
        psycopg.connect(cluster.libpq("postgres", "postgres"), autocommit=True) as admin,
    ):
        for name, value in shipped.items():
            admin.execute(SQL("ALTER SYSTEM SET {} = {}").format(Identifier(name), Literal(value)))


@pytest.mark.parametrize(
    "path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name
)
def test_a_unit_starts_what_exists_and_stops_in_time(path: Path, app: Flask) -> None:
    service = unit(path)["Service"]
    program, *words = shlex.split(service["ExecStart"][0])
    assert program.startswith("/opt/a1/.venv/bin/")
    variables = [word.partition("=")[0] for word in " ".join(service["Environment"]).split()]
    assert set(variables) <= NOT_OURS
    if words[0] == "worker.py":
        assert (ROOT / words[0]).exists()
    if "worker@" in path.name:
        default = next(spec.default for spec in fields(Settings) if spec.name == "job_lease_seconds")
        assert int(service["TimeoutStopSec"][0]) > job_timeout(int(str(default)))
    if service.get("Type") != ["oneshot"]:
        assert service["Restart"] == ["always"]
        assert unit(path)["Unit"]["StartLimitIntervalSec"] == ["0"]


def test_the_target_starts_every_queue_and_only_units_that_exist() -> None:
    wanted = " ".join(unit(DEPLOY / "systemd/a1.target")["Unit"]["Wants"]).split()
    assert {f"a1-worker@{queue}.service" for queue in QUEUES} <= set(wanted)
    assert {re.sub(r"@[^.]*\.", "@.", name) for name in wanted} <= {path.name for path in UNITS}


def test_systemd_reads_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    assert all(unit(path).get("Unit", {}).get("Description") for path in UNITS)
    if program is None:
        print("systemd-analyze is not here: the units were only parsed")
        return
    (tmp_path / "bin").mkdir()
    for name in ("granian", "python", "flask"):
        (tmp_path / "bin" / name).touch(0o755)
    for path in UNITS:
        (tmp_path / path.name).write_text(
            path.read_text().replace("/opt/a1/.venv/bin", str(tmp_path / "bin"))
        )
    named = [str(tmp_path / path.name) for path in UNITS]
    done = subprocess.run(
        [program, "verify", "--man=no", *named], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "a1" in line] == []
    assert done.returncode == 0


def blocks(text: str) -> Iterator[str]:
    """Give each server block."""
    for part in re.split(r"^server \{", text, flags=re.MULTILINE)[1:]:
        yield part.partition("\n}\n")[0]


def test_the_proxy_says_who_asks_and_keeps_figures_inside() -> None:
    public, inside = list(blocks(NGINX))[1:]
    for header in (
        "X-Forwarded-For $remote_addr",
        "X-Forwarded-Proto $scheme",
        "X-Forwarded-Host $host",
        "Host $host",
    ):
        assert f"proxy_set_header {header};" in public
    assert "$proxy_add_x_forwarded_for" not in NGINX, "a client could invent its address"
    assert re.search(r"location = /metrics \{\s*return 404;", public)
    assert "deny all;" in inside
    assert "location = /metrics {\n        proxy_pass" in inside
    for limit in (
        "client_header_timeout",
        "client_body_timeout",
        "send_timeout",
        "limit_conn",
        "client_max_body_size",
    ):
        assert limit in public
    assert "$request_uri" not in re.findall(r"log_format a1 .*?;", NGINX, re.DOTALL)[0], (
        "a manage link is a secret"
    )


def test_the_proxy_takes_as_long_a_body_as_the_product(app: Flask) -> None:
    kilobytes = int(re.findall(r"client_max_body_size (\d+)k;", NGINX)[0])
    assert kilobytes * 1024 == app.config["MAX_CONTENT_LENGTH"]


def test_nginx_reads_its_file(tmp_path: Path) -> None:
    assert NGINX.count("{") == NGINX.count("}")
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None or shutil.which("openssl") is None:
        print("nginx or openssl is not here: the file was only parsed")
        return
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a1", "-days", "1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    here = NGINX.replace("/etc/nginx/tls", str(tmp_path)).replace(
        "/etc/nginx/a1/upstream.conf", str(DEPLOY / "nginx/upstream.local.conf")
    )
    here = here.replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{here}\n}}\n"
    )
    done = subprocess.run(
        [program, "-t", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr or "deprecated" in done.stderr, done.stderr


def test_shell_scripts_can_be_read() -> None:
    scripts = sorted(DEPLOY.rglob("*.sh"))
    assert len(scripts) == 3
    for path in scripts:
        assert subprocess.run(["sh", "-n", str(path)], check=False).returncode == 0, path.name


def test_no_secret_is_filled_in() -> None:
    example = env_file(DEPLOY / "a1.env.example")
    assert not any(value for name, value in example.items() if re.search("KEY|SECRET|TOKEN|SID|ID$", name))
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {"deploy/a1.env", "deploy/.env", "deploy/tls/"} <= set(ignored)
