"""Page objects: what a person can do and see on each page, and the only place that knows its markup."""
