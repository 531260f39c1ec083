"""Common English words, short and in lower case: in most vocabularies each, with the space before it, is one token."""

from __future__ import annotations

_TEXT = """
able about above across act add after again age ago air all alone along also always among and animal answer any appear
are area arm army around art ask back bad ball bank base be bear beat beauty bed been before began begin behind
believe best better between big bird black blood blue board boat body book both box boy bring brother brought build
built business but buy call came can capital car care carry case cat catch cause cell center century certain chair
chance change character charge check child children choose church city claim class clean clear close cloud coast cold
college color come common company complete condition consider contain control cool copy corner cost could country
course court cover create cross crowd current cut dark daughter day dead deal death decide deep degree demand design
develop did die differ dinner direct doctor does dog dollar done door down draw dream dress drink drive dry during each
early earth east easy eat edge effect eight else end enemy energy engine enough enter equal even evening event ever
every exact example except eye face fact fair fall family far farm fast father favor fear feel feet felt few field
fight figure fill film final find fine finger finish fire first fish five floor flow flower fly follow food foot force
foreign forest form forward found four free fresh friend from front full future game garden gas gave general get girl
give glad glass gold good got govern grand grass gray great green ground group grow had half hall hand happy hard has
hat have head hear heart heat heavy held help here high hill him history hit hold hole home hope horse hospital hot
hotel hour house how human hundred idea image inch industry interest into iron island issue job join judge just keep
kept key kill kind king knew know lady land language large last late laugh law lead learn least leave left leg length
less let letter level lie life light like line list listen little live local long look lost loud love low machine made
main make man many map mark market matter may mean measure meet member men method middle might mile milk million mind
mine minute miss modern moment money month moon more morning most mother mountain mouth move much music must name
nation nature near need never new news next night nine noise nor north nose note nothing notice number object ocean off
offer office often oil old once one only open order other our out over own page paint pair paper park part party pass
past pattern pay people perhaps person picture piece place plain plan plane plant play please point poor port position
possible post pound power present press pretty price print problem process produce product program proper protect
proud prove public pull push put question quick quiet quite race radio rain raise ran reach read ready real reason
receive record red region remember report rest result return rich ride right ring rise river road rock roll room root
rose round row rule run safe said sail salt same sand sat save saw say scale school science sea season seat second see
seem self sell send sense sent serve set seven several shall shape share sharp she ship shop short should shout show
side sign silver simple since sing single sister sit six size skin sky sleep slow small snow soft soil some son song
soon sound source south space speak special speech speed spend spoke spot spring square stand star start state station
stay steel step still stock stone stood stop store story straight strange stream street strong student study such
sudden sugar summer sun supply support sure surface surprise system table take talk tall tax teach team tell ten term
test than that the their them then there these they thing think third this those though thought three through tie time
tiny today together told tomorrow tone too took top total touch toward town track trade train travel tree trip trouble
truck true try turn twelve twenty two type under unit until up upon use usual valley value vary very view village
visit voice wait walk wall want war warm was wash watch water wave way weather week weight well went were west what
wheel when where which while white who whole whose why wide wife wild will win wind window winter wish with woman
women wonder wood word work world worth would write written wrong yard year yellow yes yet you young
"""
WORDS = _TEXT.split()
