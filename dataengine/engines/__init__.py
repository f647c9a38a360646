"""Engines: who runs a step's parts. Adding one is one file here; see `drive.Engine`."""
