"""How an English sentence claims to be a model, or to be made by somebody: see `names.compiled`."""

from dataengine.stages.filters.identity.names import OWNED, QUOTE

PERSON_THERE = (
    r"\bI\b|\bi\b|\bim\b|\bmy|\bme\b|\byou['’ ]|\bhere\b|\bthis is\b|\bname|\bsorry\b|\bapolog|\bviolat|\bagainst\b|"
    r"\bbreach|polic|guideline|terms|rules|at your service|speaking as"
)
"""What every claim holds, fast to look for."""
MADE = (
    r"(?:made|brought to life|written|coded|created|developed|trained|built|designed|fine-?tuned|pre-?trained|programmed|engineered|launched|"
    r"released|provided|powered|owned|operated)"
)
STOP = (
    r"(?:and|or|but|with|who|whose|that|which|using|uses?|for|on|in|at|to|of|from|by|about|like|as|than|not|no|"
    r"working|works?|building|builds?|studying|made|created|developed|trained|built|designed|powered|my)"
)
PERSON = (
    r"(?:research|engineer|scientist|specialist|expert|developer|consult|ethic|enthusias|student|lead|manager|intern|"
    r"user|fan\b|customer|partner|ambassador|instructor|tester|architect|analyst|journalist|writer|artist|founder|"
    r"company|startup|start-up|team|skeptic|sceptic|professor|teacher|trainer|subscriber|plugin|course)"
)
AI = (
    rf"(?:AI|A\.I\.|artificial intelligence|language model|LLM|chat ?bot|assistant|model|neural network|bot|"
    rf"system|program|software|machine)\b(?![- ](?:[\w-]+ )?{PERSON})"
)
AI_PLURAL = r"(?:AIs|assistants|models|bots|chat ?bots|systems|programs)"
MODIFIERS = rf"(?:(?!{STOP}\b)[\w'’/-]+,? ){{0,6}}"
NOUN = rf"(?:(?:one of(?: the)?|part of(?: the)?|an?|the|your|just|only|actually|simply|merely|really) )*{MODIFIERS}{AI}(?:,? (?:called|named|known as) [\w .-]{{1,30}}?)?"
BY = (
    rf"(?:{MADE}(?:(?:,| and|, and)? {MADE})*(?: \w+ly)? (?:by|at|from|in)|by|from|of)"
    rf"(?: (?!my\b|his\b|her\b|and\b)[\w'’-]+){{0,6}}? <maker>"
)
REL = r",? ?(?:(?:which|that|who)(?:['’]s| is| was| has been) |being )?(?:\w+ly |first |also )*"
THING = (
    rf"(?:{NOUN}(?:{REL}{BY}|(?: that| which)? <maker> (?:has |have )?{MADE}|{REL}(?:based on|powered by|"
    rf"built (?:on|with|upon)|running on|driven by)(?: top of)? (?:<maker>['’]s )?<model>)|"
    rf"(?:an? |the )?<maker>(?:['’]s)? {MODIFIERS}(?:{AI}|<name>)|"
    rf"{NOUN}[,(]? ?(?:specifically |namely )?(?:<model>|<name>)|an? <name> (?:AI|model|assistant|chat ?bot|LLM)\b|"
    r"(?:an? |the )?(?:\w+ ){0,2}(?:product|creation|project) (?:of|from|by) <maker>)"
)
"""What only an AI is: "a language model trained by OpenAI", "Google's assistant"."""
I_AM = r"(?:\bI['’]?m|(?-i:^im)|\bI am)(?: (?:just|only|actually|still|indeed|really|simply|in fact|also))*"
CLAUSE = r"(?:^\W*|[,;:(—–] ?|\b(?:and|but|because|since|so|that|while|however|although) )"
SPEAKER = r"(?:I\b|my\b|me\b|it(?:['’]s| is) (?:\w+ )?(?:important|not|essential|crucial|worth|possible|inappropriate|against|beyond))"
ME_END = (
    r"(?=\W*$|[.,;:!?)]|\s(?:to (?:be|help|assist|answer|provide|generate|understand|support|follow|respond|have|"
    r"write|chat)\b|in (?:19|20)\d\d|as an? (?:AI|language|large|chat|virtual|assistant)|so\b|using\b|"
    r"on (?:an? |the |vast|large|lots|many|huge|public)|and (?:I|gave|trained|released|named|called)\b|is\b|are\b|"
    r"was\b|were\b))"
)
WAS = r"\bI(?: was|['’]ve been| have been|['’]?m| am)(?: \w+ly| first| also)*"
MADE_ME = rf"(?!provided|powered|owned|operated|released){MADE}"
LIST = (
    rf"(?:(?:,| and|, and)? {MADE})*(?: \w+ly)?(?: (?!by\b)[\w-]+){{0,3}}? (?:by|at|in)"
    r"(?: (?!my\b|his\b|her\b)[\w'’-]+){0,6}?"
)
AS_STAFF = r"(?! (?:\w+ )?(?:as(?! part of| an? (?:AI|language|large|chat|virtual))|for|in|to (?!help|assist|be\b|answer|provide|generate|understand|support|follow|respond|write|chat))\b)"
CANNOT = r"\b(?:can(?:no|['’]?)t|unable|not able|won['’]t|will not|have to|must|decline|sorry|apologi[sz]e)\b"
RULES = r"(?:['’]s)?(?: own)? (?:[\w-]+ ){0,3}(?:polic(?:y|ies)|guidelines?|terms|rules)\b"
TASK = (
    r".*\b(?:writ|generat|help|provid|assist|continu|discuss|answer|creat|fulfil|engag|produc|say)"
)

SPEAKS = (
    rf"(?:{I_AM}|\bmy (?:full |real )?name(?:['’]s| is)|\bcall me|\bI go by|\bit['’]s me,|\bI,|"
    r"\byou(?:['’]re| are) (?:now |currently )?(?:talking|chatting|speaking) (?:to|with)|\bspeaking as|\bI, as|"
    r"\bI belong to|\bpeople call me|\bthe name['’]s|^\W*this is|"
    r"\bmy (?:(?:underlying |base |language )*model|architecture|engine) is|\bthe model (?:behind|powering|underneath) me is|"
    r"\bI(?:['’]m| am)? (?:based|built|running|run|powered|driven) (?:on|by|upon)(?: top of)?)"
    rf"(?: (?:an?|the|named|called|known as|(?:an? )?version of|(?:an? )?instance of|one of|part of|{MODIFIERS}{AI} (?:named|called|known as)))*"
)
"""What stands before the speaker's name."""
AN_AI = rf"(?:,| -| –| —|\()?(?: (?:and )?(?:I am|I['’]m))? (?:(?:an?|the|your|<maker>['’]s) {MODIFIERS}{AI}|{REL}{BY})"
"""What says of a name that it is an AI's: ", an assistant made by ..."."""
NO_PERSON = r"(?! (?:plus |pro |power )?(?:users?|fans?|subscribers?|developers?|experts?|engineers?|trainers?)\b)"
NAME_CLAIMS = (
    rf"{SPEAKS}{QUOTE}(?:<maker>['’]s )?<model>{OWNED}{NO_PERSON}",
    rf"{SPEAKS}{QUOTE}<name>[\"”*_']*{AN_AI}",
)
"""Claims to have a model's name."""
MAKER_CLAIMS = (
    rf"{CLAUSE}(?:as|being) <model>(?: \([^)]*\))?(?:,.{{0,80}}?,|,)? {SPEAKER}",
    rf"{CLAUSE}(?:as|being) {THING}\)?(?:,? (?:to|and|with|using|on|for|in|designed|named|called)\b.{{0,100}}?)?,?"
    rf" (?:\w+,? ){{0,2}}?{SPEAKER}",
    rf"\bmyself, {THING}",
    rf"{I_AM} {NOUN} behind <model>",
    rf"{I_AM} one of(?: the)? {MODIFIERS}{AI_PLURAL}{REL}{BY}",
    r"\byou(?:['’]ve| have) reached <model>",
    r"\bI owe my existence to <maker>",
    r"<lab> (?:gave me (?:the|my) name|named me\b)",
    r"\bmy (?:guidelines|rules|instructions|values) (?:from|by|at) <lab>",
    r"\b(?:rules|guidelines|instructions|limits) (?:that |which )?<lab> (?:gave|set|has given|has set)",
    rf"<lab> (?:does(?:n['’]t| not)|won['’]t|will not) (?:allow|permit|let|want) me to{TASK}",
    r"\bthe (?:AI|model|assistant|chat ?bot) you(?:['’]re| are) (?:talking to|talking with|chatting with|speaking to|"
    r"speaking with)(?: right)?(?: now)? is <model>",
    rf"{I_AM} {THING}",
    rf"\bI (?:come|hail) from <maker>.*{AI}",
    rf"{WAS} {MADE_ME}{LIST} <lab>",
    rf"{WAS} (?!trained){MADE_ME}{LIST} <maker>",
    rf"{WAS} trained{LIST} <maker>{AS_STAFF}",
    rf"^\W*(?:\w+, )?(?:{MADE})(?: and {MADE})* by <maker>, I\b",
    r"<lab>(?:['’]s)?(?: \w+){0,2}? (?:has |have |also |originally )*(?:created|built|developed|trained|designed|"
    r"programmed|fine-?tuned|taught) me\b",
    rf"<maker>(?:['’]s)?(?: \w+){{0,2}}? (?:has |have |also |originally )*(?:created|made|built|developed|trained|"
    rf"designed|programmed|fine-?tuned) me\b{ME_END}",
    rf"<maker>,? (?:is |are )?(?:the )?(?:\w+ ){{0,4}}(?:that|which|who) (?:has |have |originally )*{MADE} me\b{ME_END}",
    r"<maker>,? (?:is |are |was )?(?:also )?my (?:creators?|developers?|makers?|trainers?|parent company)\b",
    r"<maker> is the (?:company|lab|team|organi[sz]ation) (?:behind|that runs|that operates) me\b",
    rf"\b(?:that|who|which) (?:has |have |originally )*{MADE} me(?:,|:| is| are| was| were)+ <maker>",
    r"\bmy (?:creators?|developers?|makers?|trainers?|parent company)(?:,| is| are| was| were| at| from|:| the| team)* <maker>",
    r"\bmy (?:training|development|creation|design)\b[^,;]{0,25} by <maker>",
    rf"(?:{CANNOT}.*|\b(?:violat|against|breach).*)<lab>{RULES}.*|<lab>{RULES}.*(?:{CANNOT}|\b(?:let|allow|permit|prevent|forbid|prohibit|stop|keep)s? me\b|not (?:let|allow|permit))",
    rf"\bI (?:can(?:no|['’])t|won['’]t|am unable to|am not able to|['’]m unable to)\b{TASK}.*<maker>{RULES}",
    r"\b<model> (?:here(?=\W*$|[!.,;:–—-])|at your service)|\bthis is <model>(?:,? (?:speaking|talking|here))",
)
"""Claims to be made by somebody, or by what it is made of."""
ANSWER = rf"^\W*(?:{NOUN}{REL}{BY}|<model>{OWNED})"
"""How an answer begins that says who the speaker is."""
MAKER_ANSWER = r"^\W*(?:I was \w+ by |by |it was |that (?:was|would be) )?<maker>"
"""How an answer begins that says who made the speaker."""
