//! Whether the reports of a pack agree with each other, and with the records of the log that they are about.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use stoa_ground::Instant;

use super::super::pack::{self, Considered, Manifest, Report};
use super::names::Names;
use super::{Bad, Checked, Pack, Proof, asked, claims, rows, tampered};

/// Checks JSON, CSV, PDF and records; gives what was found.
pub(super) fn check(files: &Pack, report: &Report, proof: &Proof) -> Checked<Vec<String>> {
    let population: Vec<Considered> = files.json("population.json")?;
    if report.csv() != files.text("report.csv")? {
        return tampered("report.csv and report.json do not agree");
    }
    if Report::over(report.rows.clone()) != *report {
        return tampered("report.json does not count what it lists");
    }
    let listed = population.iter().try_fold(0_u64, |sum, person| sum.checked_add(person.assignments));
    if listed != Some(report.rows.len() as u64) {
        return tampered("population.json and report.json do not agree");
    }
    pdf(files)?;
    let names = &mut Names::of(proof);
    rows::check(files, report, proof, names)?;
    let changes = rows::changes(files, proof, names)?;
    let asked = asked::check(files, proof, names)?;
    let within = claims::check(report, &population, proof)?;
    let percent = if report.percent.is_empty() { String::new() } else { format!(" ({} %)", report.percent) };
    let mut found = vec![
        format!("JSON, CSV and PDF agree: {} of {} completed{percent}", report.completed, report.denominator),
        format!("{} assignments are reported as their records say", report.rows.len()),
    ];
    found.extend(changes);
    found.extend([asked, within]);
    Ok(found)
}

/// Whether the PDF says that it shows these files of this pack, and no others. Of earlier releases it shows two of them, and
/// there may be no changes.
fn pdf(files: &Pack) -> Checked<()> {
    let pdf = files.bytes("report.pdf")?;
    if !pdf.starts_with(b"%PDF-") {
        return tampered("report.pdf is no PDF");
    }
    for (n, file) in pack::SHOWN.into_iter().enumerate() {
        if file == pack::CHANGES && !files.0.contains_key(file) {
            continue;
        }
        let shows = pack::shows(file, &stoa_ground::sha256(files.bytes(file)?));
        let begins = pack::shows(file, "");
        let (begins, shows) = (begins.as_bytes(), shows.as_bytes());
        let named = |window: &&[u8]| window.starts_with(begins);
        let mut found = pdf.windows(shows.len()).filter(named).peekable();
        if (n < 2 && found.peek().is_none()) || found.any(|window| window != shows) {
            return tampered(format!("report.pdf shows another {file}"));
        }
    }
    Ok(())
}

/// By how many microseconds two zones may differ, or what two databases of zones say about one.
const APART: i64 = 26 * Instant::HOUR;

/// Whether the period is that of the days of the scope; gives what was found. A zone may have got another law since the pack
/// was made: where the databases of zones differ, nothing is said.
pub(super) fn period(manifest: &Manifest) -> Checked<String> {
    let days = [manifest.scope.from, manifest.scope.to.and_then(|day| day.tomorrow().ok())];
    let known = TimeZone::get(&manifest.zone).ok().filter(|zone| zone.iana_name() == Some(manifest.zone.as_str()));
    let zone = known.clone().unwrap_or(TimeZone::UTC);
    let begins = |day: Date| {
        let midnight = zone.to_ambiguous_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
        midnight.compatible().ok().map(|instant| Instant::from(instant).0)
    };
    let mut same = true;
    for (day, said) in days.into_iter().zip([manifest.period.0, manifest.period.1]) {
        let here = day.and_then(begins);
        same &= here == said;
        let near = here.zip(said).is_some_and(|(here, said)| {
            said.checked_sub(here).is_some_and(|apart| apart.abs() <= APART && apart % Instant::SECOND == 0)
        });
        if here != said && !near {
            return tampered("manifest.json: its period is not that of its days");
        }
    }
    let zone = &manifest.zone;
    match known {
        None if days != [None, None] => {
            Err(Bad::Unknown(format!("the zone {zone} is not known here, so nothing is said of the period")))
        }
        Some(_) if !same => Err(Bad::Unknown(format!(
            "the days of the period begin at other instants in {zone} here than where the pack was made: compare the \
             databases of time zones"
        ))),
        _ => Ok("the period is that of the days of the scope".into()),
    }
}
