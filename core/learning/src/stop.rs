//! Stop words: function words, and the words that make a question a question. They are indexed (a question may consist
//! of them) and left out of a question that has others.

use crate::words::words;

/// Words of a document by which its language is guessed, at most and at least.
const SAMPLE: usize = 400;
const ENOUGH: usize = 40;

/// By primary subtag.
const LISTS: &[(&str, &[&str])] = &[
    ("en", ENGLISH),
    ("de", GERMAN),
    ("fr", FRENCH),
    ("es", SPANISH),
    ("it", ITALIAN),
    ("nl", DUTCH),
    ("pt", PORTUGUESE),
];

/// Whether a folded English word only glues a question or a sentence together.
#[must_use]
pub fn is_stop_word(folded: &str) -> bool {
    is_stop_word_of("en", folded)
}

/// The same for another language, by its primary subtag; false for a language whose stop words are not known.
pub(crate) fn is_stop_word_of(language: &str, folded: &str) -> bool {
    LISTS.iter().find(|(tag, _)| *tag == language).is_some_and(|(_, list)| list.binary_search(&folded).is_ok())
}

/// The language of a document that does not say it, by its stop words: a primary subtag where it surely is another one than
/// English, which is taken where nothing is known. A short document has none.
pub(crate) fn guessed_language<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    let mut counts = [0; LISTS.len()];
    let mut all = 0;
    for text in texts {
        if all == SAMPLE {
            break;
        }
        for word in words(text).iter().take(SAMPLE - all) {
            all += 1;
            for (count, (_, list)) in counts.iter_mut().zip(LISTS) {
                *count += usize::from(list.binary_search(&word.folded.as_str()).is_ok());
            }
        }
    }
    let (best, tag) = counts.iter().zip(LISTS).map(|(count, (tag, _))| (*count, *tag)).max()?;
    let ahead = |other: usize, percent: usize| best * 100 >= other * percent;
    let others = || LISTS.iter().zip(counts).filter(|((other, _), _)| *other != tag);
    let sure = all >= ENOUGH
        && ahead(all, 20)
        && others().all(|((other, _), count)| ahead(count, if *other == "en" { 200 } else { 110 }));
    (sure && tag != "en").then_some(tag)
}

/// The language of a question among those of the passages: the one with the most stop words in it. One other than
/// English needs two in five: the German "die" alone does not make "die casting" German.
pub(crate) fn language_of<'a>(words: &[&str], languages: &'a [String]) -> &'a str {
    let count = |language: &str| words.iter().filter(|w| is_stop_word_of(language, w)).count();
    let mut best = ("en", count("en").max(words.len() * 2 / 5));
    for language in languages {
        let count = count(language);
        if count > best.1 {
            best = (language, count);
        }
    }
    best.0
}

#[rustfmt::skip]
const ENGLISH: &[&str] = &[
    "a", "about", "am", "an", "and", "any", "anyone", "are", "arent", "as", "at", "be", "been", "being", "but", "by",
    "can", "cant", "could", "did", "didnt", "do", "does", "doesnt", "doing", "dont", "else", "etc", "for", "from",
    "get", "give", "go", "got", "had", "has", "have", "having", "he", "hello", "help", "her", "here", "hey", "hi",
    "him", "his", "how", "i", "id", "if", "ill", "im", "in", "into", "is", "isnt", "it", "its", "ive", "just", "know",
    "let", "like", "may", "me", "might", "mine", "must", "my", "need", "no", "not", "of", "ok", "on", "or", "our",
    "ours", "please", "same", "say", "she", "should", "shouldnt", "so", "some", "somebody", "someone", "such", "tell",
    "than", "thanks", "that", "thats", "the", "their", "them", "then", "there", "these", "they", "thing", "this",
    "those", "to", "too", "up", "us", "use", "very", "want", "was", "we", "were", "what", "whats", "when", "where",
    "which", "while", "who", "whom", "whos", "whose", "why", "will", "with", "would", "you", "your", "yours",
];

#[rustfmt::skip]
const GERMAN: &[&str] = &[
    "aber", "alle", "allem", "allen", "aller", "alles", "als", "also", "am", "an", "auch", "auf", "aus", "bei", "beim",
    "bin", "bis", "bist", "bitte", "brauche", "brauchte", "da", "damit", "dann", "das", "dass", "dein", "deine", "dem",
    "den", "denn", "der", "des", "deshalb", "dich", "die", "dies", "diese", "diesem", "diesen", "dieser", "dieses",
    "dir", "doch", "dort", "du", "durch", "ein", "eine", "einem", "einen", "einer", "eines", "er", "es", "etwas",
    "euch", "euer", "eure", "fur", "gegen", "gibt", "habe", "haben", "hallo", "hat", "hatte", "ich", "ihm", "ihn",
    "ihnen", "ihr", "ihre", "im", "in", "ins", "ist", "ja", "jede", "jedem", "jeden", "jeder", "jedes", "kann",
    "kannst", "konnen", "konnte", "machen", "man", "mein", "meine", "meinem", "meinen", "meiner", "mich", "mir", "mit",
    "mochte", "muss", "mussen", "nach", "nein", "nicht", "noch", "nun", "nur", "ob", "oder", "ohne", "sein", "seine",
    "sich", "sie", "sind", "so", "soll", "sollen", "sollte", "uber", "um", "und", "uns", "unser", "unsere", "unter",
    "vom", "von", "vor", "wann", "warum", "was", "welche", "welchem", "welchen", "welcher", "welches", "wem", "wen",
    "wenn", "wer", "werde", "werden", "wie", "wieso", "will", "wir", "wird", "wo", "wohin", "wollen", "wurde", "zu",
    "zum", "zur",
];

#[rustfmt::skip]
const FRENCH: &[&str] = &[
    "a", "ai", "aide", "ainsi", "alors", "au", "aucun", "aussi", "aux", "avec", "avez", "avoir", "avons", "ca", "ce",
    "cela", "ces", "cet", "cette", "ceux", "chez", "combien", "comme", "comment", "dans", "de", "des", "dois", "doit",
    "donc", "dont", "du", "elle", "elles", "en", "est", "et", "etre", "eux", "faire", "fait", "faut", "il", "ils",
    "je", "la", "le", "les", "leur", "leurs", "lui", "ma", "mais", "me", "meme", "mes", "moi", "mon", "ne", "ni",
    "nos", "notre", "nous", "on", "ont", "ou", "par", "pas", "peut", "peux", "plus", "pour", "pourquoi", "puis",
    "puisje", "quand", "que", "quel", "quelle", "quelles", "quels", "qui", "quoi", "sa", "sans", "se", "sera", "ses",
    "si", "son", "sont", "suis", "sur", "ta", "te", "tes", "toi", "ton", "tous", "tout", "toute", "toutes", "tu", "un",
    "une", "va", "vers", "veux", "vos", "votre", "vous", "y",
];

#[rustfmt::skip]
const SPANISH: &[&str] = &[
    "a", "al", "algo", "alguien", "ante", "antes", "aquel", "aquella", "aqui", "asi", "aun", "aunque", "cada", "como",
    "con", "contra", "cual", "cuales", "cuando", "cuanto", "cuantos", "de", "debe", "debo", "del", "desde", "donde",
    "dos", "e", "el", "ella", "ellas", "ellos", "en", "entre", "era", "es", "esa", "ese", "eso", "esta", "estan",
    "este", "esto", "estos", "estoy", "fue", "ha", "hacer", "hago", "han", "hasta", "hay", "he", "hola", "la", "las",
    "le", "les", "lo", "los", "mas", "me", "mi", "mis", "muy", "nada", "necesito", "ni", "no", "nos", "nosotros",
    "nuestra", "nuestro", "o", "os", "otra", "otro", "para", "pero", "por", "porque", "puede", "puedo", "pues", "que",
    "quien", "quiero", "se", "sea", "ser", "si", "sin", "sobre", "son", "soy", "su", "sus", "tambien", "tan", "te",
    "tengo", "ti", "tiene", "todo", "todos", "tu", "tus", "un", "una", "uno", "unos", "usted", "ustedes", "va", "y",
    "ya", "yo",
];

#[rustfmt::skip]
const ITALIAN: &[&str] = &[
    "a", "ad", "agli", "ai", "al", "alla", "alle", "allo", "anche", "avere", "c", "che", "chi", "ci", "cioe", "come",
    "con", "cosa", "cui", "da", "dagli", "dai", "dal", "dalla", "dalle", "dallo", "dei", "del", "della", "delle",
    "dello", "deve", "devo", "di", "dove", "e", "ed", "era", "essere", "fa", "faccio", "fare", "fino", "gli", "ha",
    "hai", "hanno", "ho", "i", "il", "in", "io", "la", "le", "lei", "li", "lo", "loro", "lui", "ma", "me", "mi", "mia",
    "mie", "miei", "mio", "ne", "nei", "nel", "nella", "nelle", "nello", "noi", "non", "nostra", "nostro", "o", "ogni",
    "per", "perche", "piu", "posso", "puo", "qual", "quale", "quali", "quando", "quanti", "quanto", "quel", "quella",
    "quelle", "quello", "questa", "queste", "questi", "questo", "se", "sei", "si", "sia", "solo", "sono", "su", "sua",
    "sue", "sugli", "sui", "sul", "sulla", "sulle", "suo", "ti", "tra", "tu", "tua", "tuo", "tutti", "tutto", "un",
    "una", "uno", "vi", "voglio", "voi", "vorrei", "vostra", "vostro",
];

#[rustfmt::skip]
const DUTCH: &[&str] = &[
    "aan", "al", "alles", "als", "ben", "bij", "daar", "dan", "dat", "de", "der", "deze", "die", "dit", "doe", "doen",
    "door", "dus", "een", "en", "er", "gaan", "gaat", "geen", "haar", "had", "heb", "hebben", "heeft", "hem", "het",
    "hier", "hij", "hoe", "hoeveel", "hun", "ik", "in", "is", "ja", "je", "jij", "jouw", "kan", "kun", "kunnen",
    "maar", "me", "men", "met", "mij", "mijn", "moet", "moeten", "na", "naar", "niet", "nog", "nu", "of", "om",
    "omdat", "onder", "ons", "onze", "ook", "op", "over", "te", "tegen", "toch", "tot", "u", "uit", "uw", "van",
    "veel", "voor", "waar", "waarom", "wanneer", "want", "was", "wat", "we", "wel", "welk", "welke", "werd", "wie",
    "wij", "wil", "worden", "wordt", "zal", "ze", "zich", "zij", "zijn", "zo", "zonder", "zou",
];

#[rustfmt::skip]
const PORTUGUESE: &[&str] = &[
    "a", "ao", "aos", "as", "ate", "com", "como", "da", "das", "de", "dela", "dele", "deles", "depois", "do", "dos",
    "e", "ela", "elas", "ele", "eles", "em", "entre", "era", "essa", "esse", "esta", "estao", "este", "estou", "eu",
    "faco", "fazer", "foi", "ha", "isso", "isto", "ja", "lhe", "mais", "mas", "me", "mesmo", "meu", "meus", "minha",
    "muito", "na", "nao", "nas", "nem", "no", "nos", "nossa", "nosso", "num", "o", "onde", "os", "ou", "para", "pela",
    "pelas", "pelo", "pelos", "pode", "por", "porque", "posso", "preciso", "quais", "qual", "quando", "quanto",
    "quantos", "que", "quem", "quero", "sao", "se", "sem", "ser", "seu", "seus", "sobre", "sua", "suas", "tambem",
    "te", "tem", "tenho", "teu", "todo", "todos", "tu", "tua", "um", "uma", "voce", "voces",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_words_are_sorted() {
        for (_, list) in LISTS {
            assert!(list.is_sorted(), "{list:?}");
        }
        assert!(is_stop_word("how") && !is_stop_word("travel"));
    }

    #[test]
    fn a_document_shows_its_language_by_its_stop_words_when_it_is_long_enough() {
        let german = "Reisen müssen vor der Buchung von der Führungskraft genehmigt werden. Die Belege werden mit dem Formular \
                      innerhalb von vierzehn Tagen an die Buchhaltung geschickt, sonst wird nichts erstattet. Wer mit dem \
                      eigenen Wagen fährt, bekommt für jeden Kilometer dreißig Cent, wenn es keinen Zug gibt.";
        let english = "Travel has to be approved by your manager before it is booked. Send the receipts with the form to the \
                       accountants within fourteen days, or nothing will be paid. Who drives a car of their own gets thirty \
                       cents for each kilometre when there is no train, and die casting machines are not for travel.";
        for (text, expected) in [
            (german, Some("de")),
            (english, None),
            (
                "Le remboursement des frais se fait dans les quatorze jours qui suivent le voyage. Il faut envoyer les reçus avec \
              le formulaire à la comptabilité, et on ne paie pas ce qui n'est pas sur la liste. Pour les trajets en voiture, \
              vous avez droit à trente centimes par kilomètre.",
                Some("fr"),
            ),
            (
                "Los gastos de viaje se pagan en los catorce días que siguen al viaje. Hay que enviar los recibos con el formulario \
              a la oficina, y no se paga lo que no está en la lista. Para los viajes en coche se pagan treinta céntimos por \
              kilómetro, si no hay tren para ir.",
                Some("es"),
            ),
            (&german[..120], None),
            (&format!("{german} {english}"), None),
            ("let total: u32 = items.iter().map(|item| item.price * 2).sum();\n".repeat(20).as_str(), None),
            ("", None),
        ] {
            assert_eq!(guessed_language([text]), expected, "{text}");
        }
    }

    #[test]
    fn a_question_shows_its_language_by_its_stop_words() {
        let languages = ["en".to_owned(), "de".to_owned(), "xx".to_owned()];
        assert_eq!(language_of(&["wie", "lange", "habe", "ich", "urlaub"], &languages), "de");
        assert_eq!(language_of(&["die", "casting", "machine"], &languages), "en");
        assert_eq!(language_of(&["urlaub"], &languages), "en");
    }
}
