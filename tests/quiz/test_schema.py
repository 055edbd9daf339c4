"""The committed schema of bank files is the generated one, and the bank names it."""

from kmemquest.content import assets_root
from kmemquest.quiz import schema
from kmemquest.quiz.bank import open_bank, structure_files


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = (assets_root() / "schema" / "bank-v1.json").read_text(encoding="utf-8")
    assert committed == schema.render(), "run python -m kmemquest.quiz.schema"


def test_the_schema_knows_every_field() -> None:
    definitions = schema.bank_schema()["$defs"]
    assert definitions["BankFile"]["additionalProperties"] is False
    assert set(definitions["Entry"]["required"]) == {
        "id",
        "kind",
        "difficulty",
        "sources",
    }
    assert definitions["Entry"]["properties"]["difficulty"]["maximum"] == 5


def test_banks_name_their_schema_in_the_first_line() -> None:
    open_bank()
    for path in structure_files(assets_root() / "quiz"):
        first = path.read_text(encoding="utf-8").split("\n")[0]
        word, _, target = first.partition("$schema=")
        assert word == "# yaml-language-server: "
        assert (path.parent / target).resolve() == assets_root() / "schema" / "bank-v1.json"
