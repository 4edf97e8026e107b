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

use super::{Due, End, FORMAT, Header, Keys, Summary, Table};
use crate::db::{Engine, Keep, Kind, Opening, TABLES, Value, tables};
use crate::{Clock, Db, Error, Result, Tx, args, folder_of};

/// The longest line that is read.
const LINE: u64 = 256 * 1024 * 1024;

/// How many rows are written with one statement.
const CHUNK: usize = 200;

/// Reads a backup to its end and says what is in it.
///
/// # Errors
/// One sentence: it cannot be read, is cut off, was changed, or was made by a newer program.
pub fn check(file: &Path) -> Result<Summary> {
    let mut reader = Reader::open(file)?;
    let header = reader.header()?;
    let mut rows = BTreeMap::new();
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
                    *rows.entry(table.table.clone()).or_default() += 1;
                }
                _ => return Err(reader.bad("a row does not fit its table")),
            },
            Line::End(end) => {
                if end.rows != rows {
                    return Err(reader.bad("rows are missing"));
                }
                return Ok(Summary { header, rows });
            }
        }
    }
}

/// Reads `FILE.keys`.
///
/// # Errors
/// One sentence: it cannot be read, or is of another kind.
pub fn read_keys(file: &Path) -> Result<Keys> {
    let text = std::fs::read(file).map_err(|e| Error::Io(format!("{} cannot be read: {e}", file.display())))?;
    let keys: Keys = serde_json::from_slice(&text)
        .map_err(|_| Error::invalid(format!("{} is not the keys file of a backup, or is cut off", file.display())))?;
    if keys.stoa != "keys" || keys.format > FORMAT {
        return Err(Error::invalid(format!("{} was written by a newer program", file.display())));
    }
    Ok(keys)
}

/// What a restore of this backup has to erase again: who was erased after it was made, and subjects of the ledger.
///
/// # Errors
/// One sentence: the backup cannot be read or was made by a newer program, or the keys file is older than it.
pub fn due(file: &Path, keys: &Keys) -> Result<Due> {
    let header = Reader::open(file)?.header()?;
    if keys.backup != header.id && keys.made < header.made {
        return Err(Error::invalid(
            "the keys file is older than the backup: use the one that was written with it, or a newer one",
        ));
    }
    let since = keys.erased.iter().filter(|(_, at)| *at >= header.made).map(|(person, _)| person.clone());
    Ok(Due { people: since.collect(), subjects: keys.forgotten.iter().cloned().collect() })
}

/// Restores a backup into a store that does not exist yet. What has to be erased again is written down in the store
/// ([`Db::due_erasures`]): the caller erases it before anybody is served.
///
/// # Errors
/// As [`check`] and [`due`]; [`Error::Conflict`] when there is a store already. Nothing is written then. After a failure in
/// the middle the target can be restored into again (SQLite), or must be emptied first (PostgreSQL; nothing opens it).
pub async fn restore(url: &str, file: &Path, keys: &Keys, clock: Clock) -> Result<Summary> {
    let summary = check(file)?;
    let due = due(file, keys)?;
    let schema = summary.header.schema;
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
            fill(&db, file, keys, &due).await?;
            db.close().await;
            put_in_place(&part, &path)?;
        }
        _ => {
            let db = Db::open_as(url, clock, Opening::restoring(schema)).await?;
            fill(&db, file, keys, &due).await?;
            db.close().await;
        }
    }
    Ok(summary)
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

async fn fill(db: &Db, file: &Path, keys: &Keys, due: &Due) -> Result<()> {
    let mut reader = Reader::open(file)?;
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
    db.finish_restore(keys, due).await
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
    for subject in &keys.forgotten {
        let sql = format!("{erase} record IN (SELECT id FROM ledger_record WHERE subject = $2)");
        tx.exec(sqlx::AssertSqlSafe(sql), args![tx.now(), subject]).await?;
    }
    let sql = format!(
        "{erase} sealed_by IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM ledger_key k WHERE k.id = ledger_value.sealed_by AND k.wrapped IS NOT NULL)"
    );
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
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Err(self.bad("it is cut off")),
            Err(_) => Err(self.bad("it is damaged, or of another kind")),
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
        let mut rest = [0u8; 1];
        if !matches!(self.lines.read(&mut rest), Ok(0)) {
            return Err(self.bad("something follows its end"));
        }
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
