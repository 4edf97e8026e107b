//! What the flow must know about the organisation: its zones, days, hours and the limits on nudges.

use stoa_ground::Instant;
use stoa_ground::people;
use stoa_ground::people::Person;
use stoa_ground::people::calendar::Calendar;

/// The organisation, from `[organisation]` and `[nudges]` in the configuration.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// Its name, as people know it.
    pub name: String,
    /// The base of all activity ids, without a slash at the end.
    pub iri: String,
    /// The calendar of people whose location is not listed.
    pub calendar: Calendar,
    /// Locations (their names in lower case) with a zone, working days and holidays of their own.
    pub locations: Vec<(String, Calendar)>,
    /// The limits on what is sent without being asked for.
    pub nudges: Nudges,
}

/// `[nudges]`: the limits that the arbiter keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nudges {
    /// Unsolicited messages a person gets on one day, over all kinds (N7).
    pub daily_budget: u32,
    /// The least time between two of them, in microseconds (N8).
    pub min_gap: i64,
    /// How long after the person's own activity nothing unsolicited is sent, in microseconds (N8).
    pub after_activity: i64,
    /// On how many different moments of a day unsolicited messages may come.
    pub windows: u32,
    /// After so many voluntary messages without any activity, voluntary ones pause (N10).
    pub pause_after_ignored: u32,
    /// How many unsolicited messages a day a person gets in the week after a leave (N9).
    pub ramp: u32,
}

impl Default for Nudges {
    fn default() -> Self {
        Self {
            daily_budget: 2,
            min_gap: 3 * Instant::HOUR,
            after_activity: Instant::HOUR,
            windows: 3,
            pause_after_ignored: 5,
            ramp: 1,
        }
    }
}

impl Organisation {
    /// The calendar that holds for a person: days and holidays of the location, in the person's own zone.
    #[must_use]
    pub fn calendar(&self, person: &Person) -> Calendar {
        let location = person.location.as_ref().map(|l| l.to_lowercase());
        let found = self.locations.iter().find(|(name, _)| Some(name) == location.as_ref());
        found.map_or(&self.calendar, |(_, calendar)| calendar).in_zone(people::zone(person))
    }
}
