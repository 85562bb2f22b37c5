"""Simulated ServiceTitan leads: somebody who wants to be called back."""

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.servicetitan import ApiError, bp, refuse_if
from sandbox.providers.servicetitan_contacts import CRM
from sandbox.providers.servicetitan_lists import page_of
from sandbox.providers.servicetitan_records import Lead
from sandbox.providers.state import World, wire, world
from sandbox.providers.territory import CAMPAIGNS


@bp.post(f"{CRM}/leads")
def add_lead() -> Response:
    """Take a lead of a campaign; it needs a reason or a day to call back."""
    sim, check = world(), Checker(request.get_json(silent=True))
    campaign = check.number("campaignId")
    check.text("summary")
    if campaign not in CAMPAIGNS:
        check.fail("campaignId", f"campaignId {campaign} not found.")
    if check.body.get("callReasonId") is None and check.body.get("followUpDate") is None:
        check.fail("callReasonId", "A callReasonId or a followUpDate is required.")
    if check.body.get("followUpDate") is not None:
        check.moment("followUpDate")
    refuse_if(check.errors)
    with sim.lock:
        return jsonify(show_lead(_keep(sim, check.body)))


@bp.post(f"{CRM}/leads/form")
def add_form() -> Response:
    """Take what a form on a website sends."""
    sim, check = world(), Checker(request.get_json(silent=True))
    check.text("name")
    refuse_if(check.errors)
    with sim.lock:
        return jsonify(leadId=_keep(sim, check.body).id)


def _keep(sim: World, body: Json) -> Lead:
    now = sim.now()
    lead = Lead(id=sim.office.lead_ids.take(), created_at=now, modified_at=now, body=dict(body))
    sim.office.leads[lead.id] = lead
    sim.office.touch("leads", lead, now)
    sim.record("servicetitan", "lead", None, str(lead.id), **body)
    return lead


@bp.get(f"{CRM}/leads")
def list_leads() -> Response:
    """Filter leads."""
    sim = world()
    with sim.lock:
        return page_of(list(sim.office.leads.values()), show_lead)


@bp.get(f"{CRM}/leads/<int:lead_id>")
def get_lead(lead_id: int) -> Response:
    """Read one lead."""
    sim = world()
    with sim.lock:
        lead = sim.office.leads.get(lead_id)
        if lead is None:
            raise ApiError(404, "Lead not found.")
        return jsonify(show_lead(lead))


def show_lead(lead: Lead) -> Json:
    """Write a lead as the API does."""
    body = lead.body
    return {
        "id": lead.id, "status": "Open", "customerId": None, "locationId": None, "businessUnitId": None, "jobTypeId": None,
        "priority": body.get("priority") or "Normal", "campaignId": body.get("campaignId"), "summary": body.get("summary"),
        "callReasonId": body.get("callReasonId"), "followUpDate": body.get("followUpDate"), "tagTypeIds": [],
        "createdOn": wire(lead.created_at), "createdById": 1, "modifiedOn": wire(lead.modified_at), "active": lead.active,
    }  # fmt: skip
