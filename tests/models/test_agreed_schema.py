"""The agreed database document, column by column: what it asks for is there, and where the form differs it is by a rule."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

# As the document writes them: name, type, what follows. TIMESTAMP is timestamptz here, UUID ids are of version 7.
AGREED = {
    "customers": """
        id UUID PRIMARY KEY | first_name VARCHAR(100) NOT NULL | last_name VARCHAR(100) NOT NULL | email VARCHAR(255) NOT NULL
        | phone VARCHAR(20) NOT NULL | sms_opt_in BOOLEAN DEFAULT false | sms_opt_in_date TIMESTAMP
        | created_at TIMESTAMP DEFAULT now() | updated_at TIMESTAMP DEFAULT now()""",
    "service_areas": """
        id UUID PRIMARY KEY | zip_code VARCHAR(10) NOT NULL | city VARCHAR(100) NOT NULL | state VARCHAR(2) NOT NULL
        | timezone VARCHAR(50) NOT NULL | active BOOLEAN DEFAULT true | created_at TIMESTAMP DEFAULT now()""",
    "bookings": """
        id UUID PRIMARY KEY | customer_id UUID NOT NULL | service_area_id UUID NOT NULL | issue_type VARCHAR(100) NOT NULL
        | door_count INTEGER NOT NULL | homeowner_status VARCHAR(20) NOT NULL | door_age INTEGER
        | preferred_time TIMESTAMP NOT NULL | address_line1 VARCHAR(255) NOT NULL | address_line2 VARCHAR(255)
        | status VARCHAR(20) DEFAULT pending | servicetitan_job_id VARCHAR(100) | booking_source VARCHAR(50)
        | created_at TIMESTAMP | updated_at TIMESTAMP DEFAULT now()""",
    "time_slots": """
        id UUID PRIMARY KEY | service_area_id UUID NOT NULL | slot_date DATE NOT NULL | slot_time TIME NOT NULL
        | available BOOLEAN DEFAULT true | booking_id UUID | external_slot_id VARCHAR(100)
        | created_at TIMESTAMP DEFAULT now() | updated_at TIMESTAMP DEFAULT now()""",
    "notifications": """
        id UUID PRIMARY KEY | booking_id UUID NOT NULL | type VARCHAR(20) NOT NULL | provider VARCHAR(50) NOT NULL
        | status VARCHAR(20) DEFAULT pending | external_id VARCHAR(100) | sent_at TIMESTAMP | error_msg TEXT
        | created_at TIMESTAMP DEFAULT now()""",
    "queue_jobs": """
        id UUID PRIMARY KEY | queue_name VARCHAR(50) NOT NULL | job_type VARCHAR(50) NOT NULL | booking_id UUID
        | status VARCHAR(20) DEFAULT pending | priority INTEGER DEFAULT 0 | attempts INTEGER DEFAULT 0
        | max_attempts INTEGER DEFAULT 3 | payload JSONB | error_msg TEXT | scheduled_at TIMESTAMP DEFAULT now()
        | started_at TIMESTAMP | completed_at TIMESTAMP | created_at TIMESTAMP DEFAULT now()""",
    "analytics_events": """
        id UUID PRIMARY KEY | booking_id UUID | event_type VARCHAR(50) NOT NULL | event_data JSONB | session_id VARCHAR(100)
        | utm_source VARCHAR(100) | utm_campaign VARCHAR(100) | utm_medium VARCHAR(100) | gclid VARCHAR(200)
        | created_at TIMESTAMP DEFAULT now()""",
}
SPELLED = {
    "timestamp with time zone": "TIMESTAMP", "time without time zone": "TIME", "character varying": "VARCHAR",
}  # fmt: skip
REFERENCES = {
    ("bookings", "customer_id", "customers"), ("bookings", "service_area_id", "service_areas"),
    ("time_slots", "service_area_id", "service_areas"), ("time_slots", "booking_id", "bookings"),
    ("notifications", "booking_id", "bookings"), ("queue_jobs", "booking_id", "bookings"),
    ("analytics_events", "booking_id", "bookings"),
}  # fmt: skip
# The leading columns of each index the document names, singly or as composite.
INDEXED = {
    "customers": ["email", "phone"],
    "service_areas": ["zip_code", "active"],
    "bookings": ["customer_id, created_at", "status, created_at", "created_at", "preferred_time"],
    "time_slots": ["service_area_id, slot_date, slot_time"],
    "notifications": ["booking_id", "status", "created_at"],
    "queue_jobs": ["queue_name", "status, priority", "scheduled_at", "booking_id"],
    "analytics_events": ["booking_id", "event_type", "created_at", "session_id, created_at"],
}
UNIQUE = {
    "customers": "email",
    "service_areas": "zip_code",
    "time_slots": "service_area_id, slot_date, slot_time",
}

COLUMN = text(
    "SELECT data_type, character_maximum_length AS size, is_nullable = 'YES' AS nullable, column_default AS value"
    " FROM information_schema.columns WHERE table_name = :table AND column_name = :column AND table_schema = 'public'"
)
INDEXES = text(
    "SELECT i.indisunique AS is_unique, i.indisprimary AS is_primary, i.indpred IS NOT NULL AS partial,"
    " (SELECT string_agg(a.attname, ', ' ORDER BY place) FROM unnest(i.indkey) WITH ORDINALITY k (number, place)"
    "  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number) AS columns"
    " FROM pg_index i WHERE i.indrelid = CAST(:table AS regclass)"
)
KEYS = text(
    "SELECT c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text FROM pg_constraint c"
    " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
    " WHERE c.contype = 'f' AND c.conparentid = 0"
)
COLUMNS = [
    (table, *line.split(maxsplit=2))
    for table, lines in AGREED.items()
    for line in map(str.strip, lines.split("|"))
]


@pytest.mark.parametrize("agreed", COLUMNS, ids=lambda agreed: f"{agreed[0]}.{agreed[1]}")
def test_a_column_is_as_agreed(session: Session, agreed: tuple[str, ...]) -> None:
    table, name, kind, *rest = agreed
    found = session.execute(COLUMN, {"table": table, "column": name}).one()
    size = f"({found.size})" if found.size else ""
    assert SPELLED.get(found.data_type, found.data_type.upper()) + size == kind
    wanted = rest[0] if rest else ""
    if wanted in {"NOT NULL", "PRIMARY KEY"}:
        assert not found.nullable
    if wanted.startswith("DEFAULT "):
        assert str(found.value).split("::")[0].strip("'") == wanted.removeprefix("DEFAULT ")
    if wanted == "PRIMARY KEY":
        assert "uuid_v7()" in found.value


@pytest.mark.parametrize("table", INDEXED)
def test_the_agreed_indexes_are_there(session: Session, table: str) -> None:
    found = list(session.execute(INDEXES, {"table": table}))
    for columns in INDEXED[table]:
        assert any(f"{row.columns}, ".startswith(f"{columns}, ") for row in found), columns
    if table in UNIQUE:
        assert any(row.is_unique and not row.partial and row.columns == UNIQUE[table] for row in found)
    assert any(row.is_primary and row.columns.split(", ")[0] == "id" for row in found)


def test_open_windows_have_an_index_of_their_own(session: Session) -> None:
    rows = session.execute(INDEXES, {"table": "time_slots"})
    assert any(row.partial and row.columns == "service_area_id, slot_date, slot_time" for row in rows)


def test_every_agreed_reference_is_a_foreign_key(session: Session) -> None:
    assert {tuple(row) for row in session.execute(KEYS)} >= REFERENCES


@pytest.mark.parametrize(
    ("table", "column", "part"),
    [
        ("bookings", "status", "('pending', 'confirmed', 'completed', 'cancelled')"),
        ("bookings", "homeowner_status", "('owner', 'renter')"),
        ("notifications", "type", "('email', 'sms')"),
        ("notifications", "status", "('pending', 'sent', 'failed')"),
        ("queue_jobs", "status", "('pending', 'processing', 'completed', 'failed')"),
    ],
)
def test_the_agreed_values_are_the_only_ones(session: Session, table: str, column: str, part: str) -> None:
    words = part.strip("()").replace("'", "").split(", ")
    definition = session.execute(
        text(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = CAST(:table AS regclass) AND contype = 'c' AND conname = :name"
        ),
        {"table": table, "name": f"{table}_{column}"},
    ).scalar_one()
    assert [definition.count(f"'{word}'") for word in words] == [1] * len(words)
    assert definition.count("'::") == len(words)


@pytest.mark.parametrize(
    ("table", "key"), [("bookings", "RANGE (id)"), ("analytics_events", "RANGE (created_at)")]
)
def test_the_agreed_tables_are_partitioned(session: Session, table: str, key: str) -> None:
    found = session.execute(text("SELECT pg_get_partkeydef(CAST(:t AS regclass))"), {"t": table}).scalar_one()
    assert found == key
