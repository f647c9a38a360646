"""Row reader: how any file becomes records, and any record a row. Floor 0: imports nothing above.

`formats` opens files, `shapes` finds how a record is laid out, `turns` and `calls` read one turn
and its tool calls, `texts` lists every string that a model could be trained on. Sources,
`decontam`, `dedup: against` and given preferences all read through here.
"""
