"""Decontamination: which training rows give away which eval items, with the evidence.

    from decontam.check import check
    from eval.suites import load

    findings = check(["rows.parquet"], load("development", "evals/"))
    findings.decisions   # row_id, source, decision, suite, eval_id, score, input, row
    findings.evidence    # why: rule, coverage, spans in characters on both sides
    findings.report      # rows dropped per source, items overlapped per source

`python -m decontam --help` is the same on the command line.
"""
