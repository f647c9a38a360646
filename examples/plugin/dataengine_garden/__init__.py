"""One thing of every kind that a mixture can name; its pyproject.toml says under which names."""
