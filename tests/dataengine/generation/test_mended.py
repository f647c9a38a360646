"""What failed for now is asked for again by the same command, and nothing else is."""

import json

import polars as pl
import pytest

from dataengine.errors import UserError
from dataengine.generation.generate import source_of
from dataengine.models.failure import EndpointDown
from dataengine.row import schema
from personas import recipes
from tests.dataengine.conftest import part_of


def ill_until(well, answer_of):
    """A server that refuses some requests until `well` is set; drawn by what is asked."""

    def decide(body):
        if "response_format" not in body and not well and answer_of(body) % 2:
            return 503, {"message": "too busy for this one"}, {}
        return "ok"

    return decide


def number_of(body):
    question = body["messages"][-1]["content"]
    return next(int(word) for word in question.split() if word.isdigit())


ONE_TRY = {"answers": {"model": "teacher", "samples": 1, "keep": "all"}, "ceiling": 1}


def test_mendable_failures_are_asked_for_again_and_only_those(teacher, build, monkeypatch):
    monkeypatch.setattr("dataengine.models.failure.Overloaded.tries", 1)
    monkeypatch.setattr("dataengine.models.model_client.DOWN_AFTER", 10**6)
    monkeypatch.setattr("dataengine.models.model_client.ALIKE_AT_FIRST", 10**6)
    well = []
    server = teacher(decide=ill_until(well, number_of))
    first = build(server.url, ONE_TRY)
    failed = first.account.failed
    assert 0 < failed < 20
    assert first.account.mendable == {"overloaded": failed}
    assert first.rows("failed")["reason"].to_list() == ["overloaded"] * failed
    (note,) = [n for n in first.notes if "failed for now" in n]
    assert f"{failed} failed for now (overloaded {failed}): run again" in note
    before = server.asked.total()
    well.append(True)
    second = build(server.url, ONE_TRY)
    assert server.asked.total() == before + failed
    assert (second.account.kept, second.account.mendable) == (20, {})
    assert not [n for n in second.notes if "failed for now" in n]
    build(server.url, ONE_TRY)
    assert server.asked.total() == before + failed
    undisturbed = build(teacher().url, ONE_TRY, out="undisturbed")
    assert second.bytes == undisturbed.bytes
    assert second.account.output == undisturbed.account.output != first.account.output


def test_final_failures_are_finished(teacher, build):
    def decide(body):
        return "ok" if "response_format" in body or number_of(body) % 2 else "truncated"

    server = teacher(decide=decide)
    first = build(server.url, ONE_TRY)
    asked = server.asked.total()
    assert 0 < first.account.failed < 20 and first.account.mendable == {}
    build(server.url, ONE_TRY)
    assert server.asked.total() == asked


def test_an_empty_account_stops_the_source_in_the_providers_words(teacher, build, tmp_path):
    paid = []

    def decide(body):
        paid.append(1)
        return "ok" if len(paid) <= 12 else (402, {"message": "Insufficient Balance"}, {})

    server = teacher(decide=decide)
    with pytest.raises(EndpointDown, match="Insufficient Balance") as stopped:
        build(server.url, ONE_TRY)
    assert "persona-math" in str(stopped.value)
    answered = set(server.answered)
    server.decide = None
    (folder,) = (tmp_path / "out" / ".work").glob("generate-*")
    part_of(pl.DataFrame(schema=schema("sft")), "sft", folder)  # as a round without rows leaves one
    mended = build(server.url, ONE_TRY)
    assert mended.account.kept == mended.rows().height == 20
    assert max(server.answered.values()) == 1 and answered <= set(server.answered)


def test_a_missing_sandbox_is_told_before_anything_is_paid_for(teacher, build, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    from eval.verifiers import sandbox

    sandbox._bwrap.cache_clear()
    server = teacher()
    with pytest.raises(UserError, match=r"verifier code_python.*apt install bubblewrap"):
        build(server.url, {"recipe": "code_python", "answers": "teacher"})
    assert server.asked.total() == 0
    sandbox._bwrap.cache_clear()


def test_a_judge_that_failed_is_asked_again(teacher, build, monkeypatch, math_teacher):
    monkeypatch.setattr("dataengine.models.model_client.ALIKE_AT_FIRST", 10**6)
    monkeypatch.setattr("dataengine.models.model_client.DOWN_AFTER", 10**6)
    monkeypatch.setattr("dataengine.models.failure.Overloaded.tries", 1)
    well = []

    def answer(body):
        form = body.get("response_format")
        if form and form["json_schema"]["name"] == "Mark":
            return json.dumps({"rationale": "fine", "mark": 5})
        return math_teacher(body)

    def decide(body):
        form = body.get("response_format")
        judging = form and form["json_schema"]["name"] == "Mark"
        return (503, {"message": "no judge today"}, {}) if judging and not well else "ok"

    server = teacher(answer, decide=decide)
    judged = {"answers": {"model": "teacher", "keep": "judge"}, "ceiling": 1}
    first = build(server.url, judged)
    assert first.account.mendable == {"verifier_error": 20}
    assert "no judge today" in first.rows("failed")["evidence"][0]
    asked = server.asked.total()
    well.append(True)
    assert build(server.url, judged).account.kept == 20
    assert server.asked.total() == asked + 20


def test_answers_that_cannot_be_compared_fail_their_prompt_alone(teacher, build, math_teacher):
    def clock(body):
        if "response_format" in body:
            return math_teacher(body)
        return ["So \\boxed{0:0}", "So \\boxed{0/0}", "So \\boxed{1/0}"][body["seed"] % 3]

    built = build(
        teacher(clock).url,
        {"recipe": "math_hard", "answers": {"model": "teacher", "samples": 3}, "ceiling": 1},
    )
    assert built.account.kept == 0
    assert set(built.generation["reasons"]) <= {"verifier_error", "no_majority"}


def test_reasoning_travels_beside_the_answer(teacher, build, math_teacher):
    def thinks(body):
        said = math_teacher(body)
        return said if "response_format" in body else f"Hm, 41? No.\n</think>\n\n{said}"

    rows = build(teacher(thinks).url, ONE_TRY).rows()
    texts = rows["messages"].list.get(-1).struct.field("content")
    assert texts.str.starts_with("We add one.").all()
    assert not texts.str.contains("41?", literal=True).any()
    assert rows.height == 20 and isinstance(rows, pl.DataFrame)


def test_an_edited_recipe_is_another_recipe(monkeypatch):
    recipe = recipes.recipe("open_chat")
    known = source_of(recipe)
    assert known == source_of(recipes.recipe("open_chat")) != source_of(recipes.recipe("knowledge"))
    wrapped = recipes.recipe("multilingual", of="open_chat", languages=["de"])
    assert source_of(wrapped) != source_of(
        recipes.recipe("multilingual", of="knowledge", languages=["de"])
    )
    from dataengine.generation import generate

    real = generate._source
    edited = lambda module: real(module) + ("# edited" if module.endswith("open_chat") else "")  # noqa: E731
    monkeypatch.setattr(generate, "_source", edited)
    assert source_of(recipe) != known


def test_a_page_of_prompts_is_a_recipe(teacher, build, tmp_path, dice):
    (tmp_path / "sums.yaml").write_text(
        "ask: |\n  {persona}\n  Write {sort} sum.\ndraws: {sort: [a short, a long]}\n"
    )

    def answer(body):
        if "response_format" in body:
            words = " ".join(f"w{dice([body, i], 9999)}" for i in range(12))
            return json.dumps({"message": f"How many are {words}?"})
        return "It is 4, I believe, all counted."

    source = {"recipe": "sums.yaml", "answers": "teacher"}
    server = teacher(answer)
    built = build(server.url, source)
    assert built.account.kept == 20
    assert set(built.rows()["provenance"].struct.field("recipe")) == {"sums.yaml@1"}
    asked = server.asked.total()
    build(server.url, source)
    assert server.asked.total() == asked
    (tmp_path / "sums.yaml").write_text("ask: |\n  {persona}\n  Write a sum.\n")
    build(server.url, source)
    assert server.asked.total() > asked  # other prompts are other rows
    (tmp_path / "sums.yaml").write_text("ask: '{moon}'\n")
    with pytest.raises(UserError, match="moon"):
        build(server.url, source)
    with pytest.raises(UserError, match=r"no\.yaml cannot be read"):
        build(server.url, {"recipe": "no.yaml", "answers": "teacher"})


def test_a_plan_counts_what_the_ledger_has_as_paid(teacher, build):
    price = {"price": {"input": 1.0, "output": 1.0}}
    server = teacher()
    models = {"teacher": {"backend": "openai", "base_url": server.url, "model": "tiny", **price}}
    built = build(server.url, models=models)
    stage, ledger = built.plan.steps[0].stage, built.out / "ledger.sqlite"
    before = ledger.read_bytes()
    asked = server.asked.total()
    said = stage.projected(ledger)
    assert "20 rows of math_grade_school: 0 to " in said
    assert f"beside the {asked:,} whose answers are in the ledger" in said
    assert ", 0 to " in said and "0.00 to 0.00 USD" in said  # 15 tokens a call, as it has shown
    assert "nothing in the ledger yet" in stage.projected(built.out / "none.sqlite")
    assert stage.projected(built.out / "none.sqlite") == stage.explain()
    assert ledger.read_bytes() == before and not (built.out / "none.sqlite").exists()
