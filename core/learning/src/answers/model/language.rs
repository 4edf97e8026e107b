//! How languages deny, and how they say numbers: by these a sentence is held against words in another language.

use crate::search::words;

/// What a language has for it, folded. Of the numbers each line is a number with its words; one has none, for its word is
/// also an article. A number that puts things in an order is another one than the one that counts them.
struct Language {
    tag: &'static str,
    denial: &'static [&'static str],
    /// Words that turn a meaning around, the same classes in each language: on condition, only, permitted, more, less,
    /// before, after.
    turns: [&'static str; 7],
    numbers: &'static [&'static str],
}

/// The primary subtag of a language tag; passages are English where nothing is said.
pub(super) fn primary(tag: Option<&str>) -> String {
    tag.unwrap_or("en").split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

/// Whether the words of this language are known.
pub(super) fn is_known(tag: &str) -> bool {
    of(tag).is_some()
}

/// How often a text denies something, in whatever language.
pub(in crate::answers) fn denials(text: &str) -> usize {
    words(text).iter().filter(|w| is_denial(&w.folded)).count()
}

/// Whether a folded word denies something, in whatever language.
pub(super) fn is_denial(folded: &str) -> bool {
    LANGUAGES.iter().any(|l| l.denial.contains(&folded))
}

/// Whether a folded English word is a number.
pub(super) fn is_number_word(folded: &str) -> bool {
    of("en").is_some_and(|english| english.line(folded).is_some())
}

/// A number in digits without the signs that part its thousands, in small letters.
pub(super) fn ungrouped(raw: &str, thousands: char) -> String {
    let mut groups = raw.split(thousands);
    let first = groups.next().unwrap_or_default();
    let grouped = first.len() <= 3 && groups.all(|g| g.len() >= 3 && g.bytes().take(3).all(|b| b.is_ascii_digit()));
    if grouped { raw.replace(thousands, "").to_lowercase() } else { raw.to_lowercase() }
}

/// Whether two texts in different languages have the same numbers in the same order, and both or neither deny something or
/// turn it around. Not where one of the languages is not known.
pub(super) fn agree(one: (&str, &str), other: (&str, &str)) -> bool {
    let said = |(tag, text): (&str, &str)| {
        let language = of(tag)?;
        let found = words(text);
        let has = |list: &[&str]| found.iter().any(|w| list.contains(&w.folded.as_str()));
        let turns = language.turns.map(|class| has(&class.split(' ').collect::<Vec<_>>()));
        Some((has(language.denial), turns, language.numbers_of(text)))
    };
    said(one).is_some_and(|one| said(other) == Some(one))
}

fn of(tag: &str) -> Option<&'static Language> {
    let primary = primary(Some(tag));
    LANGUAGES.iter().find(|l| l.tag == primary)
}

impl Language {
    /// The numbers of a text in their order, with their signs.
    fn numbers_of(&self, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        let (mut end, mut place) = (0, None);
        let found = words(text);
        for (n, word) in found.iter().enumerate() {
            if place.replace(word.place) == Some(word.place) {
                continue;
            }
            let raw = &text[word.from..word.to];
            if raw.contains(|c: char| c.is_numeric()) {
                let before = &text[end..word.from];
                let next = found[n + 1..].iter().find(|w| w.place != word.place).map_or(text.len(), |w| w.from);
                let is_sign = |c: &char| matches!(c, '%' | '‰' | '€' | '$' | '£' | '¥' | '°');
                let mut signs: String = before.chars().chain(text[word.to..next].chars()).filter(is_sign).collect();
                let minus = before.strip_suffix(['-', '\u{2212}']);
                if minus.is_some_and(|b| if b.is_empty() { end == 0 } else { b.ends_with([' ', '(', '\u{a0}']) }) {
                    signs.push('-');
                }
                out.push(self.plain(raw) + &signs);
            } else if let Some(line) = self.line(&word.folded) {
                out.push(line.split(' ').next().unwrap_or_default().to_owned());
            }
            end = word.to;
        }
        out
    }

    /// A number in digits with a point before its decimals, which other languages than English write as a comma.
    fn plain(&self, raw: &str) -> String {
        let (thousands, decimal) = if self.tag == "en" { (',', '.') } else { ('.', ',') };
        ungrouped(raw, thousands).replace(decimal, ".")
    }

    /// The line of a folded word that says a number.
    fn line(&self, folded: &str) -> Option<&'static str> {
        self.numbers.iter().copied().find(|line| line.split(' ').skip(1).any(|w| w == folded))
    }
}

#[rustfmt::skip]
const LANGUAGES: &[Language] = &[
    Language {
        tag: "en",
        denial: &[
            "not", "no", "never", "cannot", "cant", "dont", "doesnt", "didnt", "isnt", "arent", "wont", "mustnt",
            "shouldnt", "without", "neither", "nor", "none", "nobody", "nothing", "forbidden", "prohibited", "unless",
            "except", "avoid", "avoids", "avoiding", "refrain", "refuse", "refuses", "refused", "illegal", "unable",
            "rarely", "seldom", "hardly", "barely", "scarcely", "stop", "stops", "deny", "denied", "reject", "rejected",
            "lack", "lacks", "banned", "disallowed", "impossible", "ineligible", "unauthorised", "unauthorized",
            "excluded", "excluding", "exempt", "instead", "nowhere", "wasnt", "werent", "hasnt", "havent", "wouldnt",
            "couldnt",
        ],
        turns: [
            "if when whenever provided unless once", "only solely exclusively",
            "may can could might allowed permitted optional possible", "more over above least minimum longer higher",
            "less under below fewer most maximum shorter lower", "before earlier until till",
            "after later afterwards since",
        ],
        numbers: &[
            "2 two twice double", "3 three", "3. third", "4 four", "4. fourth", "5 five", "5. fifth", "6 six",
            "6. sixth", "7 seven", "7. seventh", "8 eight", "8. eighth", "9 nine", "9. ninth", "10 ten", "10. tenth",
            "11 eleven", "12 twelve", "12. twelfth", "15 fifteen", "20 twenty", "30 thirty", "40 forty", "50 fifty",
            "60 sixty", "100 hundred", "1000 thousand", "1000000 million", "½ half",
        ],
    },
    Language {
        tag: "de",
        denial: &[
            "kein", "keine", "keinem", "keinen", "keiner", "keines", "nicht", "nie", "niemals", "ohne", "weder",
            "niemand", "niemanden", "nichts", "verboten", "untersagt", "unzulassig", "ausser", "vermeiden", "vermeide",
            "vermeidet", "unterlassen", "verweigert", "abgelehnt", "illegal", "selten", "kaum", "unmoglich", "ungultig",
            "ausgeschlossen", "ausgenommen", "statt", "nirgends", "keinesfalls",
        ],
        turns: [
            "wenn falls sofern sobald solange", "nur lediglich ausschliesslich",
            "darf durfen kann konnen erlaubt gestattet freiwillig moglich", "mehr uber mindestens langer hoher",
            "weniger unter hochstens maximal kurzer niedriger", "vor bevor davor vorher bis fruher",
            "nach nachdem danach spater",
        ],
        numbers: &[
            "2 zwei zweimal doppelt", "2. zweite zweiten zweiter zweites", "3 drei",
            "3. dritte dritten dritter drittes", "4 vier", "4. vierte vierten vierter viertes", "5 funf",
            "5. funfte funften funfter funftes", "6 sechs", "6. sechste sechsten", "7 sieben", "7. siebte siebten",
            "8 acht", "8. achte achten", "9 neun", "9. neunte neunten", "10 zehn", "10. zehnte zehnten", "11 elf",
            "12 zwolf", "15 funfzehn", "20 zwanzig", "30 dreissig", "40 vierzig", "50 funfzig", "60 sechzig",
            "100 hundert", "1000 tausend", "1000000 million millionen", "½ halb halbe halben halber halbes halfte",
        ],
    },
    Language {
        tag: "fr",
        denial: &[
            "ne", "pas", "non", "jamais", "aucun", "aucune", "sans", "ni", "rien", "interdit", "interdite", "sauf",
            "eviter", "evitez", "evite", "refuser", "refuse", "illegal", "illegale", "rarement", "impossible", "hormis",
            "excepte", "exclu",
        ],
        turns: [
            "si quand lorsque", "seulement uniquement seul seuls", "peut peuvent pouvez possible autorise permis",
            "plus minimum", "moins maximum", "avant jusqu jusqua", "apres depuis",
        ],
        numbers: &[
            "2 deux double", "2. deuxieme", "3 trois", "3. troisieme", "4 quatre", "4. quatrieme", "5 cinq",
            "5. cinquieme", "6 six", "6. sixieme", "7 sept", "7. septieme", "8 huit", "8. huitieme", "9 neuf",
            "9. neuvieme", "10 dix", "10. dixieme", "11 onze", "12 douze", "15 quinze", "20 vingt", "30 trente",
            "40 quarante", "50 cinquante", "60 soixante", "100 cent cents", "1000 mille", "1000000 million millions",
            "½ demi demie moitie",
        ],
    },
    Language {
        tag: "es",
        denial: &[
            "no", "nunca", "jamas", "sin", "ningun", "ninguna", "ninguno", "nada", "nadie", "ni", "tampoco",
            "prohibida", "prohibido", "salvo", "excepto", "evitar", "evite", "evita", "ilegal", "raramente", "imposible",
            "rechaza", "rechazado", "excluido",
        ],
        turns: [
            "si cuando", "solo solamente unicamente", "puede pueden puedes permitido posible opcional", "mas minimo",
            "menos maximo", "antes hasta", "despues desde tras",
        ],
        numbers: &[
            "2 dos doble", "2. segundo segunda", "3 tres", "3. tercer tercero tercera", "4 cuatro",
            "4. cuarto cuarta", "5 cinco", "5. quinto quinta", "6 seis", "6. sexto sexta", "7 siete", "7. septimo",
            "8 ocho", "8. octavo", "9 nueve", "9. noveno", "10 diez", "10. decimo", "11 once", "12 doce", "15 quince",
            "20 veinte", "30 treinta", "40 cuarenta", "50 cincuenta", "60 sesenta", "100 cien ciento", "1000 mil",
            "1000000 millon millones", "½ medio media mitad",
        ],
    },
    Language {
        tag: "it",
        denial: &[
            "non", "no", "mai", "senza", "nessun", "nessuna", "nessuno", "niente", "nulla", "vietata", "vietato",
            "salvo", "tranne", "evitare", "evita", "evitate", "illegale", "raramente", "impossibile", "rifiutato",
            "escluso",
        ],
        turns: [
            "se quando qualora", "solo soltanto unicamente", "puo possono puoi permesso possibile facoltativo",
            "piu minimo almeno", "meno massimo", "prima fino", "dopo",
        ],
        numbers: &[
            "2 due doppio", "2. secondo seconda", "3 tre", "3. terzo terza", "4 quattro", "4. quarto quarta",
            "5 cinque", "5. quinto quinta", "6 sei", "6. sesto sesta", "7 sette", "7. settimo", "8 otto", "8. ottavo",
            "9 nove", "9. nono", "10 dieci", "10. decimo", "11 undici", "12 dodici", "15 quindici", "20 venti",
            "30 trenta", "40 quaranta", "50 cinquanta", "60 sessanta", "100 cento", "1000 mille",
            "1000000 milione milioni", "½ mezzo mezza meta",
        ],
    },
    Language {
        tag: "nl",
        denial: &[
            "niet", "geen", "nooit", "zonder", "niemand", "niets", "verboden", "behalve", "tenzij", "vermijd",
            "vermijden", "illegaal", "zelden", "onmogelijk", "geweigerd", "uitgezonderd",
        ],
        turns: [
            "als wanneer indien mits zodra", "alleen enkel uitsluitend", "mag mogen kan kunnen toegestaan mogelijk",
            "meer minstens minimaal boven langer", "minder hoogstens maximaal onder korter",
            "voordat vooraf tot eerder", "na nadat later sinds",
        ],
        numbers: &[
            "2 twee dubbel", "2. tweede", "3 drie", "3. derde", "4 vier", "4. vierde", "5 vijf", "5. vijfde", "6 zes",
            "6. zesde", "7 zeven", "7. zevende", "8 acht", "8. achtste", "9 negen", "9. negende", "10 tien",
            "10. tiende", "11 elf", "12 twaalf", "15 vijftien", "20 twintig", "30 dertig", "40 veertig", "50 vijftig",
            "60 zestig", "100 honderd", "1000 duizend", "1000000 miljoen", "½ half halve helft",
        ],
    },
    Language {
        tag: "pt",
        denial: &[
            "nao", "nunca", "jamais", "sem", "nenhum", "nenhuma", "nada", "ninguem", "nem", "proibida", "proibido",
            "salvo", "exceto", "evitar", "evite", "ilegal", "raramente", "impossivel", "recusado", "excluido",
        ],
        turns: [
            "se quando caso", "so somente apenas", "pode podem permitido possivel opcional", "mais minimo",
            "menos maximo", "antes ate", "depois apos desde",
        ],
        numbers: &[
            "2 dois duas dobro", "2. segundo segunda", "3 tres", "3. terceiro terceira", "4 quatro",
            "4. quarto quarta", "5 cinco", "5. quinto quinta", "6 seis", "6. sexto sexta", "7 sete", "7. setimo",
            "8 oito", "8. oitavo", "9 nove", "9. nono", "10 dez", "10. decimo", "11 onze", "12 doze", "15 quinze",
            "20 vinte", "30 trinta", "40 quarenta", "50 cinquenta", "60 sessenta", "100 cem cento", "1000 mil",
            "1000000 milhao milhoes", "½ meio meia metade",
        ],
    },
];
