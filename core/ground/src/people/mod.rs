//! People: who works here, under which accounts they write, what they may do, when they are away.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Whether a person works here now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// At work.
    Active,
    /// On leave: clocks stop, nothing unsolicited is sent.
    Leave,
    /// No longer here: gets nothing, is recommended to nobody, and stays in the evidence.
    Left,
}

/// A person, as the roster has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Our id (UUID). Never shown.
    pub id: String,
    /// The organisation's stable id of the person.
    pub employee_id: String,
    /// Display name, cleaned of control characters and direction overrides.
    pub name: String,
    /// E-mail address, if known.
    pub email: Option<String>,
    /// IANA zone; the location's or the organisation's when the roster has none.
    pub timezone: String,
    /// BCP 47 tag, for example `en` or `de-AT`.
    pub locale: String,
    /// The manager's person id.
    pub manager: Option<String>,
    /// Job title.
    pub title: Option<String>,
    /// Department.
    pub department: Option<String>,
    /// Name of a location in `[[organisation.locations]]`, or free text.
    pub location: Option<String>,
    /// ISO 3166-1 code as given.
    pub country: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// For example `employee` or `contractor`.
    pub worker_type: Option<String>,
    /// First day of work.
    pub hire_date: Option<Date>,
    /// Whether the person works here now.
    pub status: Status,
    /// First day of leave, inclusive.
    pub leave_from: Option<Date>,
    /// Last day of leave, inclusive.
    pub leave_to: Option<Date>,
}
