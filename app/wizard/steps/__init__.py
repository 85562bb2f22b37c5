"""The steps in order: this tuple is the table of contents of the wizard."""

from app.wizard.steps.base import Step
from app.wizard.steps.contact import ContactStep
from app.wizard.steps.doors import DoorsStep
from app.wizard.steps.issue import IssueStep
from app.wizard.steps.ownership import OwnershipStep
from app.wizard.steps.review import ReviewStep
from app.wizard.steps.slot import SlotStep
from app.wizard.steps.zip import ZipStep

STEPS: tuple[Step, ...] = (
    ZipStep(),
    IssueStep(),
    DoorsStep(),
    OwnershipStep(),
    SlotStep(),
    ContactStep(),
    ReviewStep(),
)
__all__ = ["STEPS", "Step"]
