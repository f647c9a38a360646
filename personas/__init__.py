"""Personas and recipes: whom to ask and what. Pure: no network, no model calls, no clock.

A recipe turns a persona and a seed into requests, and replies into rows. Whoever drives it sends
the requests; this is all a driver does:

    recipe = recipes.recipe("math_hard")               # or recipe("open_chat", language="de")
    draft = recipe.start(persona, seed, document=None) # -> Draft
    while isinstance(draft, Draft):                    # the prompt is written, in 1..n turns
        turn = recipe.next(draft)                      # Turn(ask, by="prompts" | "answers")
        reply = send(turn.by, turn.ask)                # anything with .text and .tool_calls
        draft = recipe.read(draft, reply)              # -> Draft | Prompt | NewPersonas | Reject
    if isinstance(draft, Prompt):
        for reply in samples(recipe.answer(draft)):    # one Ask; send it k times
            outcome = recipe.read_answer(draft, reply) # -> Generated | Reject

- `by` names the model of the mixture that a turn is for: who writes prompts, or who answers.
- `Prompt` has `messages` (the row's turns so far, without system prompts of ours), `tools`,
  `verifier`, `ground_truth` (None where only agreement among answers can tell: majority),
  `details` (evidence for the row's provenance: constraints, document, dropped constraint).
- `Generated` has the row's fields: `messages`, `tools`, `ground_truth`, `verifier`, `skill`,
  `language`, `rejected` (a rejected last message: the row is then a preference pair) and
  `details`. Where `ground_truth` is set it is the label to verify the answer with: the prompt's,
  or for `majority` recipes the answer's own, extracted.
- `Reject` has `reason` (a short class, for counting) and `detail` (one line, for people).
- `NewPersonas` ends the recipes that make personas instead of rows (`recipe.makes`).
- `recipe.keep` is the recipe's own way for an answer to earn its place: verified, majority, judge
  or all. A mixture may say otherwise.
- `recipe.needs_document` / `needs_persona` say what `start` must be given.
- `recipe.requests()` says how many turns a prompt takes at most, per model: for projections.
- Another try with the same persona is `start` with another seed. Every draw is a hash of
  (seed, persona id, document id, recipe name and version): any worker draws the same.
- A Draft is frozen and holds all replies so far: replaying the ledger rebuilds it exactly.
- Messages are in the engine's form: `tool_calls` is JSON text, `name` names a tool's turn.
- A schema on an ask means that the reply's text is JSON of that schema. Recipes read it again
  themselves, and reject what does not fit as "malformed".

A recipe is one file in `personas/recipes/`; `docs/personas.md` shows how to add one.
"""

from personas.draft import Draft, Generated, NewPersonas, Prompt, Reject, Reply, Turn
from personas.persona import Document, Persona

__all__ = [
    "Document",
    "Draft",
    "Generated",
    "NewPersonas",
    "Persona",
    "Prompt",
    "Reject",
    "Reply",
    "Turn",
]
