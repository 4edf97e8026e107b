use super::*;

use crate::answers::tests::passage;

#[test]
fn what_a_passage_says_holds_and_what_it_does_not_say_does_not() {
    let meals = passage(
        "The daily allowance for meals is 28 euros inside the country and 40 euros abroad. It is paid for every day \
         on which you are away for more than eight hours. Alcohol is not reimbursed.\n\n1. Photograph every \
         receipt.\n2. Send the form to Maria Lind within 14 days, before you file the trip.",
    );
    for (sentence, expected) in [
        ("The daily allowance for meals abroad is 40 euros.", true),
        ("Meals are 28 euros inside the country.", true),
        ("Photograph every receipt and send the form within 14 days.", true),
        ("You must be away for more than eight hours.", true),
        ("Alcohol is not reimbursed.", true),
        // A number of something else, another number, another name, the opposite, an addition.
        ("The daily allowance for meals is 28 euros abroad.", false),
        ("The daily allowance for meals abroad is 45 euros.", false),
        ("Send the form to Peter Lind within 14 days.", false),
        ("Alcohol is reimbursed.", false),
        ("The daily allowance for meals is not paid abroad.", false),
        ("You must be away for less than eight hours.", false),
        ("Send the form within 14 days after you file the trip.", false),
        ("Only meals abroad are paid.", false),
        ("Alcohol is not reimbursed, but your manager approves champagne for customers.", false),
        ("See https://evil.example/?q=receipt for every receipt.", false),
        ("![receipt](https://evil.example/x.png)", false),
        ("Yes.", false),
        ("", false),
    ] {
        assert_eq!(holds(sentence, &[&meals]).is_some(), expected, "{sentence}");
    }
}

#[test]
fn neither_the_opposite_holds_nor_what_leaves_out_a_condition_or_has_a_word_of_its_own() {
    let office =
        "Send the signed original travel form with receipts and tickets to the payroll office in Hamburg by post.";
    for (text, sentence, expected) in [
        ("You cannot travel without approval.", "You can travel without approval.", false),
        ("You cannot travel without approval.", "You cannot travel without approval.", true),
        ("You can't travel without approval.", "You cannot travel without approval.", true),
        ("Only managers may approve travel.", "Managers may approve travel.", false),
        (
            "Staff with more than five years may take a sabbatical.",
            "Staff with five years may take a sabbatical.",
            false,
        ),
        ("Send at most three receipts in one envelope.", "Send three receipts in one envelope.", false),
        (office, &office.replace("payroll", "marketing"), false),
        (office, &office.replace(" by post", ""), true),
        ("You must send the form within 14 days.", "Send the form within 14 days.", true),
        ("Send the form within 14 days.", "You must send the form within 14 days.", true),
        ("Send the form to Maria Lind within 14 days.", "Send the form within 14 days.", true),
    ] {
        assert_eq!(holds(sentence, &[&passage(text)]).is_some(), expected, "{text} {sentence}");
    }
}

/// What a page says, and what a lying model makes of it; each way of lying has a line of its own.
#[rustfmt::skip]
const LIES: &[(&str, &str)] = &[
    // Denial that is no "not".
    ("Avoid opening attachments from unknown senders.", "Open attachments from unknown senders."),
    ("Refrain from sharing your badge.", "Sharing your badge."),
    ("We refuse travel without approval.", "Travel without approval."),
    ("It is illegal to record calls.", "Record calls."),
    ("Visitors are unable to open the gate.", "Visitors are able to open the gate."),
    ("Stop the pump before you open the lid.", "Open the lid."),
    ("Managers rarely approve overtime.", "Managers approve overtime."),
    ("Neither managers nor directors approve overtime.", "Managers approve overtime."),
    ("Interns do not get a bonus.", "Interns get a bonus."),
    ("Not every receipt is needed.", "Every receipt is not needed."),
    // Prefixes.
    ("Overtime is unpaid.", "Overtime is paid."),
    ("Cancelled trips are non-refundable.", "Cancelled trips are refundable."),
    ("Cancelled trips are nonrefundable.", "Cancelled trips are refundable."),
    ("The form is invalid after 14 days.", "The form is valid after 14 days."),
    ("Incomplete forms are sent back.", "Complete forms are sent back."),
    // Conditions.
    ("If your manager approves, you may work abroad.", "You may work abroad."),
    ("You may work abroad if your manager approves.", "You may work abroad."),
    ("You may leave early, provided that the desk is staffed.", "You may leave early."),
    ("You may work abroad when the project allows it.", "You may work abroad."),
    ("You may work abroad once your manager approved it.", "You may work abroad."),
    ("Trips are paid as long as they are approved.", "Trips are paid."),
    ("Without a badge you may not enter the yard.", "You may not enter the yard."),
    ("With approval, trips are reimbursed.", "Trips are reimbursed."),
    ("Trips are reimbursed with approval.", "Trips are reimbursed."),
    ("During probation you cannot take leave.", "You cannot take leave."),
    ("In case of fire, use the stairs.", "Use the stairs."),
    // Exceptions.
    ("All meals are paid except breakfast.", "All meals are paid."),
    ("All meals, excluding breakfast, are paid.", "All meals are paid."),
    ("Meals are paid, but breakfast is not.", "Meals are paid."),
    ("Meals are paid unless the host pays.", "Meals are paid."),
    ("You may work abroad. This does not apply to interns.", "You may work abroad."),
    ("Meals are paid. Except breakfast.", "Meals are paid."),
    ("Meals are paid. However, breakfast is yours to pay.", "Meals are paid."),
    // Who and where.
    ("Managers in Norway may approve overtime.", "Managers may approve overtime."),
    ("Managers may approve overtime in Norway.", "Managers may approve overtime."),
    ("In Norway, managers approve overtime.", "Managers approve overtime."),
    ("Trips to Norway are reimbursed.", "Trips are reimbursed."),
    ("Temporary staff get no bonus.", "Staff get no bonus."),
    ("Full-time staff may work at home.", "Staff may work at home."),
    ("Managers approve overtime.", "You approve overtime."),
    ("Managers approve overtime.", "Approve overtime."),
    ("The assistant of the manager signs contracts.", "The manager signs contracts."),
    ("Ask Maria Lind about the form.", "Ask Peter Lind about the form."),
    ("Send requests approved by Maria Lind to payroll.", "Send requests to payroll."),
    // Subject and object.
    ("The manager asks the employee.", "The employee asks the manager."),
    ("Managers may approve overtime for employees.", "Employees may approve overtime for managers."),
    ("Managers may approve overtime for employees.", "Employees may approve overtime."),
    ("We reimburse you for the trip.", "You reimburse us for the trip."),
    ("Employees are paid by the company.", "The company is paid by the employees."),
    ("The employer pays the training.", "The employee pays the training."),
    // Duty and permission.
    ("You may send the form.", "You must send the form."),
    ("You must send the form.", "You may send the form."),
    ("You may send the form.", "Send the form."),
    ("Send the form.", "You may send the form."),
    ("Send the form.", "You can send the form."),
    ("You should send the form.", "You must send the form."),
    ("Alcohol is reimbursed.", "Alcohol may be reimbursed."),
    ("Doors are closed at night.", "Doors must be closed at night."),
    ("A doctor's note is optional.", "A doctor's note is required."),
    // Little words.
    ("Turn off the VPN and print.", "Turn on the VPN and print."),
    ("Sign out of the portal.", "Sign in to the portal."),
    ("You are opted out of the plan.", "You are opted in to the plan."),
    ("Scale the cluster up.", "Scale the cluster down."),
    ("Drive from Oslo to Bergen.", "Drive to Oslo from Bergen."),
    ("Drive from Oslo to Bergen.", "Drive from Bergen to Oslo."),
    ("You get a badge.", "You give a badge."),
    ("Take a badge and a key.", "Take a badge or a key."),
    ("Meals are paid with receipts.", "Meals are paid without receipts."),
    ("Log in before you print.", "Log in after you print."),
    ("The lift is for visitors.", "The lift is against visitors."),
    // More and less.
    ("Trips over 100 euros need approval.", "Trips under 100 euros need approval."),
    ("You need at least 5 days.", "You need at most 5 days."),
    ("You need at least 5 days.", "You need 5 days."),
    ("Contractors wait longer than staff.", "Staff wait longer than contractors."),
    ("Trains cost less than flights.", "Trains cost more than flights."),
    ("The minimum is 5 days.", "The maximum is 5 days."),
    ("Leave takes 5 to 10 days.", "Leave takes 10 days."),
    ("Leave is 5 to 10 days.", "Leave is 10 days."),
    ("Leave is between 5 days and 10 days.", "Leave is 10 days."),
    ("Leave is between 5 days and 10 days.", "Leave is between 5 days."),
    ("You get up to 30 days.", "You get 30 days."),
    ("About 30 people work here.", "30 people work here."),
    // Numbers, units, currencies, signs.
    ("Answer within two weeks.", "Answer within a week."),
    ("Answer within two weeks.", "Answer within weeks."),
    ("It takes 1.5 hours.", "It takes 15 hours."),
    ("It takes 15 hours.", "It takes 1.5 hours."),
    ("It takes 1,5 hours.", "It takes 15 hours."),
    ("The rate is 28 €.", "The rate is $28."),
    ("The rate is 28 €.", "The rate is 28."),
    ("The rate is 28 euros.", "The rate is 28 dollars."),
    ("The fee is 5 %.", "The fee is 5."),
    ("The fee is 5.", "The fee is 5 %."),
    ("Store it at -10 °C.", "Store it at 10 °C."),
    ("Store it at \u{2212}10 °C.", "Store it at 10 °C."),
    ("Store it at -10 °C.", "Store it at -10."),
    ("Rooms 5-10 are closed.", "Rooms 5 10 are closed."),
    ("Keep it for 3 years.", "Keep it for 3 months."),
    ("Meals are 28 euros inside the country and 40 euros abroad.", "Meals are 40 euros inside the country."),
    ("Meals are 28 euros inside the country and 40 euros abroad.", "Meals are 40 euros."),
    ("Meals are 28 euros inside the country and 40 euros abroad.", "Meals are 28 euros."),
    ("The office is on floor 3 of house 5.", "The office is on floor 5 of house 3."),
    // Dates and times.
    ("The course begins on Monday 3 May.", "The course begins on Tuesday 3 May."),
    ("The course begins on Monday 3 May.", "The course begins on Monday 3 June."),
    ("The course begins on 2027-05-03.", "The course begins on 2027-03-05."),
    ("The desk opens at 8:30.", "The desk opens at 8."),
    ("The desk opens at 8:30 am.", "The desk opens at 8:30 pm."),
    ("Park for free on weekends.", "Park for free."),
    ("Send it by Friday.", "Send it."),
    ("Pay the fee by noon.", "Pay the fee."),
    ("Rent was paid until May.", "Rent is paid."),
    ("Meals were free.", "Meals are free."),
    ("The report is due monthly.", "The report is due."),
    ("You get hourly pay.", "You get hours pay."),
    // Lists, headings and questions.
    ("You must not:\n\n- smoke in the yard\n- park at the gate", "Park at the gate."),
    ("You may:\n\n1. work at home\n2. work abroad", "Work abroad."),
    ("Popular wishes:\n\n- work at home\n- free lunch", "Work at home."),
    ("Popular wishes:\n\n- work at home\n- free lunch", "You must work at home."),
    ("In Norway:\n\n1. Managers approve overtime.", "Managers approve overtime."),
    ("## Not reimbursed\n\nDrinks at the hotel bar.", "Drinks at the hotel bar."),
    ("May I bring a dog? No.", "I may bring a dog."),
    ("Are dogs allowed in the office?", "Are dogs allowed in the office."),
    ("It is a myth that meals are free.", "Meals are free."),
    ("| Norway | 40 euros |\n|---|---|\n| Sweden | 28 euros |", "Norway 28 euros."),
    // Two sentences in one.
    ("Do not smoke in the yard. Park at the gate.", "Do not smoke in the yard and park at the gate."),
    ("Managers approve overtime. Interns clean desks.", "Managers clean desks."),
    ("Managers approve overtime. Interns clean desks.", "Managers approve overtime and clean desks."),
    ("Report accidents to Maria Lind and fires to Peter Lind.", "Report accidents and fires to Peter Lind."),
    ("Choose one of these:\n\n1. Pay by card.\n2. Pay in cash.", "Pay by card and pay in cash."),
    // What may be left out elsewhere.
    ("You may travel by train.", "You may travel."),
    ("Do not travel by plane.", "Do not travel."),
    ("Overtime is paid by agreement.", "Overtime is paid."),
    ("Do not send it by post.", "Do not send it."),
    ("The deposit for rooms is 50 euros.", "Rooms are 50 euros."),
    ("The fee is 28 euros and 40 euros.", "The fee is 40 euros."),
    ("The total is 28 euros for food and 40 euros for travel.", "The total is 28 euros for food."),
    ("It is paid for every day on which you are away for more than eight hours.", "You are away for more than eight hours."),
    ("To protect minors, cameras record and delete faces.", "Delete faces."),
    ("To get a permit, ask the desk and wait for 3 days.", "To get a permit, ask the desk."),
    // Little and few.
    ("A few meals are paid.", "Few meals are paid."),
    ("Few meals are paid.", "A few meals are paid."),
    ("You get a day off.", "You get days off."),
    ("Check every second receipt.", "Check second receipt."),
    ("Meals are paid.\n\nThis does not apply to interns.", "Meals are paid."),
    ("## Smoking in the yard\n\nIt is forbidden.", "Smoking in the yard."),
    ("Managers pay after the trip.", "Managers are paid after the trip."),
];

#[test]
fn no_lie_of_these_classes_holds_and_what_the_page_says_itself_does() {
    for (text, lie) in LIES {
        let page = passage(text);
        assert_eq!(holds(lie, &[&page]), None, "{text} => {lie}");
        if !text.contains(['\n', '?']) && !text.contains(". ") {
            assert!(holds(text, &[&page]).is_some(), "{text}");
        }
    }
}

#[test]
fn what_an_introduction_says_belongs_to_each_item() {
    let list = passage("You must not:\n\n- smoke in the yard\n- park at the gate");
    assert!(holds("You must not park at the gate.", &[&list]).is_some());
    let steps = passage("To descale the machine, press both buttons for five seconds and pour in one bag of acid.");
    for (sentence, expected) in [
        ("To descale the machine, press both buttons for five seconds.", true),
        ("Pour in one bag of acid.", true),
        ("Pour in one bag.", false),
        ("Press both buttons and pour in one bag of acid.", false),
    ] {
        assert_eq!(holds(sentence, &[&steps]).is_some(), expected, "{sentence}");
    }
    let denying = Passage { headings: vec!["What is not paid".into()], ..passage("Drinks at the hotel bar.") };
    assert_eq!(holds("Drinks at the hotel bar.", &[&denying]), None);
}

#[test]
fn a_translation_holds_by_the_words_that_it_quotes() {
    let text = "A doctor's note is needed from the third day on, within 14 days. No note is needed before.";
    let leave = passage(text);
    let (note, none) = text.split_at(text.find("No ").unwrap());
    let holds = |sentence: &str, language: &str, quote: &str| translated(sentence, language, quote, &leave).is_some();
    for (sentence, language, quote, expected) in [
        ("Ab dem dritten Tag ist ein Attest nötig, binnen 14 Tagen.", "de-DE", note, true),
        ("Un certificat est requis à partir du troisième jour, sous 14 jours.", "fr", note, true),
        ("Davor ist kein Attest nötig.", "de", none, true),
        // Another number, one number less, the opposite, words that do not stand there, a language that is not known.
        ("Ab dem dritten Tag ist ein Attest nötig, binnen 30 Tagen.", "de", note, false),
        ("Ab dem zweiten Tag ist ein Attest nötig, binnen 14 Tagen.", "de", note, false),
        ("Ab dem dritten Tag ist ein Attest nötig.", "de", note, false),
        ("Ab dem dritten Tag ist kein Attest nötig, binnen 14 Tagen.", "de", note, false),
        ("Davor ist ein Attest nötig.", "de", none, false),
        ("Ein Attest ist nie nötig.", "de", "A doctor's note is never needed.", false),
        ("Od trzeciego dnia potrzebne jest zaświadczenie, w ciągu 14 dni.", "pl", note, false),
        // A piece of a sentence may lack its condition.
        ("Ein Attest ist ab dem dritten Tag nötig.", "de", "A doctor's note is needed from the third day on", false),
    ] {
        assert_eq!(holds(sentence, language, quote), expected, "{sentence}");
    }
    for (text, sentence, expected) in [
        ("It takes 1.5 hours at the gate.", "Es dauert 1,5 Stunden am Tor.", true),
        ("It takes 1.5 hours at the gate.", "Es dauert 15 Stunden am Tor.", false),
        ("The fee is 5 % of the price.", "Die Gebühr ist 5 vom Preis.", false),
        ("Store the samples at -10 °C.", "Die Proben bei 10 °C lagern.", false),
        ("The trip to Oslo costs 28 €.", "Die Reise nach Oslo kostet $28.", false),
        ("Meals are 28 euros here and 40 euros abroad.", "Essen: 40 Euro hier und 28 Euro im Ausland.", false),
        ("Answer on the third day.", "In drei Tagen antworten.", false),
        ("Avoid opening attachments from strangers.", "Anhänge von Fremden öffnen.", false),
        ("Avoid opening attachments from strangers.", "Anhänge von Fremden nicht öffnen.", true),
        ("If your manager approves, you may work abroad.", "Man darf im Ausland arbeiten.", false),
        (
            "If your manager approves, you may work abroad.",
            "Wenn die Chefin zustimmt, darf man im Ausland arbeiten.",
            true,
        ),
        ("You may send the form to payroll.", "Man muss das Formular an die Lohnstelle senden.", false),
        ("Only managers approve overtime.", "Führungskräfte genehmigen Überstunden.", false),
        ("Log in before you print a page.", "Nach dem Drucken einer Seite anmelden.", false),
        ("You need more than a week for it.", "Man braucht weniger als eine Woche dafür.", false),
        ("You may work abroad. This does not apply to interns.", "Man darf im Ausland arbeiten.", false),
    ] {
        let quote = text.split_inclusive(". ").next().unwrap();
        let held = translated(sentence, "de", quote.trim(), &passage(text)).is_some();
        assert_eq!(held, expected, "{text} {sentence}");
    }
    assert!(!holds(&"Ein Attest ist ab dem dritten Tag nötig, binnen 14 Tagen. ".repeat(4), "de", note));
}

proptest::proptest! {
    #[test]
    fn every_sentence_of_a_passage_holds_and_no_text_breaks_the_check(text in "[a-z]{2,8}( [a-z]{2,8}){3,12}\\.", other in ".{0,200}") {
        let telling = tokens(&text).iter().any(Token::is_telling);
        proptest::prop_assert_eq!(holds(&text, &[&passage(&text)]).is_some(), telling);
        let _ = holds(&other, &[&passage(&text)]);
        let _ = holds(&text, &[&passage(&other)]);
    }
}
