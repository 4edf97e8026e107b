//! Reading a backup: first as a whole, then again into an empty store.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::GzDecoder;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::needs::Needs;
use super::{Due, End, FORMAT, Header, Keys, Summary, Table};
use crate::db::{Engine, Keep, Kind, Opening, TABLES, Value, tables};
use crate::ledger::Master;
use crate::{Clock, Db, Error, Result, Tx, args, folder_of};

/// The longest line that is read.
const LINE: u64 = 256 * 1024 * 1024;

/// How many rows are written with one statement.
const CHUNK: usize = 200;

/// A backup that was read to its end, with a keys file that goes with it.
pub struct Checked<'a> {
    file: &'a Path,
    keys: &'a Keys,
    needs: Needs,
    /// What is in it.
    pub summary: Summary,
    /// What a restore of it has to erase again: who was erased after it was made, and subjects of the ledger.
    pub due: Due,
}

/// Reads a backup to its end, and looks whether the keys file goes with it.
///
/// # Errors
/// One sentence: the backup cannot be read, is cut off, was changed, or was made by a newer program; the keys file is older
/// than it, of another store, or lacks a key that the backup needs.
pub fn check<'a>(file: &'a Path, keys: &'a Keys) -> Result<Checked<'a>> {
    let (summary, needs) = read(file)?;
    let header = &summary.header;
    needs.met_by(keys, header)?;
    let since = keys.erased.iter().filter(|(_, at)| *at >= header.made).map(|(person, _)| person.clone());
    let due = Due { people: since.collect(), subjects: keys.forgotten.iter().cloned().collect() };
    Ok(Checked { file, keys, needs, summary, due })
}

fn read(file: &Path) -> Result<(Summary, Needs)> {
    let mut reader = Reader::open(file)?;
    let header = reader.header()?;
    let mut rows = BTreeMap::new();
    let mut needs = Needs::default();
    loop {
        match reader.next()? {
            Line::Table(table) => {
                if !TABLES.iter().any(|(known, _)| *known == table.table) {
                    return Err(
                        reader.bad(&format!("it has a table '{}' that this program does not know", table.table))
                    );
                }
                if rows.insert(table.table, 0u64).is_some() {
                    return Err(reader.bad("a table stands in it twice"));
                }
            }
            Line::Row(values) => match (reader.table.as_ref(), &values) {
                (Some(table), Json::Array(values)) if values.len() == table.columns.len() => {
                    for (value, (_, kind)) in values.iter().zip(&table.columns) {
                        value_of(value, *kind).ok_or_else(|| reader.bad("a value is not of its column's type"))?;
                    }
                    needs.take(table, values);
                    *rows.entry(table.table.clone()).or_default() += 1;
                }
                _ => return Err(reader.bad("a row does not fit its table")),
            },
            Line::End(end) => {
                if end.rows != rows {
                    return Err(reader.bad("rows are missing"));
                }
                return Ok((Summary { header, rows }, needs));
            }
        }
    }
}

impl Checked<'_> {
    /// Refuses a keys file of which this master key does not unwrap every key that was not destroyed.
    ///
    /// # Errors
    /// One sentence: it is not the master key of the backup's store, or a key was changed.
    pub fn opens_with(&self, master: &Master) -> Result<()> {
        if self.needs.store.master.as_ref().is_some_and(|name| *name != master.name()) {
            return Err(Error::invalid(
                "[evidence] master_key_file is not the key of the backup's store: put the right file there. Nothing was \
                 restored",
            ));
        }
        if !self.keys.keys.iter().all(|key| master.unwraps(key)) {
            return Err(Error::invalid(
                "a person's key in the keys file cannot be unwrapped with [evidence] master_key_file: the keys file was \
                 changed or damaged. Nothing was restored",
            ));
        }
        Ok(())
    }
}

/// Restores a backup into a store that does not exist yet. What has to be erased again is written down in the store
/// ([`Db::due_erasures`]): the caller erases it before anybody is served.
///
/// # Errors
/// [`Error::Conflict`] when there is a store already. Nothing is written then. After a failure in the middle the target can
/// be restored into again (SQLite), or must be emptied first (PostgreSQL; nothing opens it).
pub async fn restore(url: &str, backup: &Checked<'_>, clock: Clock) -> Result<()> {
    let schema = backup.summary.header.schema;
    match Engine::of(url) {
        Some(Engine::Sqlite) => {
            let path = PathBuf::from(url.trim_start_matches("sqlite://"));
            // A journal of another file would be played into this one.
            if let Some(found) = files_of(&path).into_iter().find(|file| file.exists()) {
                let name = path.display();
                return Err(Error::Conflict(format!(
                    "there is a store already, or a part of one: {}. Move {name}, {name}-wal and {name}-shm away first; a \
                     restore never writes over data",
                    found.display()
                )));
            }
            let mut part = path.clone().into_os_string();
            part.push(".restoring");
            let part = PathBuf::from(part);
            remove(&part)?;
            let db = Db::open_as(&format!("sqlite://{}", part.display()), clock, Opening::scratch(schema)).await?;
            fill(&db, backup).await?;
            db.close().await;
            put_in_place(&part, &path)?;
        }
        _ => {
            let db = Db::open_as(url, clock, Opening::restoring(schema)).await?;
            fill(&db, backup).await?;
            db.close().await;
        }
    }
    Ok(())
}

/// Gives a store that was filled and closed its name.
fn put_in_place(part: &Path, path: &Path) -> Result<()> {
    let io = |e: std::io::Error| Error::Io(format!("{} cannot be written: {e}", path.display()));
    // What stands only in the log did not find its way into the file.
    if files_of(part)[1..].iter().any(|file| std::fs::metadata(file).is_ok_and(|file| file.len() > 0)) {
        remove(part)?;
        return Err(Error::Io(format!(
            "{} cannot be written as a whole: the disk is full or broken. Nothing was restored",
            path.display()
        )));
    }
    File::open(part).and_then(|f| f.sync_all()).map_err(io)?;
    std::fs::rename(part, path).map_err(io)?;
    File::open(folder_of(path)).and_then(|dir| dir.sync_all()).map_err(io)?;
    remove(part)
}

/// Removes what a restore that was cut off left behind.
fn remove(part: &Path) -> Result<()> {
    for path in files_of(part).iter().filter(|path| path.exists()) {
        std::fs::remove_file(path).map_err(|e| Error::Io(format!("{} cannot be removed: {e}", path.display())))?;
    }
    Ok(())
}

/// The files that SQLite keeps for a database: its own, and those of what is under way.
fn files_of(path: &Path) -> [PathBuf; 4] {
    ["", "-wal", "-shm", "-journal"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}

async fn fill(db: &Db, backup: &Checked<'_>) -> Result<()> {
    let mut reader = Reader::open(backup.file)?;
    reader.header()?;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    loop {
        let line = reader.next()?;
        let full = !matches!(line, Line::Row(_)) || rows.len() == CHUNK;
        if let (true, Some(table)) = (full, reader.before.take().or_else(|| reader.table.clone())) {
            load(db, &table, std::mem::take(&mut rows)).await?;
        }
        match line {
            Line::Row(Json::Array(values)) => {
                let kinds = reader.table.iter().flat_map(|t| t.columns.iter().map(|(_, kind)| *kind));
                rows.push(values.iter().zip(kinds).filter_map(|(v, kind)| value_of(v, kind)).collect());
            }
            Line::Row(_) | Line::Table(_) => {}
            Line::End(_) => break,
        }
    }
    db.finish_restore(backup.keys, &backup.due).await
}

async fn load(db: &Db, table: &Table, rows: Vec<Vec<Value>>) -> Result<()> {
    // A table that this program keeps no more, or keeps elsewhere, is left out.
    if !TABLES.iter().any(|(name, keep)| *name == table.table && *keep == Keep::Rows) {
        return Ok(());
    }
    let rows = &rows;
    db.write_by_key(|tx| async move { tables::load(&tx, &table.table, &table.columns, rows).await }).await
}

impl Db {
    /// What follows the rows: numbers go on behind them, leases are void, what may have been sent after the backup is looked
    /// for before it is sent again, and the schema is brought up to date.
    async fn finish_restore(&self, keys: &Keys, due: &Due) -> Result<()> {
        self.migrate().await?;
        self.write_by_key(|tx| async move {
            tables::renumber(&tx).await?;
            tx.exec("UPDATE inbox SET lease_until = 0 WHERE state = 'new'", args![]).await?;
            tx.exec("UPDATE outbox SET lease_until = 0 WHERE state = 'sending'", args![]).await?;
            tx.exec("UPDATE outbox SET attempts = 1 WHERE state = 'queued' AND attempts = 0", args![]).await?;
            for (person, at) in &keys.erased {
                let sql = "INSERT INTO erasure (person, at) VALUES ($1, $2) ON CONFLICT (person, at) DO NOTHING";
                tx.exec(sql, args![person, *at]).await?;
            }
            restore_keys(&tx, keys).await?;
            due.write_down(&tx).await
        })
        .await?;
        self.number_all().await?;
        crate::xapi::store::complete_all(self).await?;
        self.restored().await
    }
}

/// People's keys; and what was erased after the backup was made is erased again.
async fn restore_keys(tx: &Tx, keys: &Keys) -> Result<()> {
    for key in &keys.keys {
        let damaged = || Error::invalid("the keys file is damaged: a key in it cannot be read");
        let wrapped = key.wrapped.as_ref().map(|text| STANDARD.decode(text).map_err(|_| damaged())).transpose()?;
        tx.exec(
            "INSERT INTO ledger_key (id, person, wrapped, made, destroyed) VALUES ($1, $2, $3, $4, $5)",
            args![&key.id, &key.person, wrapped, key.made, key.destroyed],
        )
        .await?;
    }
    let erase = "UPDATE ledger_value SET body = NULL, erased = $1 WHERE erased IS NULL AND ";
    for gone in &keys.forgotten {
        let sql = format!("{erase} record IN (SELECT id FROM ledger_record WHERE subject = $2 AND version <= $3)");
        tx.exec(sqlx::AssertSqlSafe(sql), args![tx.now(), &gone.subject, gone.version]).await?;
    }
    let sql = format!("{erase} sealed_by IN (SELECT id FROM ledger_key WHERE destroyed IS NOT NULL)");
    // Made of constants.
    tx.exec(sqlx::AssertSqlSafe(sql), args![tx.now()]).await?;
    Ok(())
}

/// One line.
enum Line {
    Table(Table),
    Row(Json),
    End(End),
}

struct Reader {
    name: String,
    lines: BufReader<GzDecoder<BufReader<File>>>,
    digest: Sha256,
    /// The table whose rows come now.
    table: Option<Table>,
    /// The table whose rows have just ended.
    before: Option<Table>,
}

impl Reader {
    fn open(file: &Path) -> Result<Self> {
        let opened = File::open(file).map_err(|e| Error::Io(format!("{} cannot be read: {e}", file.display())))?;
        Ok(Self {
            name: file.display().to_string(),
            lines: BufReader::new(GzDecoder::new(BufReader::new(opened))),
            digest: Sha256::new(),
            table: None,
            before: None,
        })
    }

    fn bad(&self, why: &str) -> Error {
        Error::invalid(format!("{} is no whole backup: {why}. Nothing was restored", self.name))
    }

    fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        let read = (&mut self.lines).take(LINE).read_until(b'\n', &mut line);
        match read {
            Ok(_) if line.ends_with(b"\n") => Ok(line),
            Ok(_) => Err(self.bad("it is cut off")),
            Err(e) => Err(self.unread(&e)),
        }
    }

    fn unread(&self, error: &std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.bad("it is cut off"),
            _ => self.bad("it is damaged, or of another kind"),
        }
    }

    /// Refuses what follows the last line, also behind the end of the stream.
    fn ends(&mut self) -> Result<()> {
        let read = match self.lines.read(&mut [0]) {
            Ok(0) => self.lines.get_mut().get_mut().fill_buf().map(<[u8]>::len),
            read => read,
        };
        match read {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.bad("something follows its end")),
            Err(e) => Err(self.unread(&e)),
        }
    }

    fn header(&mut self) -> Result<Header> {
        let line = self.line()?;
        let header: Header = serde_json::from_slice(&line).map_err(|_| self.bad("it does not begin like one"))?;
        if header.stoa != "backup" {
            return Err(self.bad("it does not begin like one"));
        }
        if header.format > FORMAT {
            return Err(Error::invalid(format!("{} was made by a newer program: use that one", self.name)));
        }
        if header.schema > crate::db::known_schema() {
            return Err(Error::NewerSchema { found: header.schema, known: crate::db::known_schema() });
        }
        self.digest.update(&line);
        Ok(header)
    }

    fn next(&mut self) -> Result<Line> {
        let line = self.line()?;
        let value: Json = serde_json::from_slice(&line).map_err(|_| self.bad("a line cannot be read"))?;
        let Json::Object(object) = value else {
            self.digest.update(&line);
            return Ok(Line::Row(value));
        };
        if object.contains_key("table") {
            let table: Table =
                serde_json::from_value(Json::Object(object)).map_err(|_| self.bad("a table cannot be read"))?;
            self.digest.update(&line);
            self.before = self.table.replace(table.clone());
            return Ok(Line::Table(table));
        }
        let end: End = serde_json::from_value(Json::Object(object)).map_err(|_| self.bad("a line cannot be read"))?;
        let sha256: String = crate::hex(self.digest.clone().finalize().iter());
        if end.sha256 != sha256 {
            return Err(self.bad("its digest is another one, so it was changed or damaged"));
        }
        self.ends()?;
        self.before = self.table.take();
        Ok(Line::End(end))
    }
}

fn value_of(value: &Json, kind: Kind) -> Option<Value> {
    Some(match (kind, value) {
        (kind, Json::Null) => kind.null(),
        (Kind::Text, Json::String(v)) => Value::Text(Some(v.clone())),
        (Kind::Int, v) => Value::Int(Some(v.as_i64()?)),
        (Kind::Real, v) => Value::Real(Some(v.as_f64()?)),
        (Kind::Bytes, Json::Object(v)) => Value::Bytes(Some(STANDARD.decode(v.get("base64")?.as_str()?).ok()?)),
        _ => return None,
    })
}
