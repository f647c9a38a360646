"""Decontamination: which training rows give away which eval items, with the evidence.

    from decontam.check import check
    from eval.suites import load

    findings = check(["rows.parquet"], load("development", "evals/"))
    findings.decisions   # row_id, source, decision, suite, eval_id, score, input, row
    findings.evidence    # why: rule, coverage, spans in characters on both sides
    findings.report      # rows dropped per source, items overlapped per source

`python -m decontam --help` is the same on the command line.

One check, folder by folder:

    io/          files of rows as batches of texts, findings, cleaned files
    text/        a text's words, and how common they are (tokens: `dataengine.kernels`)
    index/       items as weighted words, and the seeds that lead to them
    search/      candidates by seeds, aligned with their references, and how they differ
    decide/      rules, and the evidence for what they decide
    paraphrase/  the second tier: sentence embeddings, and what both texts state
    selftest/    leaks planted in rows, to measure recall and false alarms
"""
