"""What we learn from visits: where they came from and what happened in them, never who they were."""
