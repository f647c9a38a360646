"""English word lists that the checkers and the sentence splitter look words up in."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _words(
    "mr mrs ms dr prof st gen rep sen rev hon gov capt col sgt lt vs cf e.g i.e approx dept mt al"
)
"""Abbreviations whose full stop never ends a sentence."""

NUMBERED = _words("no nos fig figs vol eq p pp ch sec art")
"""Abbreviations whose full stop does not end a sentence where a numeral follows."""

SUFFIXES = _words("etc inc ltd co corp jr sr a.m p.m u.s u.k u.n e.u d.c ph.d m.d b.a m.a b.c a.d")
"""Abbreviations whose full stop ends a sentence where a capital follows."""

STOP_WORDS = _words(
    """i me my myself we our ours ourselves you your yours yourself yourselves he him his himself
    she her hers herself it its itself they them their theirs themselves what which who whom this
    that these those am is are was were be been being have has had having do does did doing a an
    the and but if or because as until while of at by for with about against between into through
    during before after above below to from up down in out on off over under again further then
    once here there when where why how all any both each few more most other some such no nor not
    only own same so than too very s t can will just don should now d ll m o re ve y ain aren
    couldn didn doesn hadn hasn haven isn ma mightn mustn needn shan shouldn wasn weren won
    wouldn"""
)

CONJUNCTIONS = _words("for and nor but or yet so")

MINOR_WORDS = _words(
    """a an and as at but by for from if in into nor of off on onto or over per so than the to up
    via vs with yet"""
)
"""Words that title case may leave small."""

PRONOUNS = _words(
    """i me we us you he him she her it they them my mine our ours your yours his hers its their
    theirs myself ourselves yourself yourselves himself herself itself themselves this that these
    those who whom whose which what whoever whomever whatever whichever anybody anyone anything
    everybody everyone everything nobody nothing somebody someone something each either neither
    both all some any none"""
)

PERSON_NAMES = _words(
    "Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander "
    "Amelia Benjamin Harper Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel "
    "Ella Jacob Scarlett Nathan Victoria Elijah Layla Nicholas Audrey David Hannah Christopher "
    "Penelope Thomas Nora Andrew Aria Joseph Claire Ryan Stella Jonathan"
)
"""The fifty names that the published instruction count:person_names lists in its prompt."""

SYLLABLES = {
    **dict.fromkeys(_words("the he she we me be eye one once are were there where whole"), 1),
    **dict.fromkeys(
        _words(
            """every something sometimes someone somewhere therefore people evening business being
            doing going seeing create poem poet lion quiet science diet giant riot trial chaos"""
        ),
        2,
    ),
    **dict.fromkeys(
        _words(
            """area idea media radio video studio audio period serious various family different
            interest several camera favorite chocolate"""
        ),
        3,
    ),
}
"""Syllables of common words that the rules count wrong, or that speakers shorten."""

IRREGULAR_VERB_FORMS = _words(
    """am is are was were been being has had having does did done doing goes went gone said saw seen
    made came took taken got gotten gave given found thought told became left felt brought began
    begun kept held wrote written stood heard meant met ran paid sat spoke spoken lay lain led read
    grew grown lost fell fallen sent built understood drew drawn broke broken spent cut rose risen
    drove driven bought wore worn chose chosen ate eaten flew flown forgot forgotten froze frozen
    hid hidden knew known rode ridden rang rung sang sung sank sunk shook shaken shone shot slept
    sold sought stole stolen struck stuck swam swum swore sworn swept swung taught threw thrown
    woke woken won wove woven bound bent bred caught clung dealt dug fed fled fought hung hurt
    laid lent lit proven shown slid spun sprang strove tore torn wound"""
)

VERBS = _words(
    """abandon absorb accept access accompany achieve acknowledge acquire act adapt add address
    adjust admire admit adopt advance advise affect afford agree aim align allow alter amplify
    analyze analyse announce answer anticipate apologize appear apply appoint appreciate approach
    approve argue arise arm arrange arrest arrive ask aspire assemble assert assess assign assist
    assume assure attach attack attempt attend attract avoid await awaken back bake balance ban
    base bathe be bear beat become beg begin behave behold believe belong bend benefit beware bid
    bind bite blame blend bless block blow boil book boost borrow break breathe bring broadcast
    browse brush build burn bury buy calculate call calm cancel capture care carry carve cast catch
    cause celebrate centralize challenge change charge chart chase check cherish choose cite claim
    clarify clean clear click climb close collaborate collect combine come comfort command comment
    commit communicate compare compete compile complain complete compose compress compute conceive
    concentrate conclude conduct confess configure confirm confront confuse connect conquer
    conserve consider consist construct consult consume contact contain continue contribute control
    convert convey convince cook coordinate copy correct cost count cover craft create cross cry
    cultivate cure cut cycle dance dare deal debate decide declare decline decode decorate decrease
    dedicate deem deepen defend define delegate delete deliver delve demand demonstrate deny depart
    depend depict derive descend describe deserve design desire destroy detail detect determine
    develop devise devote differ differentiate dig discover discuss dismiss display dissolve
    distinguish distribute dive divide do document dominate donate download draft drag draw dream
    dress drink drive drop dry earn ease eat edit educate elaborate elect elevate eliminate embark
    embed embrace emerge emit emphasize employ empower enable encounter encourage end endure engage
    enhance enjoy enlarge ensure enter entertain envision escape establish estimate evaluate
    evolve examine exceed exchange excite exclude execute exercise exhibit exist expand expect
    experience experiment explain exploit explore export express extend extract face fade fail fall
    fear feed feel fetch fight file fill filter find finish fit fix flee float flow fly focus fold
    follow force forecast forget forgive form formulate foster frame free freeze fulfil fulfill
    gain gather gaze generate get give glance go govern grab grant grasp greet grind grip grow
    guarantee guard guess guide handle hang happen harness hate have head heal hear heat help hide
    highlight hire hit hold honor hope host hug hunt hurry identify ignite ignore illuminate
    illustrate imagine immerse imply import improve incorporate increase indicate influence inform
    inherit initiate innovate inquire insert insist inspect inspire install integrate intend
    interpret introduce invent invest investigate invite involve isolate iterate join journey judge
    jump justify keep kick kill kiss kneel knock know label lack land last laugh launch lay lead
    lean leap learn leave lend let leverage lie lift light like limit link list listen live load
    locate lock look lose love lower maintain make manage manipulate mark match matter maximize
    mean measure meet melt mention merge mind minimize miss mix modify monitor motivate mount move
    multiply name navigate need neglect negotiate note notice nurture obey observe obtain occur
    offer open operate optimize order organize outline overcome owe own pack paint participate pass
    pause pay perceive perfect perform permit persist persuade pick picture place plan plant play
    plead plug point ponder pour practice practise praise pray predict prefer prepare present
    preserve press pretend prevent print prioritize proceed process produce program project promise
    promote propose protect prove provide publish pull punish purchase pursue push put qualify
    question quit quote race raise reach react read realise realize reason recall receive recognize
    recommend reconcile record recover reduce refer refine reflect reform refuse regard register
    regret reinforce reject relate relax release rely remain remember remind remove render renew
    repair repeat replace reply report represent request require rescue research resemble reserve
    resist resolve respect respond rest restore restrict result retain retire retrieve return reveal
    reverse review revise reward rewrite ride ring rise risk roll rotate ruin rule run rush sail
    save say scale scan schedule search seat secure see seek seem seize select sell send sense
    separate serve set settle shake shape share shift shine shoot show shut sign signal simplify
    simulate sing sit sketch skip sleep slice slide slip smell smile solve sort sound spark speak
    specify spend spin split spread stand stare start state stay steal step stick stir stop store
    strengthen stress stretch strike strive structure struggle study submit substitute subtract
    succeed suffer suggest suit summarize summon supply support suppose surrender surround survey
    survive sustain swallow swear sweep swim swing switch take talk target taste teach tear tell
    tend test thank think thrive throw touch trace track trade train transcend transfer transform
    translate travel treat trigger trust try turn twist type uncover understand undertake undo
    unify unite unleash unlock unravel unveil update upgrade upload use utilize validate value vary
    verify view visit visualize vote wait wake walk wander want warm warn wash waste watch wear
    weave weigh welcome whisper win wish witness wonder work worry wrap write yield zoom"""
)

KEYWORDS = tuple(
    sorted(
        _words(
            """acorn anchor archive autumn balance basket beacon bicycle blueprint border bottle
            bridge bronze budget cabin calendar candle canvas carpet castle cellar ceremony chapter
            chimney circle climate clock coast compass copper corner courage cricket curtain custom
            daylight debate desert diary district dolphin drawer dust eagle echo elbow engine
            envelope evening fabric farmer feather ferry festival forest fountain fragment
            friendship frost garden ginger glacier gravel guitar habit hammer harbour harvest
            helmet hinge history honey horizon hunger insect island ivory journey jungle kettle
            kitchen ladder lantern lemon letter library lighthouse limestone lizard machine
            magnet maple market meadow memory merchant midnight mirror moonlight mountain museum
            napkin needle neighbour notebook novel oak ocean orchard origin oven oyster painter
            parade passage patience pebble pepper picnic pilot pocket portrait prairie puzzle
            quarry rabbit railway rainbow recipe rhythm ribbon river rocket saddle saffron sailor
            scholar shadow shelter silence silver sketch soil spiral spoon stadium statue storm
            strategy sunrise surface tailor telescope temple theatre thread thunder ticket timber
            traffic tunnel umbrella valley velvet village violin voyage wagon walnut weather
            whistle willow window winter workshop zebra"""
        )
    )
)
"""Common nouns to draw keywords from."""
