"""Preference pairs: candidates, a judge, rules, and an audit of what the rules made.

preference_source.py  what a mixture says of such a source; prefer.py is its stage
prompts.py            which prompts are answered: of tables and builds, never a held-out one
asking.py             models answer and the judge is asked; given.py reads what exists already
judge_prompt.py       the judge's questions, and how its answers are parsed
candidates.py         the tables of all that: prompts, candidates, scores, judgements
rules.py              pairs of candidates, without asking anybody; pair_rows.py makes rows of them
audit.py              margins, biases and on-policy share of the pairs
"""
