//! The tables of lessons.

mod answers;
mod drops;
mod scheduled;
mod tracks;

pub(super) use answers::*;
pub(super) use drops::*;
pub(super) use scheduled::*;
pub(super) use tracks::*;

use jiff::civil::{Date, Time};
use stoa_ground::people::calendar::{parse_date, parse_time};
use stoa_ground::{Error, Result, Row};

/// When a track's time cannot be read, which the check of its folder prevents.
const USUAL_TIME: Time = Time::constant(9, 30, 0, 0);

fn time(row: &Row, column: &str) -> Result<Time> {
    Ok(parse_time(&row.get::<String>(column)?).unwrap_or(USUAL_TIME))
}

fn date(row: &Row, column: &str) -> Result<Date> {
    let text: String = row.get(column)?;
    parse_date(&text).ok_or_else(|| Error::invalid(format!("'{text}' in column {column} is not a date")))
}
