//! Writing a backup: one snapshot, streamed.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::{End, FORMAT, Forgotten, Header, Keys, Store, Summary, Table, keys, keys_of};
use crate::db::{Engine, Keep, TABLES, Value, tables};
use crate::ledger::Tombstones;
use crate::{Conn, Db, Error, Result, args, folder_of};

/// Writes a backup of the whole store to `file` and its keys to `FILE.keys`, while the server may run. Both appear under
/// their names when they are whole.
///
/// # Errors
/// When a file cannot be written, or one is there already; the database's error.
pub async fn backup(db: &Db, file: &Path) -> Result<Summary> {
    let keys = keys_of(file);
    for taken in [file, &keys] {
        if taken.exists() {
            return Err(Error::invalid(format!("{} is there already: choose another name", taken.display())));
        }
    }
    let part = Part::new(file)?;
    let keys_part = Part::new(&keys)?;
    let schema = db.schema_version().await?;
    let header = Header {
        stoa: "backup".into(),
        format: FORMAT,
        schema,
        made: db.clock().now(),
        id: db.clock().id().to_string(),
    };
    let head = &header;
    let (out, keys_out) = (part.open()?, keys_part.open()?);
    let rows = db.read(|conn| async move { write(&conn, head, out, keys_out).await }).await?;
    part.keep()?;
    keys_part.keep()?;
    Ok(Summary { header, rows })
}

pub(super) async fn write(conn: &Conn, header: &Header, out: File, mut keys: File) -> Result<BTreeMap<String, u64>> {
    if conn.engine() == Engine::Postgres {
        // A large table takes longer than a statement of the server may, and so does the disk between two of them.
        for limit in ["SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0"] {
            conn.all(limit, args![]).await?;
        }
    }
    let mut lines = Lines { out: GzEncoder::new(BufWriter::new(out), Compression::fast()), digest: Sha256::new() };
    lines.put(&serde_json::to_value(header)?)?;
    let mut rows = BTreeMap::new();
    for (table, _) in TABLES.iter().filter(|(_, keep)| *keep == Keep::Rows) {
        let columns = tables::columns(conn, table).await?;
        lines.put(&serde_json::to_value(Table { table: (*table).to_owned(), columns: columns.clone() })?)?;
        let mut count = 0u64;
        tables::each(conn, table, &columns, |values| {
            count += 1;
            lines.put(&Json::Array(values.into_iter().map(json_of).collect()))
        })
        .await?;
        rows.insert((*table).to_owned(), count);
    }
    let sha256 = crate::hex(lines.digest.clone().finalize().iter());
    lines.put(&serde_json::to_value(End { rows: rows.clone(), sha256 })?)?;
    let out =
        lines.out.finish().and_then(|w| w.into_inner().map_err(std::io::IntoInnerError::into_error)).map_err(io)?;
    out.sync_all().map_err(io)?;
    let erased = conn.all("SELECT person, at FROM erasure ORDER BY at, person", args![]).await?;
    let erased = erased.iter().map(|r| Ok((r.get("person")?, r.get("at")?))).collect::<Result<_>>()?;
    let list = Keys {
        stoa: "keys".into(),
        format: keys::FORMAT,
        backup: header.id.clone(),
        store: Store::read(conn).await?,
        made: header.made,
        erased,
        keys: keys::person_keys(conn).await?,
        forgotten: forgotten(conn).await?,
        sha256: None,
    };
    keys.write_all(&list.text()?).and_then(|()| keys.sync_all()).map_err(io)?;
    Ok(rows)
}

/// What tombstones say was erased, and not what is merely gone; all that is gone where a tombstone cannot be read any more.
async fn forgotten(conn: &Conn) -> Result<Vec<Forgotten>> {
    let tombstones = match Tombstones::read(conn).await {
        Ok(tombstones) => Some(tombstones),
        Err(Error::Conflict(_)) => None,
        Err(e) => return Err(e),
    };
    let sql =
        "SELECT DISTINCT r.subject, r.version, r.position FROM ledger_value v JOIN ledger_record r ON r.id = v.record
               WHERE v.erased IS NOT NULL ORDER BY r.subject, r.version";
    let mut newest: BTreeMap<String, i64> = BTreeMap::new();
    for row in conn.all(sql, args![]).await? {
        let (subject, position): (String, i64) = (row.get("subject")?, row.get("position")?);
        if tombstones.as_ref().is_none_or(|all| all.cover(&subject, position)) {
            newest.insert(subject, row.get("version")?);
        }
    }
    Ok(newest.into_iter().map(|(subject, version)| Forgotten { subject, version }).collect())
}

struct Lines {
    out: GzEncoder<BufWriter<File>>,
    digest: Sha256,
}

impl Lines {
    fn put(&mut self, line: &Json) -> Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.digest.update(&text);
        self.out.write_all(&text).map_err(io)
    }
}

fn json_of(value: Value) -> Json {
    match value {
        Value::Text(v) => v.into(),
        Value::Int(v) => v.into(),
        Value::Real(v) => v.into(),
        Value::Bytes(v) => v.map_or(Json::Null, |bytes| json!({"base64": STANDARD.encode(bytes)})),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn io(e: std::io::Error) -> Error {
    Error::Io(format!("the backup could not be written: {e}"))
}

/// A file that appears under its name when it is whole, and not at all when something fails.
struct Part {
    part: PathBuf,
    name: PathBuf,
}

impl Part {
    fn new(name: &Path) -> Result<Self> {
        let mut part = name.as_os_str().to_owned();
        part.push(".part");
        Ok(Self { part: part.into(), name: name.to_owned() })
    }

    /// For the owner's eyes only.
    fn open(&self) -> Result<File> {
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.part);
        opened.map_err(|e| Error::Io(format!("{} cannot be written: {e}", self.part.display())))
    }

    fn keep(&self) -> Result<()> {
        let kept = std::fs::rename(&self.part, &self.name);
        kept.map_err(|e| Error::Io(format!("{} cannot be written: {e}", self.name.display())))?;
        File::open(folder_of(&self.name)).and_then(|dir| dir.sync_all()).map_err(io)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Where it was kept there is none of this name any more.
        let _ = std::fs::remove_file(&self.part);
    }
}
