//! Stop words: function words, and the words that make a question a question. They are indexed (a question may consist
//! of them) and left out of a question that has others.

/// Whether a folded English word only glues a question or a sentence together.
#[must_use]
pub fn is_stop_word(folded: &str) -> bool {
    is_stop_word_of("en", folded)
}

/// The same for another language, by its primary subtag; false for a language whose stop words are not known.
pub(super) fn is_stop_word_of(language: &str, folded: &str) -> bool {
    let list = match language {
        "en" => ENGLISH,
        "de" => GERMAN,
        "fr" => FRENCH,
        "es" => SPANISH,
        "it" => ITALIAN,
        "nl" => DUTCH,
        "pt" => PORTUGUESE,
        _ => return false,
    };
    list.binary_search(&folded).is_ok()
}

/// The language of a question among those of the passages: the one with the most stop words in it. One other than
/// English needs two in five: the German "die" alone does not make "die casting" German.
pub(super) fn language_of<'a>(words: &[&str], languages: &'a [String]) -> &'a str {
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
        for list in [ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN, DUTCH, PORTUGUESE] {
            assert!(list.is_sorted(), "{list:?}");
        }
        assert!(is_stop_word("how") && !is_stop_word("travel"));
    }

    #[test]
    fn a_question_shows_its_language_by_its_stop_words() {
        let languages = ["en".to_owned(), "de".to_owned(), "xx".to_owned()];
        assert_eq!(language_of(&["wie", "lange", "habe", "ich", "urlaub"], &languages), "de");
        assert_eq!(language_of(&["die", "casting", "machine"], &languages), "en");
        assert_eq!(language_of(&["urlaub"], &languages), "en");
    }
}
