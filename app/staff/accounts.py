"""Logins of the office: how they are made, and how a password is checked without telling who has one."""

import uuid
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from email_validator import EmailNotValidError, validate_email
from flask_login import UserMixin
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.models import Staff
from app.models.staff import Role

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
HASHER = PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1
)  # OWASP's least; a login may not cost 64 MB
NOBODY = HASHER.hash("nobody has this password")  # an unknown address costs as much time as a known one
RANK = {role: rank for rank, role in enumerate(Role)}
ADD = text(
    "INSERT INTO staff (email, name, role, password_hash) VALUES (:email, :name, :role, :password_hash)"
    " ON CONFLICT (email) DO NOTHING RETURNING id"
)

CHANGE_PASSWORD = text(
    "UPDATE staff SET password_hash = :password_hash, session_epoch = session_epoch + 1 WHERE email = :email RETURNING id"
)


class AccountRefused(Exception):
    """The login cannot be made like this; the message says why."""


@dataclass(frozen=True)
class Account(UserMixin):
    """The person who is logged in, as views and templates see them."""

    id: uuid.UUID
    epoch: int
    name: str
    role: Role

    def get_id(self) -> str:
        """Return what the session keeps: raising the epoch ends every session of this person."""
        return f"{self.id}.{self.epoch}"

    def can(self, role: str) -> bool:
        """Say whether this person may do what takes the given role."""
        return RANK[self.role] >= RANK[Role(role)]


@dataclass(frozen=True)
class NewAccount:
    """What an operator types to let somebody in."""

    email: str
    name: str
    role: Role
    password: str


def add(session: Session, wanted: NewAccount) -> uuid.UUID:
    """Add a login. Raise AccountRefused."""
    try:
        email = validate_email(wanted.email, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise AccountRefused(f"this is not an e-mail address: {error}") from error
    name = wanted.name.strip()
    if not 1 <= len(name) <= 100:
        raise AccountRefused("the name must have 1 to 100 characters")
    values = {"email": email, "name": name, "role": wanted.role, "password_hash": hash_of(wanted.password)}
    added: uuid.UUID | None = session.execute(ADD, values).scalar_one_or_none()
    if added is None:
        raise AccountRefused("somebody with this e-mail address exists already")
    return added


def change_password(session: Session, email: str, password: str) -> uuid.UUID:
    """Give a login a new password and end all of its sessions. Raise AccountRefused."""
    values = {"email": email.strip().lower(), "password_hash": hash_of(password)}
    changed: uuid.UUID | None = session.execute(CHANGE_PASSWORD, values).scalar_one_or_none()
    if changed is None:
        raise AccountRefused("nobody has this e-mail address")
    return changed


def hash_of(password: str) -> str:
    """Return what is stored of a password. Raise AccountRefused when it is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountRefused(f"the password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return HASHER.hash(password)


def check(session: Session, email: str, password: str) -> Account | None:
    """Return who this is, or nobody; takes the same time either way."""
    row = session.scalar(select(Staff).where(Staff.email == email.strip().lower()[:255]))
    known = row is not None and row.active
    right = is_right(row.password_hash if row is not None and known else NOBODY, password[:LONGEST_PASSWORD])
    return account_of(row) if row is not None and known and right else None


def is_right(password_hash: str, password: str) -> bool:
    """Say whether the password is the one behind the hash."""
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def load(session: Session, kept: str) -> Account | None:
    """Return the person a session names, unless the login ended meanwhile."""
    staff_id, _, epoch = kept.partition(".")
    try:
        row = session.get(Staff, uuid.UUID(staff_id))
    except ValueError:
        return None
    return account_of(row) if row is not None and row.active and str(row.session_epoch) == epoch else None


def account_of(row: Staff) -> Account:
    """Return a row as the person it stands for."""
    return Account(row.id, row.session_epoch, row.name, Role(row.role))
