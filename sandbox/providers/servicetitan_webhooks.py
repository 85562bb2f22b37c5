"""Simulated ServiceTitan webhooks: a signed hint that something changed, repeated while nobody takes it."""

import base64
import hashlib
import hmac
import json

from sandbox.providers.callbacks import Callback, is_reachable, send
from sandbox.providers.faults import Mode
from sandbox.providers.servicetitan_records import Job
from sandbox.providers.state import World

REPEAT_AFTER = (10, 30, 60, 300)
PATH = "/webhooks/servicetitan"
LATE_SECONDS = 60.0


def signature(key: str, body: bytes, digest: str = "hex") -> str:
    """Sign a body the way we assume ServiceTitan does."""
    made = hmac.new(key.encode(), body, hashlib.sha256).digest()
    return made.hex() if digest == "hex" else base64.b64encode(made).decode()


def announce(sim: World, event: str, job: Job) -> None:
    """Tell the application of a change, if it wants to hear of it."""
    config = sim.config
    if not (sim.flags.on("st_webhooks") and config.st_webhook_hmac_key and config.public_base_url):
        return
    url = config.public_base_url.rstrip("/") + PATH
    if not is_reachable(sim, url):
        return
    number = sim.office.log_ids.take()
    body = json.dumps(
        {
            "eventId": f"evt-{number}", "eventType": event, "tenantId": int(config.st_tenant_id), "timestamp": sim.stamp(),
            "data": {"id": job.id, "jobStatus": job.status},
        }
    ).encode()  # fmt: skip
    mode = sim.faults.take_callback("servicetitan")
    key = "forged" * 8 if mode is Mode.FORGED_WEBHOOK else config.st_webhook_hmac_key
    header = sim.flags.word("st_webhook_header")
    headers = {
        "Content-Type": "application/json",
        header: signature(key, body, sim.flags.word("st_webhook_digest")),
    }
    callback = Callback("servicetitan", url, body, headers, f"{event} {job.id}", mode.value if mode else "")
    wait = LATE_SECONDS if mode in {Mode.LATE_WEBHOOK, Mode.REORDER_WEBHOOKS} else 0.0
    for _ in range(2 if mode is Mode.DUPLICATE_WEBHOOK else 1):
        sim.clockwork.after(wait, lambda: _deliver(sim, callback, 0))


def _deliver(sim: World, callback: Callback, repeats: int) -> None:
    if send(sim, callback).is_taken or repeats >= len(REPEAT_AFTER):
        return
    sim.clockwork.after(REPEAT_AFTER[repeats], lambda: _deliver(sim, callback, repeats + 1))
