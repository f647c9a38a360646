"""The open data engine for post-training language models."""

from dataengine.shadowed import refuse

__version__ = "0.2.0"

refuse()
