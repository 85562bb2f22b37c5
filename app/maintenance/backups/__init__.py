"""Copies of the whole database: taken, kept and proven with PostgreSQL's own programs, sealed with age."""
