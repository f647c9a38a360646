"""Whether verifiers can do their work here, asked before anything is paid for."""

from collections.abc import Iterable
from typing import Any

from dataengine.errors import UserError
from eval.verifiers import Unavailable, UnknownVerifier, verifier


def verifiers_ready(names: Iterable[str], where: str, **settings: Any) -> None:
    """Ask each of these verifiers whether what it needs is installed.

    Raises:
        UserError: `where` says for what; it names the package, or the verifier that is none.
    """
    for name in sorted(set(names)):
        try:
            found = verifier(name)
            found.ready(**settings if found.takes("sandbox") else {})
        except (Unavailable, UnknownVerifier) as error:
            raise UserError(f"{where}: verifier {name}: {error}") from None
