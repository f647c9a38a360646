"""Filter `no_url`: rows whose answers send people elsewhere."""

import re
from typing import ClassVar

from dataengine.stages.filters import Finding, TurnFilter

URL = re.compile(r"https?://(?P<host>[\w.-]+)\S*")


class NoUrl(TurnFilter):
    """Drops rows in which the assistant gives a URL, but for hosts that are allowed."""

    name: ClassVar[str] = "no_url"

    allow: tuple[str, ...] = ()
    """Hosts that may be named."""

    def find(self, text, turns, number):
        for url in URL.finditer(text):
            if url["host"] not in self.allow:
                return Finding("gives a URL", url.start(), url.end())
        return None
