"""What must be true of the data at any moment: named checks in SQL, run every night, by `doctor` and on demand."""
