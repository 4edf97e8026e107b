//! Bringing the store up to date with a folder of tracks.

use std::path::Path;

use stoa_ground::people;
use stoa_ground::{Db, Error, Result};

use super::folder::{Checked, Problem, TrackDraft, check_dir};
use super::store;
use crate::library::{self, Item, Section};

/// The source of lessons in the library.
const SOURCE: &str = "lessons";

/// What was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Tracks that stand as their folders say.
    pub tracks: usize,
    /// New lessons.
    pub added: usize,
    /// Lessons with another content.
    pub changed: usize,
    /// Lessons that are gone: nothing of them is sent any more, and they are kept.
    pub removed: usize,
    /// What is odd and did not stop it.
    pub warnings: Vec<Problem>,
}

/// Checks a folder of tracks and lets the tracks stand as it says. Contents are kept first and switched to afterwards,
/// track by track, so that no track is ever half new. Tracks that the folder does not have stay as they are.
///
/// # Errors
/// [`Error::Invalid`] with all errors of [`check_dir`], one a line, when there are any: nothing is changed then. The
/// database's error.
pub async fn apply_dir(db: &Db, dir: &Path) -> Result<Applied> {
    let Checked { tracks, errors, warnings } = check_dir(dir);
    if !errors.is_empty() {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Err(Error::Invalid(lines.join("\n")));
    }
    let mut applied = Applied { tracks: tracks.len(), warnings, ..Applied::default() };
    for track in &tracks {
        apply_track(db, track, &mut applied).await?;
    }
    Ok(applied)
}

async fn apply_track(db: &Db, track: &TrackDraft, applied: &mut Applied) -> Result<()> {
    let keep = db.write_each(&track.lessons, |tx, lesson| async move {
        store::keep_version(&tx, &lesson.id, &lesson.content).await
    });
    let versions = &keep.await?;
    let (switched, unknown_owner) = db
        .write(|tx| async move {
            let owner = match &track.owner {
                Some(id) => people::by_employee_id(&tx, id).await?.is_none().then(|| id.clone()),
                None => None,
            };
            Ok((store::switch_track(&tx, track, versions).await?, owner))
        })
        .await?;
    if let Some(id) = unknown_owner {
        let text = format!("owner '{id}' is nobody's employee id; import the roster, or name somebody else");
        applied.warnings.push(Problem { file: format!("{}/track.toml", track.id), line: None, text });
    }
    db.write_each(&track.lessons, |tx, lesson| async move {
        if track.retired {
            return library::retire(&tx, SOURCE, &lesson.id, "the track is retired").await.map(drop);
        }
        let item = Item {
            source: SOURCE.into(),
            location: lesson.id.clone(),
            title: lesson.content.title.clone(),
            language: track.language.clone(),
            owner: track.owner.clone(),
            keywords: track.title.clone(),
            readers: vec!["everyone".into()],
            verified: true,
            sections: vec![Section { text: lesson.content.body.clone(), ..Section::default() }],
            ..Item::default()
        };
        library::put(&tx, &item).await.map(drop)
    })
    .await?;
    let gone = &switched.removed;
    db.write_each(gone, |tx, id| async move {
        library::retire(&tx, SOURCE, id, "the lesson is gone from its track").await.map(drop)
    })
    .await?;
    applied.added += switched.added;
    applied.changed += switched.changed;
    applied.removed += gone.len();
    Ok(())
}
