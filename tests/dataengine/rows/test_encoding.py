"""Encodings: what marks and bytes say, and what is guessed of short texts in one code page each."""

import io

import pytest

from dataengine.errors import UserError
from dataengine.rows.encoding import BLOCK, encoding


def of(content: bytes) -> str:
    return encoding(io.BytesIO(content), "a.csv")


TEXTS = {
    "German": ("cp1252", "Frage;Antwort\r\nWie geht es?;Schön\r\n"),
    "French": ("cp1252", "prix;texte\r\n5 €;été à la plage\r\n7 €;où êtes-vous allé\r\n"),
    "Finnish": ("cp1252", "kysymys;vastaus\r\nMitä syödään?;Mämmiä ja hyvää kalaa\r\n"),
    "one letter": ("cp1252", "prompt,completion\r\nwhat,é\r\n"),
    "two words": ("cp1252", "prompt,completion\r\nnaïve café,yes\r\n"),
    "English": ("cp1252", "prompt,completion\r\nIt’s “here” – isn’t it?,Yes…\r\n"),
    "Polish": ("cp1250", "pytanie;odpowiedź\r\nGdzie żyją żółwie?;W Łodzi, w zoo\r\n"),
    "Russian": ("cp1251", "вопрос;ответ\r\nКакой город столица России?;Москва\r\n"),
    "Greek": ("cp1253", "ερώτηση;απάντηση\r\nΠοια είναι η πρωτεύουσα;Αθήνα\r\n"),
    "Turkish": ("cp1254", "soru;cevap\r\nTürkiye'nin başkenti neresidir?;Ankara şehridir\r\n"),
    "Hebrew": ("cp1255", "שאלה;תשובה\r\nמהי בירת ישראל;ירושלים\r\n"),
    "Japanese": ("cp932", "質問,答え\r\n日本の首都はどこですか,東京です\r\n"),
    "Chinese": ("gb18030", "问题,答案\r\n中国的首都是哪里,北京\r\n一加一等于几,二\r\n"),
    "Korean": ("cp949", "질문,답\r\n한국의 수도는 어디입니까,서울입니다\r\n"),
}


@pytest.mark.parametrize("language", TEXTS)
def test_two_lines_tell_a_code_page(language):
    name, text = TEXTS[language]
    assert of(text.encode(name)) == name
    assert of(text.encode()) == "utf-8"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_wide_characters_and_marks(name, found):
    assert of("prompt\tcompletion\r\nHöhe\tja\r\n".encode(name)) == found


def test_the_first_strange_letter_may_come_late(tmp_path):
    plain = b"prompt;completion\n" + b"question;answer\n" * (BLOCK // 10)
    assert of(plain + "Größe;süß\n".encode("cp1252")) == "cp1252"
    assert of(plain + "Größe;süß\n".encode()) == "utf-8"


def test_a_byte_that_is_broken_makes_no_code_page_of_a_whole_file():
    assert of("prompt;completion\nGröße;süß\n".encode() + b"x\xff;y\n") == "utf-8"


@pytest.mark.parametrize("content", [bytes(range(256)) * 9 + bytes(2000), b"\x00" * 100])
def test_what_is_no_text_is_refused(content):
    with pytest.raises(UserError, match=r"a\.csv: .*save it again as CSV UTF-8"):
        of(content)


def test_a_text_of_no_known_language_is_refused():
    with pytest.raises(UserError, match="its encoding cannot be told"):
        of(b"a;b\n" + bytes(range(128, 256)) * 3)
