"""From measured matches to decisions and evidence."""
