//! A small library of our own writing, for tests of search and answers.

use stoa_ground::Db;

use crate::library::{self, Item, Section};

/// A page with one section for each `heading: text`, readable by everyone.
pub(crate) fn page(location: &str, title: &str, sections: &[(&str, &str)]) -> Item {
    Item {
        source: "handbook".into(),
        location: location.into(),
        title: title.into(),
        readers: vec!["everyone".into()],
        verified: true,
        sections: sections
            .iter()
            .map(|(heading, text)| Section {
                headings: if heading.is_empty() { vec![] } else { vec![(*heading).to_owned()] },
                anchor: None,
                text: (*text).to_owned(),
            })
            .collect(),
        ..Item::default()
    }
}

pub(crate) async fn put(db: &Db, items: &[Item]) {
    db.write(|tx| async move {
        for item in items {
            library::put(&tx, item).await?;
        }
        Ok(())
    })
    .await
    .unwrap();
}

pub(crate) fn small_library() -> Vec<Item> {
    vec![
        page(
            "travel/expenses.md",
            "Travel expenses",
            &[
                ("", "You can claim what you paid on a business trip."),
                (
                    "Claiming expenses",
                    "To claim expenses after a trip:\n\n1. Photograph every receipt.\n2. Open the expense form in HR Links.\n3. Send it within 14 days.\n\nThe money arrives with your next salary.",
                ),
                (
                    "Daily allowance",
                    "The daily allowance for meals is 28 euros inside the country and 40 euros abroad. It is paid for every day on which you are away for more than eight hours.",
                ),
            ],
        ),
        page(
            "tools/vpn.md",
            "Remote access (VPN)",
            &[
                (
                    "Connecting",
                    "Start the Harbour client, choose the nearest gateway and sign in with your badge number. A green dot shows that you are connected.",
                ),
                (
                    "When it fails",
                    "If the client shows error 809, restart the Wi-Fi and try another gateway. Still nothing? The service desk opens at eight.",
                ),
            ],
        ),
        page(
            "leave/sick.md",
            "Sick leave",
            &[(
                "First day",
                "Tell your supervisor before 10 o'clock on the first day. A doctor's note is needed from the third day on.",
            )],
        ),
        page("people/mentors.md", "Mentors", &[("", "Every newcomer gets a mentor for the first three months.")]),
    ]
}
