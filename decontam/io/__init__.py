"""Rows in, findings and cleaned files out."""
