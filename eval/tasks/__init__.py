"""Eval tasks: suites as questions for a model, in lm-evaluation-harness's own format.

questions.py   an item as it is put to a model: its prompt, its worked examples, its truth
truths.py      ground truths that a verifier does not make for itself
model.py       the model that is asked: a folder, or a server
harness.py     questions as the harness's tasks, and its log of the answers
score.py       answers through the verifiers, one result an item
judge_client.py  sends the judge's questions
"""
