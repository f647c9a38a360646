"""Recall and false alarms, measured on planted leaks."""
