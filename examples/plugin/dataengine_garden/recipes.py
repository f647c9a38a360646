"""Recipe `plant_care`: a persona asks about a plant of theirs."""

from typing import Any, ClassVar

from pydantic import BaseModel

from personas.draft import Draft, Prompt, Reject
from personas.recipe import OneTurn, persona_fence, user


class Question(BaseModel):
    question: str


class PlantCare(OneTurn):
    """Questions about a plant."""

    name: ClassVar[str] = "plant_care"
    version: ClassVar[int] = 1
    skill: ClassVar[str] = "chat"
    form: ClassVar[type[BaseModel]] = Question
    system: ClassVar[str] = "You write questions that people ask about their plants."

    plants: tuple[str, ...] = ("a lemon tree", "basil", "an orchid")
    """What is asked about; one is drawn."""

    def brief(self, draft: Draft) -> str:
        plant = self.rng(draft).choice(self.plants)
        return f"{persona_fence(draft)}\n\nWrite what this person asks about {plant}."

    def made(self, draft: Draft, written: Any) -> Prompt | Reject:
        question = self.asked(draft, written.question)
        return question if isinstance(question, Reject) else self.prompt(draft, user(question))
