"""LLM access: endpoints, prices, rate limits, retries and the ledger. Never what is asked.

    async with Models(configs, ledger, budget) as models:
        async with models.stream("teacher", queries, stage="persona-math") as replies:
            async for reply in replies:
                reply.query, reply.outcome        # Answer | Failure

`Models`, `Query` and `Reply` are in `models.py`; `Answer` and `Failure` in `wire.py`; what a
mixture says of models in `model_config.py`. A `Query` is an ask of `personas/ask.py` and the
number of its sample.
"""
