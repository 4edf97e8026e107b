//! The web chat with a few people and small commands, to look at it: `cargo run -p stoa-web --example chat`.

use std::sync::Arc;

use stoa_flow::Flow;
use stoa_flow::testing::organisation;
use stoa_ground::people::Person;
use stoa_ground::{Db, Instant, testing};
use stoa_web::{WebOptions, channel_named, create_channel, enrol, post_as};
use tokio_util::sync::CancellationToken;

mod sample;

const PEOPLE: [(&str, &str, &str, &str, &str); 6] = [
    ("Grace Adeyemi", "Senior care specialist", "Customer Care", "New York", "America/New_York"),
    ("Lukas Hartmann", "Software engineer", "Engineering", "Hamburg", "Europe/Berlin"),
    ("Priya Raman", "Learning and development lead", "People", "Bengaluru", "Asia/Kolkata"),
    ("Mei Tanaka", "Software engineer", "Engineering", "Sydney", "Australia/Sydney"),
    ("Sofía Márquez", "Care specialist", "Customer Care", "Seattle", "America/Los_Angeles"),
    ("محمد علي", "Care specialist", "Customer Care", "Hamburg", "Europe/Berlin"),
];

const TALK: [(usize, i64, &str); 5] = [
    (
        4,
        0,
        "Case to think about: a customer got the same bench twice, five weeks apart. She wants to keep the second one at half the price. What would you do?",
    ),
    (4, 1, "(Our returns rule says 30 days.)"),
    (0, 9, "The second bench is our mistake, so I would not begin with the 30 days."),
    (5, 14, "مرحبا, I had this <b>in winter</b>.\nShe kept it, and wrote a review."),
    (1, 1500, "Deploy of the web shop at 16:00, expect two minutes of read-only."),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (db, _dir) = testing::store().await;
    let people = hire(&db).await;
    let flow = Flow::new(db.clone(), organisation(), sample::parts());
    let chat = stoa_web::platform(&flow);
    flow.connect(chat.clone());
    seed(&db, &people).await?;
    let stop = CancellationToken::new();
    tokio::spawn(flow.clone().run(stop.clone()));
    let options = WebOptions { demo: true, stop, ..WebOptions::default() };
    let router = stoa_web::router(Arc::clone(&flow), chat, options);
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8420".into());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{}/", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn hire(db: &Db) -> Vec<Person> {
    let mut people = Vec::new();
    for (name, title, department, location, zone) in PEOPLE {
        let person = testing::hire(db, name, |p| {
            p.title = Some(title.into());
            p.department = Some(department.into());
            p.location = Some(location.into());
            p.timezone = zone.into();
        });
        people.push(person.await);
    }
    people
}

async fn seed(db: &Db, people: &[Person]) -> stoa_ground::Result<()> {
    db.write(|tx| async move {
        let ids: Vec<&str> = people.iter().map(|p| p.id.as_str()).collect();
        for id in &ids {
            enrol(&tx, id).await?;
        }
        if channel_named(&tx, "care-desk").await?.is_some() {
            return Ok(());
        }
        let care = create_channel(&tx, "care-desk", &ids).await?;
        create_channel(&tx, "engineering", &[ids[1], ids[3]]).await?;
        let start = tx.now().plus(-26 * Instant::HOUR);
        let mut root = None;
        for (n, (who, minutes, text)) in TALK.into_iter().enumerate() {
            let thread = if (2..4).contains(&n) { root.as_deref() } else { None };
            let id = post_as(&tx, &care, thread, ids[who], text, start.plus(minutes * 60 * Instant::SECOND)).await?;
            root.get_or_insert(id);
        }
        Ok(())
    })
    .await
}
