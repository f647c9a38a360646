"""Talk about the assistant's own knowledge cutoff, which is another model's, and wrong in ours.

A sentence counts that says where the speaker's own knowledge or training ends: at a date, or at "my
last update". When something else was updated, what another model knows, and what a person learnt and
reported is none.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import ClassVar, NamedTuple

import polars as pl

from dataengine.literals import matches
from dataengine.row import Message
from dataengine.stages.filters import Finding, TurnFilter

YEAR = r"(?<!\d)(?:19|20)\d\d(?!\d)"
DATE = (
    rf"(?:(?:the (?:year|end of|beginning of)|early|mid|late|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?)"
    rf"[ ,-]+(?:of )?)*{YEAR}"
)
SENTENCE = re.compile(r"[^.!?。！？\n]+")


class Tongue(NamedTuple):
    """How a language says that knowledge ends; each field is a choice of words.

    cutoff: "my knowledge cutoff", "as of my last update": enough by itself. mine: "my knowledge".
    until: where it ends. trained: "I was trained on data". lacks: "I have no information".
    after: before the year from which on it is lacking.
    """

    cutoff: str
    mine: str = ""
    until: str = ""
    trained: str = ""
    lacks: str = ""
    after: str = ""

    def patterns(self) -> Iterator[str]:
        yield self.cutoff
        if self.mine:
            yield rf"(?:{self.mine}).{{0,40}}?(?:{self.until}).{{0,25}}?{YEAR}"
        if self.trained:
            yield rf"(?:{self.trained}).{{0,40}}?(?:{self.until}).{{0,25}}?{YEAR}"
        if self.lacks:
            yield rf"(?:{self.lacks}).{{0,50}}?(?:{self.after}).{{0,15}}?{YEAR}"
            yield rf"(?:{self.after}).{{0,15}}?{YEAR}.{{0,50}}?(?:{self.lacks})"


NOUN = r"(?:knowledge|training(?: data| dataset)?|information|data(?:base|set)?)"
LAST = r"(?:(?:last|latest|most recent|current) )"
CUT = r"cut[- ]?off(?: date| point)?"
NOT_TOLD = rf"(?! (?:to|about|from|for|of)\b)(?! on (?!.{{0,20}}{YEAR}))(?!,? (?:we|our|the team|I (?:have|had|wrote|moved|was))\b)"
"""After "my last update": a person tells others how something goes."""
ENDS = (
    r"(?:limited|current|updated|accurate|up[- ]to[- ]date|cut ?off|frozen|based|as of|until|through|up to|"
    r"go(?:es|ing)?(?! back)|extend(?:s|ing)?|reach(?:es|ing)?|runs?|end(?:s|ed|ing)?|stop(?:s|ped|ping)?|cuts? off)"
)
ONLY = r"(?: (?:is|are|was|were|has|have|an?|been|only|currently|last|not|does|doesn['’]t|do|don['’]t|may|be))*"
UP_TO = r"(?:up (?:to|until)|until|through|before|as of|prior to|till)"
MY = rf"\bmy (?:own )?{LAST}?"
ENGLISH = (
    rf"{MY}{NOUN}(?:['’]s)?[- ](?:{CUT}|update)\b",
    rf"\b(?:as of|at the time of|up (?:to|until)|until|per|according to) my {LAST}(?:training )?update\b{NOT_TOLD}",
    rf"\b(?:as of|based on|given|per|with) my {LAST}?(?:training data|knowledge)\b[^,;]{{0,25}}{YEAR}|\bas of my {LAST}?training data\b",
    rf"(?<!posted )(?<!wrote )(?<!sent )(?<!published )(?<!gave )\bmy {LAST}(?:training|update),? (?:was |is |dates )?(?:\w+ )?(?:in |on |of |from )+[^,;]{{0,12}}{YEAR}",
    rf"\bmy {CUT} (?:is |was |of |in |:)*\w* ?{YEAR}|\b{CUT} of my (?:knowledge|training)",
    rf"\bknowledge {CUT} (?:is |was |of |in |:)*\w* ?{YEAR}.*\b(?:I|my|me)\b|\bas of (?:the )?knowledge {CUT}",
    rf"\bmy {YEAR} (?:knowledge|training) {CUT}",
    rf"{MY}(?!training (?!data)){NOUN}(?: base| of (?:the |current |world )*(?:events|affairs|world))?{ONLY} {ENDS}\b"
    rf"[^;]{{0,40}}?(?:{YEAR}|certain (?:date|point))",
    rf"{MY}(?:training data|knowledge){ONLY} (?:from|dates?|covers?|covering|includes?)\b[^;]{{0,40}}?{YEAR}",
    rf"\bmy {LAST}(?:training )?data (?:is|are) from \w* ?{YEAR}",
    rf"\bmy training (?:only |was )?(?:stopped|ended|ends|stops)\b.{{0,40}}{YEAR}.{{0,40}}\b(?:not|can(?:no|['’])t|don['’]t|may)\b",
    rf"\bmy training (?:only |doesn['’]t |does not )*(?:includes?|covers?) (?:information|data|text|events).{{0,30}}{YEAR}",
    rf"\bI(?: was|['’]m| am|['’]ve been| have been) (?:only |last )?trained (?:on|with|using) (?:\w+ ){{0,5}}?(?:data(?:set)?|information|"
    rf"texts?|knowledge|sources|material|content)\b[^;]{{0,30}}?\b(?:{UP_TO}|from|ends? in|ending in) [^,;]{{0,15}}{YEAR}",
    rf"\bI(?: was|['’]ve been| have been) (?:only |last |most recently )(?:trained|updated) (?:in|on|{UP_TO}) \w* ?{YEAR}",
    rf"\bI have been (?:updated|trained) {UP_TO} \w* ?{YEAR}",
    rf"\bI (?:have not|haven['’]t) been (?:updated|trained) since {DATE}|\bI have an? (?:knowledge|training) {CUT}",
    rf"\bmy (?:answers?|responses?|replies) (?:is|are) (?:only )?based on\b.{{0,40}}\b{UP_TO} {DATE}",
    rf"\b(?:information|data|knowledge) (?:that is )?available to me\b.{{0,30}}{YEAR}",
    rf"\bI(?: am|['’]m) limited to (?:information|data|knowledge|events)\b.{{0,40}}{YEAR}",
    rf"\bI have (?:access to )?(?:knowledge|information|data)\b[^;]{{0,30}}? only {UP_TO} {DATE}",
    rf"\b(?:information|data) (?:that )?I (?:have|provide|give) is (?:only )?(?:based on|current|accurate|up to date|limited)\b.{{0,30}}{YEAR}",
    rf"\b(?:data|text|information) (?:that |which )?I(?: was|['’]m| am| have been) trained (?:on|with)\b.{{0,40}}{YEAR}",
    rf"\bI(?: am|['’]m)\b.{{0,30}}\bwhose (?:knowledge|training|data)\b.{{0,30}}{YEAR}",
    rf"\bI(?: (?:do not|don['’]t|can(?:not|['’]t)|may not|might not|have no|am (?:not|unable))|['’]m (?:not|unable))\b[^;]{{0,40}}?"
    r"\b(?:information|data|knowledge|know (?:about|of|what)|events?|developments?|happen\w*(?! to (?:him|her|them|it|us|me)\b)|anything|news from)\b[^;]{0,45}?"
    rf"\b(?:after|beyond|past|later than|from after|since(?= my)) (?:my (?:last |latest )?(?:training|update|knowledge)|{DATE})(?! (?:for|in|on)\b)",
    rf"\bI (?:only|just) (?:have|know)\b(?: access to| about)?(?: (?:the|of|about))* (?:knowledge|information|data|events|things|facts)\b[^;]{{0,30}}?\b{UP_TO} \w* ?{YEAR}",
    rf"\b(?:after|past|beyond|since) \w* ?{YEAR}\b.{{0,30}}\b(?:beyond|outside|past|not (?:in|part of)|unknown to|not known to) (?:of )?(?:my|me)\b",
    rf"\b(?:latest|last|most recent) (?:information|data|knowledge) (?:that )?I have\b.{{0,25}}{YEAR}",
    rf"\bafter my (?:training|knowledge)\b.{{0,30}}{YEAR}",
)
OTHERS = {
    "German": Tongue(
        r"(?:Stand|zum Zeitpunkt|bis zu|nach|seit) meine[rsm] letzten (?:Wissens|Trainings|Daten)?-?(?:update|aktualisierung|stand)s?\b(?!,? (?:haben|wir))(?<!seit meinem letzten update)"
        r"|\bmeine?[rmns]* (?:letzten? )?Wissens(?:stichtag|grenze|aktualisierung|update|cutoff)",
        r"\bmeine?[rmns]? (?:Wissen\w*|Trainingsdaten|Kenntnisse|Informationen|Daten|Datenbasis|Datenbank)\b",
        r"bis|vom|ende[tn]|reich\w+|Stand|begrenzt|beschränkt|vor",
        r"\bich (?:wurde|bin)\b.{0,20}\bDaten",
        r"\bich (?:habe|kann|verfüge).{0,20}\bkeine (?:Informationen|Daten|Kenntnis\w*|Angaben)|\bweiß ich nichts",
        r"nach|seit|ab",
    ),
    "French": Tongue(
        r"\b(?:à la date de|au moment de|jusqu['’]à|lors de) ma dernière (?:mise à jour|formation)|\bma date (?:de coupure|limite)|\bma dernière mise à jour (?:des|de mes) (?:connaissances|données)",
        r"\bmes (?:connaissances|données(?: d['’]entraînement| d['’]apprentissage)?|informations)",
        r"jusqu['’]|arrêt\w+|limit\w+|datent|s['’]étend\w+|remontent",
        r"\bj['’]ai été (?:entraîné|formé)e?.{0,20}données",
        r"\bje n['’]ai (?:pas|aucune)\b.{0,25}(?:information|donnée|connaissance)s?",
        r"après|postérieure?s? à|depuis|au-delà de",
    ),
    "Spanish": Tongue(
        r"\b(?:a partir de|hasta|en el momento de|a la fecha de) mi (?:última|más reciente) (?:actualización|capacitación)|\bmi (?:fecha de corte|última actualización de conocimiento)",
        r"\bmis? (?:conocimientos?|datos(?: de entrenamiento)?|información|base de datos)",
        r"hasta|llega|limita\w*|termina|actualiza\w*",
        r"\b(?:fui|he sido|estoy) entrenad[oa].{0,20}(?:datos|información|textos)",
        r"\bno (?:tengo|dispongo de|cuento con)\b.{0,20}(?:información|datos|conocimiento)",
        r"después de|posterior(?:es)? al?|tras|más allá de|desde",
    ),
    "Italian": Tongue(
        r"\b(?:al momento del|fino al|alla data del) mio ultimo aggiornamento|\bla mia data di (?:cutoff|aggiornamento)",
        r"\b(?:le mie|la mia|i miei) (?:conoscenz\w+|dati(?: di addestramento)?|informazion\w+)",
        r"fino|arriva\w*|limita\w*|ferma\w*|aggiorna\w*",
        r"\bsono stat[oa] addestrat[oa].{0,20}dati",
        r"\bnon (?:ho|dispongo di)\b.{0,20}(?:informazioni|dati|conoscenz\w+)",
        r"dopo|successiv\w+ al?|oltre",
    ),
    "Portuguese": Tongue(
        r"\b(?:até|na data d|no momento d|a partir d)a? ?a? ?minha última atualização|\bminha data de corte",
        r"\b(?:meus?|minhas?) (?:conhecimentos?|dados(?: de treinamento)?|informaç\w+|base de dados)",
        r"até|vai|vão|limita\w*|termina\w*|atualiza\w*",
        r"\bfui treinad[oa].{0,20}(?:dados|informaç\w+)",
        r"\bnão (?:tenho|disponho de)\b.{0,20}(?:informaç\w+|dados|conhecimento)",
        r"após|depois de|posterior(?:es)? a|além de",
    ),
    "Dutch": Tongue(
        r"\b(?:vanaf|tot|ten tijde van|op het moment van) mijn laatste (?:update|kennisupdate)|\bmijn kennis(?:grens|cutoff|update|afsluitdatum)",
        r"\bmijn (?:kennis|trainings(?:gegevens|data)|informatie|gegevens|data)\b",
        r"tot|eindig\w*|reik\w*|beperkt|bijgewerkt",
        r"\bik (?:ben|werd) getraind.{0,20}(?:gegevens|data|informatie)",
        r"\bik heb geen (?:informatie|gegevens|kennis)",
        r"na|sinds",
    ),
    "Swedish": Tongue(
        r"\b(?:vid|fram till|per) min senaste (?:uppdatering|kunskapsuppdatering)|\bmitt kunskapsstopp",
        r"\b(?:min|mina) (?:kunskap\w*|träningsdata|information|data)\b",
        r"till|slutar|sträcker|begränsad|uppdaterad",
        r"\bjag (?:har tränats|är tränad|tränades).{0,20}data",
        r"\bjag har (?:ingen|inte någon|inga) (?:information|kunskap|uppgifter|data)",
        r"efter|sedan",
    ),
    "Danish and Norwegian": Tongue(
        r"\b(?:ved|frem til|per|fra) min s[ei](?:ne)?ste opdatering|\bmin siste oppdatering\b.{0,20}(?:19|20)\d\d",
        r"\b(?:min (?:viden|kunnskap|træningsdata|treningsdata|information)|mine (?:data|oplysninger|opplysninger|træningsdata|treningsdata)|kunnskapen min|treningsdataene mine)\b",
        r"til|slutter|rækker|strekker|begræns\w+|begrens\w+|opdateret|oppdatert",
        r"\bjeg (?:er|blev|ble) (?:trænet|trent|opplært).{0,20}data",
        r"\bjeg har (?:ingen|ikke) (?:oplysninger|opplysninger|information|informasjon|viden|kunnskap|data)",
        r"efter|etter|siden",
    ),
    "Finnish": Tongue(
        r"\bviimeisimmän? (?:tieto)?päivitykseni|\btietoni (?:katkeavat|päättyvät)",
        r"\b(?:tietoni|koulutusdatani|koulutusaineistoni|tietämykseni|harjoitusdatani|opetusdatani)\b",
        r"ulottu\w+|päätty\w+|rajoittu\w+|asti|saakka|ovat",
        r"\bminut on koulutettu.{0,30}",
        r"\bminulla ei ole (?:tietoa|tietoja)|\ben tiedä",
        r"",
    ),
    "Polish": Tongue(
        r"\b(?:według|na dzień|do|od) mojej ostatniej aktualizacji\b.{0,25}(?:19|20)\d\d|\bmoja data graniczna",
        r"\bmoj[ae] (?:wiedza|dane(?: treningowe| szkoleniowe)?|informacje)\b",
        r"sięga\w*|kończ\w+|do|ogranicz\w+",
        r"\b(?:jestem|zostałem|zostałam) (?:wytrenowan|przeszkolon|szkolon)\w+.{0,20}dan\w+",
        r"\bnie mam (?:informacji|danych|wiedzy)",
        r"po|od",
    ),
    "Russian and Ukrainian": Tongue(
        r"\bна момент моего последнего обновления|\bна момент мого останнього оновлення|\bмоя дата (?:отсечения|среза)",
        r"\b(?:мои|моя|мої) (?:знания|база знаний|данные|обучающие данные|информация|знання|дані)\b",
        r"огранич\w+|до|заканчива\w+|обрыва\w+|актуальн\w+|обмежен\w+|закінчу\w+",
        r"\b(?:я|меня) (?:был[аио]? )?(?:обучен|обучал|тренир)\w*.{0,20}данн\w+",
        r"\bу меня нет (?:информации|данных|сведений|знаний)|\bя не (?:знаю|располагаю)|\bу мене немає (?:інформації|даних)",
        r"после|з|після|с",
    ),
    "Turkish": Tongue(
        r"\bson güncellemem\w*\b.{0,20}(?:19|20)\d\d|\bbilgi kesim tarihim",
        r"\b(?:bilgilerim|bilgim|eğitim verilerim|verilerim)\b",
        r"",
        "",
        r"(?:bilgim|bilgiye sahip değilim|verim)(?: yok)?",
        r"",
    ),
    "Arabic": Tongue(
        r"(?:حتى|منذ|عند) آخر تحديث لي|تاريخ انقطاع معرفتي",
        r"(?:معرفتي|معلوماتي|بيانات تدريبي|بياناتي)",
        r"حتى|تقتصر|تنتهي|تتوقف|قبل|محدودة",
        r"تم تدريبي.{0,20}بيانات",
        r"ليس لدي (?:أي )?(?:معلومات|بيانات|معرفة)|لا أملك معلومات",
        r"بعد|منذ",
    ),
    "Hindi": Tongue(
        r"मे(?:रे|री) (?:अंतिम|पिछले) (?:अपडेट|अद्यतन)",
        r"मे(?:रा|री|रे) (?:ज्ञान|जानकारी|प्रशिक्षण डेटा|डेटा)",
        "",
        "",
        r"(?:जानकारी|डेटा) नहीं है",
        "",
    ),
    "Chinese": Tongue(
        r"截[至止]我(?:的)?(?:最后|最近|上次|上一次|最後)?(?:一次)?(?:的)?(?:知识|训练|数据|知識|訓練)?(?:的)?(?:更新|截止|训练|訓練)"
        r"|我的?(?:知识|训练数据|信息|数据|知识库|知識|訓練資料|資訊|資料庫?)[^。！？\n]{0,6}(?:截止|截至|更新[至到于於]|只到|停留在|停止)",
        "",
        "",
        "",
        r"我(?:没有|無法|无法|沒有|不了解|不知道|不清楚)",
        "",
    ),
    "Japanese": Tongue(
        r"私の(?:知識|学習データ|訓練データ|情報)[^。！？\n]{0,12}(?:まで|カットオフ|時点|止ま)|(?:知識|学習)の?カットオフ",
        "",
        "",
        "",
        r"情報(?:が|は)(?:ありません|ない)|知り?ません|分かりません|わかりません",
        "",
    ),
    "Korean": Tongue(
        r"(?:제|나의|내|저의) (?:지식|정보|학습 데이터|훈련 데이터)[^.\n]{0,15}(?:까지|기준|시점)",
        "",
        "",
        "",
        r"(?:정보|데이터|지식)[가는이]? (?:없|가지고 있지)",
        "",
    ),
    "Vietnamese": Tongue(
        r"\blần cập nhật (?:cuối|gần nhất) của tôi",
        r"\b(?:kiến thức|dữ liệu(?: huấn luyện)?|thông tin) của tôi",
        r"đến|tới|dừng|giới hạn|cập nhật",
        r"\btôi được (?:huấn luyện|đào tạo).{0,20}dữ liệu",
        r"\btôi không có (?:thông tin|dữ liệu|kiến thức)",
        r"sau|kể từ",
    ),
    "Indonesian": Tongue(
        r"\b(?:hingga|sampai|per) pembaruan terakhir saya",
        r"\b(?:pengetahuan|data(?: pelatihan)?|informasi) saya",
        r"sampai|hingga|terbatas|berakhir|berhenti",
        r"\bsaya dilatih.{0,20}data",
        r"\bsaya tidak (?:memiliki|punya|mempunyai) (?:informasi|data|pengetahuan)",
        r"setelah|sesudah|sejak",
    ),
}
"""Every other language that is known, by its name."""
GATE = (
    r"(?:19|20)\d\d|(?i:cut[- ]?off|my (?:last|latest|most recent|own|current|knowledge|training|information|data)|"
    r"certain (?:date|point)|wissens|letzten|dernière|date (?:de|limite)|última|fecha de corte|ultimo aggiornamento|mia data|"
    r"laatste|kennis|senaste|kunskapsstopp|opdatering|päivitykseni|tietoni|graniczna|обновления|оновлення|дата|kesim tarihim)|"
    r"تحديث|انقطاع|अपडेट|अद्यतन|截|我的?(?:知|训|信|数|訓|資)|私の|カットオフ|제|나의|내|저의|cập nhật|pembaruan"
)
"""What every match holds, in the syntax of Rust's regex as well: a necessary condition."""


@cache
def patterns() -> tuple[re.Pattern[str], ...]:
    """What says in one sentence where the speaker's own knowledge ends."""
    found = [*ENGLISH, *(pattern for tongue in OTHERS.values() for pattern in tongue.patterns())]
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in found)


class KnowledgeCutoff(TurnFilter):
    """Drops rows in which the assistant speaks of when its own knowledge ends."""

    name: ClassVar[str] = "knowledge_cutoff"
    version: ClassVar[int] = 2

    def gate(self, texts: pl.DataFrame) -> pl.Series:
        suspects = texts.with_row_index("at").filter(pl.col("text").str.contains(GATE))
        said = suspects.select("at", pl.col("text").str.extract_all(SENTENCE.pattern))
        sentences = said.explode("text").filter(pl.col("text").str.contains(GATE))
        found = sentences.filter(matches(sentences["text"], patterns()))["at"]
        return pl.Series(range(texts.height), dtype=pl.UInt32).is_in(found.unique().implode())

    def find(self, text: str, turns: Sequence[Message], number: int) -> Finding | None:
        for sentence in SENTENCE.finditer(text):
            if not _gate().search(sentence[0]):
                continue
            for pattern in patterns():
                match = pattern.search(sentence[0])
                if match:
                    start = sentence.start() + match.start()
                    return Finding("speaks of its knowledge cutoff", start, start + len(match[0]))
        return None


@cache
def _gate() -> re.Pattern[str]:
    return re.compile(GATE)
