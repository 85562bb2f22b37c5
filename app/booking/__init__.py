"""What the business means: areas, issues, windows, bookings and their rules; it knows no web and no queue."""
