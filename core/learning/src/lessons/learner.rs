//! A person as a learner: calendar, day, and the settings that concern lessons.

use jiff::civil::{Date, Time};
use stoa_flow::Organisation;
use stoa_ground::people::calendar::{Calendar, parse_range, parse_time};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Conn, Instant, Result};

use super::plan::{self, Standing};

/// The setting that holds the person's own time for lessons.
const LESSON_TIME: &str = "lesson_time";
/// The setting that holds the person's own quiet hours.
const QUIET_HOURS: &str = "quiet_hours";
/// The setting that holds whether voluntary messages are paused.
const PAUSED: &str = "paused";
/// The setting that holds whether the person wants to see their streak.
pub const STREAK: &str = "lesson_streak";

/// When lessons come to somebody without a track.
const USUAL_TIME: Time = Time::constant(9, 30, 0, 0);

/// A person as a learner, at one instant.
pub struct Learner {
    /// The person.
    pub person: Person,
    /// The person's calendar, own quiet hours included.
    pub calendar: Calendar,
    /// Now.
    pub now: Instant,
    /// The person's day.
    pub today: Date,
    /// When it began.
    pub began: Instant,
    /// Whether voluntary messages are paused.
    pub paused: bool,
    asked_time: Option<Time>,
    min_gap: i64,
}

impl Learner {
    /// Reads what concerns the person now.
    pub async fn of(conn: &Conn, organisation: &Organisation, person: &Person) -> Result<Self> {
        let settings = people::settings_of(conn, &person.id).await?;
        let mut calendar = organisation.calendar(person);
        // What cannot be read or leaves no time is refused where it is set; the organisation's holds then.
        if let Some(Ok(quiet)) = settings.get(QUIET_HOURS).map(|q| parse_range(q)) {
            calendar.keep_quiet(quiet);
        }
        let now = conn.now();
        let today = calendar.date(now);
        Ok(Self {
            person: person.clone(),
            now,
            today,
            began: calendar.at(today, Time::midnight()),
            paused: settings.get(PAUSED).is_some_and(|v| v == "yes"),
            asked_time: settings.get(LESSON_TIME).and_then(|t| parse_time(t).ok()),
            calendar,
            min_gap: organisation.nudges.min_gap,
        })
    }

    /// The time of day for the next lesson: the person's own, else its track's, moved into the hours in which the
    /// person may be written to.
    #[must_use]
    pub fn lesson_time(&self, standings: &[Standing]) -> Time {
        let track = plan::whose_turn(standings).or_else(|| standings.first()).map(|s| s.time);
        plan::fitting(&self.calendar, self.asked_time.or(track).unwrap_or(USUAL_TIME))
    }

    /// When the person's day is looked at next, for lessons that come at `time`.
    #[must_use]
    pub fn next_wake(&self, time: Time) -> Instant {
        plan::next_wake(&self.calendar, time, self.review_time(time), self.now)
    }

    /// The time of day for reviews on a day with a lesson at `time`.
    #[must_use]
    pub fn review_time(&self, time: Time) -> Time {
        plan::review_time(&self.calendar, time, self.min_gap)
    }

    /// Whether the person is away on a day: on leave, or no longer here.
    #[must_use]
    pub fn away(&self, date: Date) -> bool {
        people::away(&self.person, date)
    }

    /// Whether the person works on a day.
    #[must_use]
    pub fn works(&self, date: Date) -> bool {
        self.calendar.is_working_day(date) && !self.away(date)
    }

    /// When the next lesson comes by itself, after today; `None` while no end of the leave is known.
    #[must_use]
    pub fn next_lesson(&self, standings: &[Standing]) -> Option<Instant> {
        plan::whose_turn(standings)?;
        if self.person.status == Status::Left {
            return None;
        }
        let days = std::iter::successors(self.today.tomorrow().ok(), |d| d.tomorrow().ok());
        let day = days.take(800).find(|d| self.works(*d))?;
        Some(self.calendar.at(day, self.lesson_time(standings)))
    }
}
