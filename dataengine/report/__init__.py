"""The report: one HTML file that shows what a build kept and dropped, and why. See `page.py`."""

from dataengine.report.page import report

__all__ = ["report"]
