"""Commands for the operator's shell: `flask --app wsgi <group> <command>`, one file a group."""

from flask import Flask

from app.cli import areas, consent, demo, doctor, partitions, partners, reports, scheduling_pro, slots, staff

COMMANDS = (
    areas.areas,
    slots.slots,
    partitions.partitions,
    reports.reports,
    staff.staff,
    partners.partners,
    consent.consent,
    demo.demo,
    scheduling_pro.scheduling_pro,
    doctor.doctor,
)


def init_app(app: Flask) -> None:
    """Add every group."""
    for command in COMMANDS:
        app.cli.add_command(command)
