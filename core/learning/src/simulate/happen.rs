//! Lets an event happen, through the functions that it goes through in life.

use stoa_flow::chat::{Account, Envelope, Event as Said, Opened};
use stoa_ground::people::{self, Person, import};
use stoa_ground::{Error, Result};

use super::events::{Event, What, sheet};
use super::{Simulation, nowhere};
use crate::{lessons, training};

impl Simulation {
    /// Lets an event happen; one that cannot happen as things stand is noted with its line.
    pub(super) async fn happen(&mut self, event: &Event) -> Result<()> {
        match self.try_to(event).await {
            Err(why @ (Error::Invalid(_) | Error::NotFound(_) | Error::Conflict(_) | Error::Forbidden(_))) => {
                self.told.notes.push(format!("line {}, {}: {why}", event.line, event.person));
                Ok(())
            }
            done => done,
        }
    }

    async fn try_to(&mut self, event: &Event) -> Result<()> {
        if let What::Roster(cells) = &event.what {
            let file = sheet(&event.person, cells);
            import::import(&self.db, &self.services.ledger, file.as_bytes(), &self.roster, "operator").await?;
            let person = self.person(&event.person).await?;
            return self.noted(&person).await;
        }
        let person = self.person(&event.person).await?;
        let (db, services, item) = (&self.db, &*self.services, event.item.as_deref());
        let who = person.employee_id.as_str();
        match &event.what {
            What::Ignore | What::Roster(_) => Ok(()),
            What::Leave(leave) => {
                let id = &person.id;
                db.write(|tx| async move { people::add_leave(&tx, id, *leave).await }).await
            }
            What::Complete { score } => {
                let account = self.account(&person).await?;
                training::take(db, services, &person.id, item, *score).await?;
                self.flow.note_activity(&person.id, &nowhere::direct(&account), &account).await
            }
            What::Answer { correct } => self.answer(event, &person, *correct).await,
            What::Extend { due } => {
                let requirement = training::open_item(db, &person.id, item).await?;
                training::set_due(db, services, who, &requirement, *due, "operator", "extended in the simulation")
                    .await?;
                Ok(())
            }
            What::Exempt { until, reason } => {
                let requirement = training::open_item(db, &person.id, item).await?;
                training::exempt(db, services, who, &requirement, *until, "operator", reason).await?;
                Ok(())
            }
            What::Waive { reason } => {
                let requirement = training::open_item(db, &person.id, item).await?;
                training::waive(db, services, who, &requirement, "operator", reason).await?;
                Ok(())
            }
        }
    }

    async fn person(&self, employee_id: &str) -> Result<Person> {
        let found = self.db.read(|c| async move { people::by_employee_id(&c, employee_id).await }).await?;
        found.ok_or_else(|| Error::NotFound(format!("the person {employee_id} at that time")))
    }

    async fn account(&self, person: &Person) -> Result<Account> {
        let accounts = self.db.read(|c| async move { people::accounts_of(&c, &person.id).await }).await?;
        let first = accounts.into_iter().next().map(Account::from);
        first.ok_or_else(|| Error::NotFound(format!("an account of {}", person.name)))
    }

    /// The person presses an answer under the newest message that has a question left.
    async fn answer(&self, event: &Event, person: &Person, correct: bool) -> Result<()> {
        let item = event.item.as_deref();
        let open = self.db.read(|c| async move { lessons::open_question(&c, &person.id, item).await }).await?;
        let open = open.ok_or_else(|| Error::NotFound("a question that waits for an answer".into()))?;
        let account = self.account(person).await?;
        let envelope = Envelope {
            key: format!("simulation/{}", event.line),
            at: event.at,
            account,
            event: Said::Action {
                command: format!("learn answer {} {}", open.attempt, open.option(correct)),
                message: open.message,
            },
            place: open.place,
        };
        match self.flow.accept(envelope).await? {
            Opened::Stored => Ok(()),
            Opened::Form(_) | Opened::Errors(_) | Opened::Repeated => Err(Error::invalid("the answer was not taken")),
        }
    }
}
