"""Find or add a customer by e-mail address; a stored one is linked, never changed, revealed or prefilled."""

import uuid

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.answers import Bookable

# The lock that the booking's foreign key takes anyway: a person who is being erased at this moment is not found any more.
FIND = text("SELECT id FROM customers WHERE email = :email FOR KEY SHARE")
ADD = text(
    "INSERT INTO customers (first_name, last_name, email, phone, sms_opt_in, sms_opt_in_date)"
    " VALUES (:first_name, :last_name, :email, :phone, :sms_opt_in, CASE WHEN :sms_opt_in THEN now() END)"
    " ON CONFLICT (email) DO NOTHING RETURNING id"
)


def find_or_add(session: Session, who: Bookable) -> uuid.UUID:
    """Return the customer with this address.

    Look, insert without conflict, look again: one statement that does both misses rows other transactions just added.
    """
    values = {
        name: getattr(who, name) for name in ("first_name", "last_name", "email", "phone", "sms_opt_in")
    }
    while True:
        found: uuid.UUID | None = session.execute(FIND, values).scalar_one_or_none()
        found = found or session.execute(ADD, values).scalar_one_or_none()
        if found:
            return found
