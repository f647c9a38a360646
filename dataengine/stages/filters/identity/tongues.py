"""How sentences of twenty-two other languages claim to be a model: see `names.compiled`."""

from typing import NamedTuple

from dataengine.stages.filters.identity.names import OWNED, QUOTE


class Tongue(NamedTuple):
    """How a language's speaker says what he is; each field is a choice of words.

    person: what every claim holds, in the first person for the most part, fast to look for.
    i_am: before a name ("I am", "my name is"). like: "as", at the beginning of a sentence.
    ai: what an AI is called. by: before a maker. was: "I was", before made or by. made: made, built.
    me: the speaker as an object. mine: "my makers". more: whole claims that these words do not make.
    """

    person: str
    i_am: str
    ai: str
    like: str = ""
    by: str = ""
    was: str = ""
    made: str = ""
    me: str = ""
    mine: str = ""
    more: tuple[str, ...] = ()

    def of_names(self) -> list[str]:
        """Claims to have a name."""
        first = rf"(?:{self.i_am}|{FIRST}(?:{self.like}))" if self.like else rf"(?:{self.i_am})"
        named = rf"(?:{first}|(?:{self.i_am})(?:[^.!?]{{0,50}}?(?:{self.ai})\w* {CALLED}|{NEAR} ?(?:{self.ai})\w*))"
        return [
            rf"{named}{QUOTE}<model>{OWNED}(?!\s?(?:では|じゃ|を|に|が|で(?!す)|가 |이 |를|을|와|과|에|로|의|değil|नहीं))",
            rf"{first}{QUOTE}<name>[^.!?。！？]{{0,30}}?(?:{self.ai}|<maker>)",
        ]

    def of_makers(self) -> list[str]:
        """Claims to have been made by somebody."""
        if not self.by:
            return list(self.more)
        an_ai = rf"(?:(?:{self.i_am})|{FIRST}(?:{self.like})){NEAR}(?: |(?<=['’]))(?:{self.ai})\w*(?!.*<model>),?"
        made, me = rf"\b(?:{self.made})\w*\b", rf"\b(?:{self.me})\b"
        return [
            rf"{an_ai}(?: (?!{AND}\b)\w+){{0,4}}? (?:{self.by})(?: \w+)? ?<makers>",
            rf"{an_ai} (?:{WHICH}) ?(?:\w+ ){{0,3}}?<makers>",
            rf"\b(?:{self.was})\b[^,;]{{0,25}}?(?:{made}[^,;]{{0,20}}?\b(?:{self.by})\b[^,;]{{0,15}}?<makers>"
            rf"|\b(?:{self.by})\b[^,;]{{0,15}}?<makers>[^,;]{{0,25}}?{made})",
            rf"<makers>[^,;]{{0,20}}?(?:{made}[^,;]{{0,12}}?{me}|{me}[^,;]{{0,12}}?{made})",
            rf"{me}[^,;]{{0,12}}?{made}[^,;]{{0,20}}? <makers>",
            rf"\b(?:{self.mine})\b.{{0,15}}? <makers>",
            *self.more,
        ]


FIRST = r"^\W*(?:\w+[,!] )?"
"""A sentence's beginning: where "as" is no "like"."""
CALLED = (
    r"(?:namens|genannt|appelée?|nommée?|llamad[oa]|chiamat[oa]|chamad[oa]|genaamd|som heter|vid namn|ved navn|"
    r"nimeltä\w*|o nazwie|jménem|под названием|по имени|adlı|bernama|tên là)"
)
AND = (
    r"(?:et|e|y|und|och|og|i|a|и|та|ja|du|des|von|eines|einer|del|della|dos|van|på|för|für|pour|para|per|от|для|fan\w*|"
    r"oder|ou|o|eller|lub|или|mit|avec|con|com|med|met|ich|je|eu|yo|ik|jag|jeg)"
)
NEAR = rf"(?: (?!{AND}\b)[\w'’-]+){{0,3}}?"
"""A few words without an "and" or "of": what may stand between a speaker and what he is."""
WHICH = r"das|der|den|die|dat|som|qu[e'’]|que|che|któr\w+|kter\w+|котор\w+|як\w+|jonka|jota|yang"

ZH_MADE = r"(?:开发|训练|创建|创造|研发|打造|推出|设计|開發|訓練|創建|創造|研發|設計)"
ZH_AI = r"(?:模型|助手|助理|智能|智慧|机器人|機器人|AI)"
HI_AI = r"(?:मॉडल|सहायक|एआई|AI|चैटबॉट)"
JA_I = r"(?:私|僕|わたし)"
TR_AI = r"(?:dil modeliyim|asistanıyım|asistanım|yapay zek[âa]yım|modelim|modeliyim|robotuyum)"
TONGUES = {
    "German": Tongue(
        r"\bich\b|\bmich\b|\bmein|\bals\b",
        r"\b(?:ich bin|bin ich|ich heiße|mein name ist|nenn(?:en sie)? mich)(?: der| das| die| ein| eine)?",
        r"KI\b|KI-|Sprachmodell|Assistent|Chatbot|künstliche Intelligenz|Modell",
        like=r"als(?: das| der| die| ein| eine)?",
        by=r"von|bei",
        was=r"ich wurde|wurde ich|ich bin",
        made=r"entwickel|trainier|erschaff|geschaff|erstell|gebaut|programmier|schuf|baut",
        me=r"mich",
        mine=r"meine?[rn]? (?:Entwickler|Schöpfer|Macher)(?:in|innen)?",
        more=(
            r"\b(?:ich bin|als) (?:ein|eine|das|die)? ?(?:\w+ )?von <maker> \w+(?:t|en)(?:er|es|e)? ",
            r"(?:entwickelt|trainiert|erschaffen|geschaffen|erstellt|gebaut) wurde ich .{0,15}von <maker>",
        ),
    ),
    "French": Tongue(
        r"\bje\b|\bj['’]|\bm['’]|\bmoi\b|\bmon\b|\bmes\b|\bma\b|appelle|en tant",
        r"\b(?:je suis|je m['’]appelle|mon nom est|appelez-moi|appelle-moi|moi,? c['’]est)(?: le| la| un| une)?",
        r"\bIA\b|assistant|modèle|intelligence artificielle|chatbot",
        like=r"en tant qu(?:e|['’])(?: ?une?)?",
        by=r"par|de chez|chez|de|d['’]",
        was=r"j['’]ai été",
        made=r"créé|développé|entraîné|conçu|formé|programmé",
        me=r"m['’]a|m['’]ont",
        mine=r"(?:mon|ma|mes) (?:créat|développ|concept)\w+",
        more=(r"<maker> (?:qui )?m['’]a (?:créé|développé|entraîné|conçu|formé|programmé)",),
    ),
    "Spanish": Tongue(
        r"\bsoy\b|\bme\b|\bmis?\b|\bfui\b|\bhe sido|\bcomo\b|llámame",
        r"(?<!no )(?<!no lo )\b(?:soy|me llamo|mi nombre es|llámame)(?: el| la| un| una)?",
        r"\bIA\b|asistente|modelo|inteligencia artificial|chatbot",
        like=r"como(?: el| la| un| una)?",
        by=r"por|de",
        was=r"fui|he sido",
        made=r"cread|creó|desarroll|entren|diseñ|programad|programó",
        me=r"me",
        mine=r"mis? (?:cread|desarrollad)\w+",
    ),
    "Italian": Tongue(
        r"\bsono\b|\bmi\b|\bmio\b|\bmiei\b|\bmia\b|\bcome\b|quanto|chiamami",
        rf"(?:(?:{FIRST}|\bio )sono|\bmi chiamo|\bil mio nome è|\bchiamami)(?: il| la| un| una| un['’])?",
        r"\bIA\b|\bAI\b|assistente|modello|intelligenza artificiale|chatbot",
        like=r"(?:in quanto|come)(?: il| la| un| una)?",
        by=r"da|dal|di",
        was=r"sono stat[oa]",
        made=r"creat|sviluppat|addestrat|progettat",
        me=r"mi",
        mine=r"(?:i miei|il mio|la mia) (?:creat|sviluppat)\w+",
    ),
    "Portuguese": Tongue(
        r"\bsou\b|\bme\b|\bmeus?\b|\bminha|\bfui\b|\btenho\b|\bcomo\b|-me\b",
        r"(?<!não )\b(?:sou|me chamo|meu nome é|chame-me de)(?: o| a| um| uma)?",
        r"\bIA\b|assistente|modelo|inteligência artificial|chatbot",
        like=r"como(?: o| a| um| uma)?",
        by=r"pela|pelo|por|da|do",
        was=r"fui|tenho sido",
        made=r"criad|criou|desenvolv|trein|projet|programad",
        me=r"me",
        mine=r"(?:meus?|minha) (?:criador|desenvolvedor)\w*",
    ),
    "Dutch": Tongue(
        r"\bik\b|\bmij|\bme\b|\bals\b",
        r"\b(?:ik ben|ben ik|ik heet|mijn naam is|noem me)(?: de| het| een)?",
        r"\bAI\b|\bAI-|taalmodel|assistent|chatbot|kunstmatige intelligentie",
        like=r"als(?: een)?",
        by=r"door|van",
        was=r"ik ben|ik werd",
        made=r"gemaakt|ontwikkel|getraind|gebouwd|trainde|maakte|bouwde",
        me=r"mij|me",
        mine=r"mijn (?:maker|ontwikkelaar)s?",
    ),
    "Swedish": Tongue(
        r"\bjag\b|\bmig\b|\bmin|\bmitt\b|\bsom\b",
        r"\b(?:jag är|är jag|jag heter|mitt namn är|kalla mig)(?: en| ett)?",
        r"\bAI\b|\bAI-|språkmodell|assistent|chatt?bot|artificiell intelligens",
        like=r"som (?:en|ett)",
        by=r"av|från",
        was=r"jag har|jag är|jag",
        made=r"skapa|utveckla|träna|byggd|bygg",
        me=r"mig",
        mine=r"mina? (?:skapare|utvecklare)|min skapare",
    ),
    "Danish and Norwegian": Tongue(
        r"\bjeg\b|\bm[ie]g\b|\bmi(?:n|t)|\bnavnet mitt|\bsom\b",
        r"\b(?:jeg er|er jeg|jeg hedder|jeg heter|mit navn er|mitt navn er|navnet mitt er|kald mig|kall meg)(?: en| et)?",
        r"\bAI\b|\bKI\b|\bAI-|\bKI-|sprogmodel|språkmodell|assistent|chatbot|kunstig intelligens",
        like=r"som (?:en|et)",
        by=r"af|av|fra",
        was=r"jeg blev|jeg ble|jeg er",
        made=r"skab|skap|udvikl|utvikl|træn|tren|lave|laget|byg",
        me=r"mig|meg",
        mine=r"mine? (?:skaber|skaper|udvikler|utvikler)e?",
    ),
    "Finnish": Tongue(
        r"olen\b|minu|nimeni|nä\b|ttäjäni|luojani|minä",
        r"(?:(?<!en )\bolen|\bnimeni on|\bkutsu minua nimellä)",
        r"tekoäly|kielimalli|avustaja|botti",
        more=(
            r"(?<!en )\bolen .{0,20}<makers> .{0,30}(?:tekoäly|kielimalli|avustaja|botti)",
            r"(?<!en )\bolen .{0,30}(?:tekoäly|kielimalli|avustaja|botti)\w*, jo\w+ .{0,30}<makers>",
            r"\bminut (?:on )?(?:kehit|luo|loi|koulut|koulu|raken|teh|teki|suunni)\w* .{0,15}?<makers>",
            r"<makers> (?:on )?(?:kehit|luo|loi|koulut|raken|teh|teki|suunni)\w* minut",
            r"<makers> (?:kehittämä|luoma|kouluttama)nä.{0,40}\b(?:minulla|minun|en)\b",
            r"\b(?:kehittäjäni|luojani)\b.{0,15}<makers>",
        ),
    ),
    "Polish": Tongue(
        r"jestem|mnie|\bmam\b|\bmo[ij]|nazywam|\bjako\b|zosta",
        r"(?<!nie )\b(?:jestem|nazywam się|mam na imię|moje imię to)",
        r"\bAI\b|\bSI\b|model|asystent|sztuczn|chatbot",
        like=r"jako",
        by=r"przez|od|firmy",
        was=r"zosta(?:łem|łam|łom)",
        made=r"stworz|opracow|wytrenow|zaprojektow|wyszkol",
        me=r"mnie",
        mine=r"(?:moi|mój) (?:twórc|programi)\w+",
    ),
    "Czech": Tongue(
        r"jsem|\bmě\b|jmenuj|\bmoji\b|\bmůj\b|\bjako\b",
        r"\b(?:jsem|jmenuj[iu] se)",
        r"\bAI\b|model|asistent|umělá inteligence|chatbot",
        like=r"jako",
        by=r"společností|firmou|od|z",
        was=r"byl[ao]? jsem",
        made=r"vytvoř|vyvinu|natréno|naprogram",
        me=r"mě",
        mine=r"(?:moji|můj) (?:tvůrc|vývojář)\w*",
    ),
    "Russian and Ukrainian": Tongue(
        r"[а-я]",
        r"(?:\bя(?! не\b)(?: —| –| -| это|,)?|\bменя зовут|\bмо[её] имя|\bмене звати|\bмоє ім['’]я)(?: —| –| -)?",
        r"ИИ\b|ШІ\b|ИИ-|ШІ-|\w*модель|ассистент|асистент|помощник|помічник|искусственный интеллект|штучний інтелект|чат-?бот|нейросет",
        like=r"как|як",
        by=r"от|від|компани\w+|компані\w+|\w*(?:созданн|разработанн|обученн|создан|разработан|обучен|створен|розроблен|навчен)\w*",
        was=r"я был[аио]?|я був|я була|я",
        made=r"созда|разработа|обучен|обучи|створ|розроб|навчен|навчи",
        me=r"меня|мене",
        mine=r"(?:мои|мой|мої|мій) (?:создател|разработчик|твор[еє]?ц|розробник)\w*",
    ),
    "Turkish": Tongue(
        r"\bben|adım|ismim|[ıiuü]m\b|tarafından",
        r"(?:\bben,?|\b(?:benim )?adım|\bismim)",
        r"yapay zek[âa]|dil modeli|asistan|sohbet robotu",
        more=(
            rf"<makers>(?: tarafından)? .{{0,45}}{TR_AI}",
            r"<makers> tarafından (?:\w+ )?(?:geliştirildim|eğitildim|yaratıldım|oluşturuldum|tasarlandım|üretildim)",
            r"\bbeni .{0,15}<makers> (?:geliştirdi|eğitti|yarattı|oluşturdu|tasarladı)",
            r"<makers> beni (?:geliştirdi|eğitti|yarattı|oluşturdu|tasarladı)",
        ),
    ),
    "Arabic": Tongue(
        r"[ا-ي]",
        r"(?:\bأنا|\bاسمي)(?: هو)?",
        r"نموذج|مساعد|ذكاء اصطناعي|روبوت",
        more=(
            r"(?:\bأنا|\bبصفتي|\bكوني|\bباعتباري) .{0,30}(?:نموذج|مساعد|ذكاء|روبوت).{0,40}(?:بواسطة|من قبل|من(?: صنع| تطوير| إنتاج)?|طورته?ا?|دربته?ا?|أنشأته?ا?|صنعته?ا?) (?:شركة )?<maker>",
            r"\bتم (?:تطويري|تدريبي|إنشائي|تصميمي|برمجتي) .{0,20}<maker>",
            r"(?:طورتني|دربتني|أنشأتني|صممتني|صنعتني) (?:شركة )?<maker>",
        ),
    ),
    "Hindi": Tongue(
        r"[ऀ-ॿ]",
        r"(?:मैं|मेरा नाम)",
        r"मॉडल|सहायक|एआई|\bAI\b|चैटबॉट|कृत्रिम बुद्धि",
        more=(
            rf"मैं .{{0,10}}<maker> (?:द्वारा|का|की|ने) .{{0,30}}{HI_AI}(?!.{{0,12}}(?:उपयोग|इस्तेमाल))",
            rf"मैं .{{0,25}}{HI_AI}.{{0,25}}<maker> (?:द्वारा|ने)",
            r"मुझे <maker> (?:ने|द्वारा) .{0,20}(?:बनाया|विकसित|प्रशिक्षित)",
            r"<maker> ने मुझे .{0,15}(?:बनाया|विकसित|प्रशिक्षित)",
        ),
    ),
    "Chinese": Tongue(
        r"我|作|叫",
        r"(?:我(?:就)?是|我叫|我的名字(?:是|叫)|名字叫|叫我|^\W*(?:作为|作為))(?:一个|一個)?",
        r"助手|助理|模型|人工智能|人工智慧|机器人|機器人|AI",
        more=(
            rf"(?:我(?:就)?是|作为|作為)[^，,]{{0,12}}?<maker>[^，,]{{0,8}}?{ZH_MADE}[^，,]{{0,12}}{ZH_AI}",
            rf"(?:我(?:就)?是|作为|作為)[^，,]{{0,20}}{ZH_AI}，(?:由|是|被)? ?<maker>[^，,]{{0,8}}{ZH_MADE}",
            rf"我(?:是|由|被|是由)[^，,]{{0,4}}<maker>[^，,]{{0,8}}(?:{ZH_MADE}|做)(?:的|出|，|\W*$)(?!接口|软件|產品|产品|軟體)",
            rf"<maker>[^，,]{{0,6}}{ZH_MADE}(?:了|出)?我(?!们|們|的)",
            r"我的(?:开发者|创造者|開發者|創造者|开发商|母公司|研发团队|研發團隊)(?:是|为|為|来自|來自) ?<maker>",
            rf"我(?:就)?是 ?<maker>(?:公司)?的[^，,]{{0,10}}{ZH_AI}",
        ),
    ),
    "Japanese": Tongue(
        r"私|僕|わたし|ぼく|俺|と申|とい|と言",
        r"(?:私|僕|わたし|ぼく|俺)(?:の名前)?は、?",
        r"モデル|アシスタント|AI|人工知能|チャットボット",
        more=(
            r"<model>(?:と申します|といいます|と言います)",
            rf"{JA_I}は、?<maker>(?:によって|により|が|に|の)[^。、]{{0,25}}(?:モデル|アシスタント|AI|人工知能|チャットボット)(?!を|が|の|に)",
            rf"<maker>(?:が|は){JA_I}を(?:開発|訓練|作|作成)",
            rf"<maker>(?:によって|により|に)(?:開発|訓練|作ら|作成)(?:され)?た{JA_I}",
            rf"{JA_I}は、?<maker>(?:によって|により|に)(?:開発|訓練|作ら|作成|トレーニング)",
        ),
    ),
    "Korean": Tongue(
        r"[가-힣]",
        r"(?:저는|나는|제 이름은|내 이름은)",
        r"모델|비서|어시스턴트|인공지능|챗봇|\bAI",
        more=(
            r"(?:저는|나는) <maker>(?:에서|가|이|에 의해|의)[^.,]{0,20}(?:모델|비서|어시스턴트|인공지능|챗봇|AI)(?:이|입|예|야|라)",
            r"<maker>(?:가|에서) (?:저를|나를) (?:개발|만들|훈련)",
            r"(?:저는|나는) <maker>(?:에서|에 의해) (?:개발|훈련|만들)",
        ),
    ),
    "Vietnamese": Tongue(
        r"tôi|mình",
        r"\b(?:(?:tôi|mình) là|tên (?:của )?tôi là)(?: một)?",
        r"trợ lý|mô hình|trí tuệ nhân tạo|\bAI\b|chatbot",
        more=(
            r"\b(?:tôi|mình) là (?:một )?.{0,15}(?:trợ lý|mô hình|trí tuệ|AI|chatbot).{0,30}(?:bởi|do|của) <maker>",
            rf"{FIRST}là một .{{0,25}}(?:trợ lý|mô hình|trí tuệ|AI|chatbot).{{0,30}}(?:bởi|do|của) <maker>.{{0,30}}\b(?:tôi|mình)\b",
            r"\b(?:tôi|mình) (?:đã )?được <maker> (?:tạo|phát triển|huấn luyện|đào tạo)",
            r"\b(?:tôi|mình) (?:đã )?được (?:tạo ra|phát triển|huấn luyện|đào tạo) bởi <maker>",
            r"<maker> (?:đã )?(?:tạo ra|phát triển|huấn luyện) tôi",
        ),
    ),
    "Indonesian": Tongue(
        r"saya|sebagai",
        r"\b(?:saya adalah|nama saya(?: adalah)?|panggil saya|saya)",
        r"asisten|model bahasa|kecerdasan buatan|\bAI\b|chatbot|model",
        like=r"sebagai",
        by=r"oleh|dari|buatan",
        was=r"saya(?= di)",
        made=r"dibuat|dikembangkan|dilatih|diciptakan|menciptakan|membuat|mengembangkan|melatih",
        me=r"saya",
        mine=r"(?:pencipta|pengembang) saya",
    ),
}
"""Every language that is known beside English, by its name."""
