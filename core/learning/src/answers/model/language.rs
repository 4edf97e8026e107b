//! How languages deny, and how they say numbers: by these a sentence is held against words in another language.

use std::collections::BTreeSet;

use crate::search::words;

/// What a language has for it, folded. Of the numbers each line is a number with its words; one has none, for its word is
/// also an article.
struct Language {
    tag: &'static str,
    denial: &'static [&'static str],
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

/// Whether two texts in different languages have the same numbers, and both or neither deny something. Not where one of
/// the languages is not known.
pub(super) fn agree(one: (&str, &str), other: (&str, &str)) -> bool {
    let said = |(tag, text): (&str, &str)| {
        let language = of(tag)?;
        let found = words(text);
        let denies = found.iter().any(|w| language.denial.contains(&w.folded.as_str()));
        let numbers: BTreeSet<String> = found.iter().filter_map(|w| language.number(&w.folded)).collect();
        Some((denies, numbers))
    };
    said(one).is_some_and(|one| said(other) == Some(one))
}

fn of(tag: &str) -> Option<&'static Language> {
    let primary = primary(Some(tag));
    LANGUAGES.iter().find(|l| l.tag == primary)
}

impl Language {
    /// The number that a folded word says.
    fn number(&self, folded: &str) -> Option<String> {
        let digits: String = folded.chars().filter(char::is_ascii_digit).collect();
        if !digits.is_empty() {
            return Some(digits.trim_start_matches('0').to_owned());
        }
        let line = self.numbers.iter().find(|line| line.split(' ').skip(1).any(|w| w == folded))?;
        line.split(' ').next().map(str::to_owned)
    }
}

#[rustfmt::skip]
const LANGUAGES: &[Language] = &[
    Language {
        tag: "en",
        denial: &[
            "not", "no", "never", "cannot", "cant", "dont", "doesnt", "didnt", "isnt", "arent", "wont", "mustnt",
            "shouldnt", "without", "neither", "nor", "none", "nobody", "nothing", "forbidden", "prohibited", "unless",
            "except",
        ],
        numbers: &[
            "2 two twice double", "3 three third", "4 four fourth", "5 five fifth", "6 six sixth", "7 seven seventh",
            "8 eight eighth", "9 nine ninth", "10 ten tenth", "11 eleven", "12 twelve twelfth", "15 fifteen",
            "20 twenty", "30 thirty", "40 forty", "50 fifty", "60 sixty", "100 hundred", "1000 thousand",
            "1000000 million", "½ half",
        ],
    },
    Language {
        tag: "de",
        denial: &[
            "kein", "keine", "keinem", "keinen", "keiner", "keines", "nicht", "nie", "niemals", "ohne", "weder",
            "niemand", "niemanden", "nichts", "verboten", "untersagt", "unzulassig", "ausser",
        ],
        numbers: &[
            "2 zwei zweimal doppelt zweite zweiten zweiter zweites", "3 drei dritte dritten dritter drittes",
            "4 vier vierte vierten vierter viertes", "5 funf funfte funften funfter funftes",
            "6 sechs sechste sechsten", "7 sieben siebte siebten", "8 acht achte achten", "9 neun neunte neunten",
            "10 zehn zehnte zehnten", "11 elf", "12 zwolf", "15 funfzehn", "20 zwanzig", "30 dreissig", "40 vierzig",
            "50 funfzig", "60 sechzig", "100 hundert", "1000 tausend", "1000000 million millionen",
            "½ halb halbe halben halber halbes halfte",
        ],
    },
    Language {
        tag: "fr",
        denial: &[
            "ne", "pas", "non", "jamais", "aucun", "aucune", "sans", "ni", "rien", "interdit", "interdite", "sauf",
        ],
        numbers: &[
            "2 deux double deuxieme", "3 trois troisieme", "4 quatre quatrieme", "5 cinq cinquieme", "6 six sixieme",
            "7 sept septieme", "8 huit huitieme", "9 neuf neuvieme", "10 dix dixieme", "11 onze", "12 douze",
            "15 quinze", "20 vingt", "30 trente", "40 quarante", "50 cinquante", "60 soixante", "100 cent cents",
            "1000 mille", "1000000 million millions", "½ demi demie moitie",
        ],
    },
    Language {
        tag: "es",
        denial: &[
            "no", "nunca", "jamas", "sin", "ningun", "ninguna", "ninguno", "nada", "nadie", "ni", "tampoco",
            "prohibida", "prohibido", "salvo", "excepto",
        ],
        numbers: &[
            "2 dos doble segundo segunda", "3 tres tercer tercero tercera", "4 cuatro cuarto cuarta",
            "5 cinco quinto quinta", "6 seis sexto sexta", "7 siete septimo", "8 ocho octavo", "9 nueve noveno",
            "10 diez decimo", "11 once", "12 doce", "15 quince", "20 veinte", "30 treinta", "40 cuarenta",
            "50 cincuenta", "60 sesenta", "100 cien ciento", "1000 mil", "1000000 millon millones",
            "½ medio media mitad",
        ],
    },
    Language {
        tag: "it",
        denial: &[
            "non", "no", "mai", "senza", "nessun", "nessuna", "nessuno", "niente", "nulla", "vietata", "vietato",
            "salvo", "tranne",
        ],
        numbers: &[
            "2 due doppio secondo seconda", "3 tre terzo terza", "4 quattro quarto quarta", "5 cinque quinto quinta",
            "6 sei sesto sesta", "7 sette settimo", "8 otto ottavo", "9 nove nono", "10 dieci decimo", "11 undici",
            "12 dodici", "15 quindici", "20 venti", "30 trenta", "40 quaranta", "50 cinquanta", "60 sessanta",
            "100 cento", "1000 mille", "1000000 milione milioni", "½ mezzo mezza meta",
        ],
    },
    Language {
        tag: "nl",
        denial: &["niet", "geen", "nooit", "zonder", "niemand", "niets", "verboden", "behalve", "tenzij"],
        numbers: &[
            "2 twee dubbel tweede", "3 drie derde", "4 vier vierde", "5 vijf vijfde", "6 zes zesde", "7 zeven zevende",
            "8 acht achtste", "9 negen negende", "10 tien tiende", "11 elf", "12 twaalf", "15 vijftien", "20 twintig",
            "30 dertig", "40 veertig", "50 vijftig", "60 zestig", "100 honderd", "1000 duizend", "1000000 miljoen",
            "½ half halve helft",
        ],
    },
    Language {
        tag: "pt",
        denial: &[
            "nao", "nunca", "jamais", "sem", "nenhum", "nenhuma", "nada", "ninguem", "nem", "proibida", "proibido",
            "salvo", "exceto",
        ],
        numbers: &[
            "2 dois duas dobro segundo segunda", "3 tres terceiro terceira", "4 quatro quarto quarta",
            "5 cinco quinto quinta", "6 seis sexto sexta", "7 sete setimo", "8 oito oitavo", "9 nove nono",
            "10 dez decimo", "11 onze", "12 doze", "15 quinze", "20 vinte", "30 trinta", "40 quarenta",
            "50 cinquenta", "60 sessenta", "100 cem cento", "1000 mil", "1000000 milhao milhoes",
            "½ meio meia metade",
        ],
    },
];
