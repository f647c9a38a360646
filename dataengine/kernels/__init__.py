"""Compiled kernels that near-deduplication, decontamination and readers share."""
