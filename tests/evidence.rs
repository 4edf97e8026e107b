//! Evidence as an operator and an auditor meet it: the real binary, and another's library that checks its log.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use stoa_tests::{Server, stoa};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");

const CONFIG: &str = r#"
[organisation]
name = "Harbour & Pine"
iri = "https://learn.example.org"

[http]
listen = "127.0.0.1:0"

[evidence]
public = true
anchors = ["file:anchored.txt", "timestamp:stamps"]
"#;

fn roster(people: usize) -> String {
    let mut csv = "employee_id,name,email,manager_employee_id,timezone,stoa_roles\n".to_owned();
    for n in 0..people {
        csv += &format!("E{n},Person {n},p{n}@example.org,,UTC,{}\n", if n == 0 { "auditor" } else { "expert" });
    }
    csv
}

fn run(dir: &Path, args: &[&str]) -> Result<(bool, String)> {
    stoa_tests::run(STOA, dir, args)
}

fn fine(dir: &Path, args: &[&str]) -> Result<String> {
    let out = stoa(STOA, dir, args)?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    ensure!(out.status.success(), "{args:?}: {said}{}", String::from_utf8_lossy(&out.stderr));
    Ok(said)
}

#[test]
fn the_log_is_what_the_standards_say_and_a_library_by_others_finds_it_so() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    std::fs::write(dir.join("stoa.toml"), CONFIG)?;
    std::fs::write(dir.join("roster.csv"), roster(300))?;
    fine(dir, &["people", "import", "roster.csv"])?;
    let early = fine(dir, &["audit", "checkpoint"])?;
    std::fs::write(dir.join("early.txt"), &early)?;
    ensure!(early.starts_with("learn.example.org/evidence\n300\n"), "{early}");
    let key = fine(dir, &["audit", "key", "show", "--json"])?;
    let key: serde_json::Value = serde_json::from_str(key.lines().next().context("a key")?)?;
    let vkey = key["key"].as_str().context("a public key")?;

    let server = Server::start(STOA, dir, &["serve"])?;
    for n in 1..40 {
        fine(dir, &["people", "revoke", &format!("E{n}"), "expert", "--reason", "a test"])?;
    }
    let late = fine(dir, &["audit", "checkpoint"])?;
    ensure!(late.contains("\n340\n"), "{late}");
    let (status, served) = server.get("/evidence/checkpoint")?;
    ensure!(status == 200 && served == late, "{status}: {served}");
    let anchored = std::fs::read_to_string(dir.join("anchored.txt"))?;
    ensure!(anchored.contains(&early) && anchored.contains(&late), "{anchored}");
    ensure!(dir.join("stamps/340.tsq").exists());

    ensure!(server.get("/evidence/tile/0/002")?.0 == 404);

    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tlog/venv/bin/python");
    ensure!(
        python.exists(),
        "tests/run installs aics-tlog: python3 -m venv tests/tlog/venv && tests/tlog/venv/bin/pip install \
         --ignore-requires-python aics-tlog==0.2.1"
    );
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tlog/check.py");
    let url = format!("{}/evidence", server.url.trim_end_matches('/'));
    let out = Command::new(python).arg(check).args([&url, vkey]).arg(dir.join("early.txt")).output()?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    ensure!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    let report: serde_json::Value = serde_json::from_str(&said)?;
    ensure!(report["size"] == 340 && report["bundles"] == 2 && report["formats"] == serde_json::json!([2]), "{said}");

    // The request for a time stamp is what another's program understands.
    let shown =
        Command::new("openssl").args(["ts", "-query", "-in", "stamps/340.tsq", "-text"]).current_dir(dir).output()?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    ensure!(shown.contains("sha256") && shown.contains("Certificate required: yes"), "{shown}");
    Ok(())
}

#[test]
fn the_log_is_for_auditors_and_a_test_says_that_it_is_one() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    let config = CONFIG.replace("public = true", "public = false");
    std::fs::write(dir.join("stoa.toml"), config)?;
    let server = Server::start(STOA, dir, &["serve", "--clock", "manual"])?;
    let (status, said) = server.get("/evidence/checkpoint")?;
    ensure!(status == 401, "{status}: {said}");
    let said = fine(dir, &["audit", "checkpoint"])?;
    ensure!(said.starts_with("learn.example.org/evidence/test\n"), "{said}");
    Ok(())
}

#[test]
fn keys_are_made_for_their_owner_alone_rotated_in_a_chain_and_never_mistaken() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    std::fs::write(dir.join("stoa.toml"), CONFIG)?;
    fine(dir, &["audit", "checkpoint"])?;
    let used = dir.join("stoa-data/evidence/signing.key");
    for file in [&used, &dir.join("stoa-data/evidence/master.key")] {
        ensure!(std::fs::metadata(file)?.permissions().mode() & 0o777 == 0o600, "{}", file.display());
    }
    fine(dir, &["audit", "key", "create", "next.key"])?;
    let (ok, said) = run(dir, &["audit", "key", "create", "next.key"])?;
    ensure!(!ok && said.contains("is there already"), "{said}");
    fine(dir, &["audit", "key", "rotate", "next.key", "--reason", "yearly"])?;
    let keys = fine(dir, &["audit", "key", "show"])?;
    ensure!(keys.lines().count() == 2 && keys.contains("rotated"), "{keys}");
    fine(dir, &["audit", "checkpoint"])?;
    // Somebody puts a key of their own in its place.
    std::fs::remove_file(&used)?;
    let (ok, said) = run(dir, &["audit", "checkpoint"])?;
    ensure!(!ok && said.contains("is missing"), "{said}");
    fine(dir, &["--config", "stoa.toml", "audit", "key", "show"]).err().context("nothing works without the key")?;
    std::fs::write(
        dir.join("other.toml"),
        CONFIG.replace("public = true", "public = true\nsigning_key_file = \"other.key\""),
    )?;
    std::fs::copy(dir.join("stoa-data/evidence/signing.key.old"), dir.join("other.key"))?;
    let (ok, said) = run(dir, &["--config", "other.toml", "audit", "checkpoint"])?;
    ensure!(!ok && said.contains("holds another key"), "{said}");
    // The lost key is said to be lost, for everybody to see.
    fine(dir, &["--config", "other.toml", "audit", "key", "lost", "--reason", "the disk is gone"])?;
    fine(dir, &["--config", "other.toml", "audit", "checkpoint"])?;
    let keys = fine(dir, &["--config", "other.toml", "audit", "key", "show"])?;
    ensure!(keys.lines().last().is_some_and(|line| line.contains("lost")), "{keys}");
    // The master key is as strict.
    std::fs::remove_file(dir.join("stoa-data/evidence/master.key"))?;
    let (ok, said) = run(dir, &["--config", "other.toml", "doctor"])?;
    ensure!(!said.contains("panicked"), "{ok} {said}");
    let (ok, said) = run(dir, &["--config", "other.toml", "audit", "holds"])?;
    ensure!(!ok && said.contains("master_key_file") && said.contains("is missing"), "{said}");
    Ok(())
}

#[test]
fn records_are_held_kept_and_erased_as_the_rules_say() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    let rules = "\n[[evidence.retention]]\nclass = \"access\"\nyears = 0\n";
    std::fs::write(dir.join("stoa.toml"), format!("{CONFIG}{rules}"))?;
    std::fs::write(dir.join("roster.csv"), roster(3))?;
    fine(dir, &["people", "import", "roster.csv"])?;
    let before = fine(dir, &["audit", "checkpoint"])?;
    let hold = fine(dir, &["audit", "hold", "person:E1", "--reason", "a lawsuit", "--json"])?;
    let hold: serde_json::Value = serde_json::from_str(&hold)?;
    let id = hold["hold"].as_str().context("the hold's id")?;
    let (ok, said) = run(dir, &["audit", "erase", "E1", "--reason", "she asked"])?;
    ensure!(!ok && said.contains("nothing about Person 1 may be erased"), "{said}");
    let said = fine(dir, &["audit", "retention", "E1"])?;
    ensure!(said.contains("is kept, a legal hold") && said.contains("a lawsuit"), "{said}");
    ensure!(fine(dir, &["audit", "holds"])?.contains("Person 1"));
    fine(dir, &["audit", "release", id, "--reason", "settled"])?;
    let said = fine(dir, &["audit", "erase", "E1", "--dry-run", "--reason", "she asked"])?;
    ensure!(said.contains("may be erased"), "{said}");
    let said = fine(dir, &["audit", "erase", "E1", "--reason", "she asked"])?;
    ensure!(said.contains("1 records were erased"), "{said}");
    // The log goes on from where it was: the checkpoint before is still its beginning.
    let after = fine(dir, &["audit", "checkpoint"])?;
    ensure!(before.lines().nth(1) == Some("3"), "{before}");
    ensure!(after.lines().nth(1) == Some("7"), "the key, the hold, its end and the tombstone: {after}");
    Ok(())
}

/// Changes the database below the server, as somebody who owns the file can.
fn below(dir: &Path, sql: &str) -> Result<()> {
    let script = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\n\
                  db.create_function('flip', 1, lambda b: b[:-1] + bytes([b[-1] ^ 1]))\n\
                  [db.execute('DROP TRIGGER ' + t) for (t,) in db.execute(\"SELECT name FROM sqlite_master WHERE type = \
                  'trigger'\").fetchall()]\ndb.executescript(sys.argv[2])\ndb.commit()";
    let done = Command::new("python3").args(["-c", script]).arg(dir.join("stoa-data/stoa.db")).arg(sql).output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

#[test]
fn what_somebody_changes_in_the_database_is_named_by_every_command_that_meets_it() -> Result<()> {
    let cases = [
        (
            "a flipped byte in a record",
            "UPDATE ledger_record SET body = replace(body, '\"kind\":\"granted\"', '\"kind\":\"grantee\"') WHERE id = \
             (SELECT record FROM log_leaf WHERE leaf = 4)",
            "the ledger's record at leaf 4,",
            None,
        ),
        (
            "a flipped byte in the values",
            "UPDATE ledger_value SET body = flip(body) WHERE record = \
             (SELECT record FROM log_leaf WHERE leaf = 2)",
            "the values of the record at leaf 2",
            None,
        ),
        (
            "values taken away as if they were erased",
            "UPDATE ledger_value SET body = NULL, erased = 1 WHERE record = (SELECT record FROM log_leaf WHERE leaf = 2)",
            "values of the record at leaf 2",
            None,
        ),
        (
            "the end of the ledger cut off",
            "DELETE FROM ledger_record WHERE id IN (SELECT record FROM log_leaf WHERE leaf >= 6); DELETE FROM log_leaf \
             WHERE leaf >= 6; UPDATE log_state SET size = 6; UPDATE log_tile SET hashes = substr(hashes, 1, 192)",
            "was cut off or changed",
            Some("was cut off or changed"),
        ),
        (
            "a flipped byte in the tree",
            "UPDATE log_tile SET hashes = flip(hashes)",
            "was cut off or changed",
            Some("was cut off or changed"),
        ),
    ];
    for (what, sql, doctor, checkpoint) in cases {
        let dir = tempfile::tempdir()?;
        let dir = dir.path();
        std::fs::write(dir.join("stoa.toml"), CONFIG)?;
        std::fs::write(dir.join("roster.csv"), roster(8))?;
        fine(dir, &["people", "import", "roster.csv"])?;
        fine(dir, &["audit", "checkpoint"])?;
        let (_, said) = run(dir, &["doctor"])?;
        ensure!(
            said.contains("all 9 records are as they came into the log") || said.contains("all 8 records"),
            "{said}"
        );
        below(dir, sql)?;
        let (_, said) = run(dir, &["doctor"])?;
        ensure!(said.contains("wrong evidence: ") && said.contains(doctor), "{what}: {said}");
        fine(dir, &["people", "revoke", "E1", "expert", "--reason", "a test"]).ok();
        let (ok, said) = run(dir, &["audit", "checkpoint"])?;
        match checkpoint {
            Some(says) => ensure!(!ok && said.contains(says) && said.contains("Nothing is signed"), "{what}: {said}"),
            None => ensure!(ok, "what was signed for is still its beginning: {what}: {said}"),
        }
        // The server serves those who work with it, signs nothing, and says so in its log.
        let log = dir.join("serve.log");
        let server = Server::start_logged(STOA, dir, &["serve"], &log)?;
        let (status, _) = server.get("/healthz")?;
        ensure!(status == 200, "{what}: {status}");
        drop(server);
        if checkpoint.is_some() {
            let said = std::fs::read_to_string(&log)?;
            ensure!(said.contains("was cut off or changed"), "{what}: {said}");
        }
    }
    Ok(())
}

/// The status tables are no part of the log. What is changed of assignments is found by every check, the rest by the whole
/// one alone.
#[test]
fn a_status_table_that_says_something_else_than_the_records_is_named() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    std::fs::write(dir.join("stoa.toml"), CONFIG)?;
    std::fs::write(dir.join("roster.csv"), roster(3))?;
    std::fs::create_dir_all(dir.join("courses/fire"))?;
    std::fs::write(
        dir.join("courses/fire/course.toml"),
        "id = \"fire\"\ntitle = \"Fire safety\"\nattestation = \"I read it.\"\n",
    )?;
    std::fs::write(dir.join("courses/fire/01-alarm.md"), "# The alarm\n\nWhen it rings, go.")?;
    std::fs::write(
        dir.join("fire.toml"),
        "[[requirement]]\nid = \"fire-safety\"\ntitle = \"Fire safety\"\ncourse = \"fire\"\naudience = \"everyone\"\n\
         due = { days = 14, from = \"assigned\" }\n",
    )?;
    fine(dir, &["people", "import", "roster.csv"])?;
    fine(dir, &["training", "courses", "courses"])?;
    fine(dir, &["training", "apply", "fire.toml"])?;
    fine(dir, &["audit", "hold", "all", "--reason", "a lawsuit"])?;
    fine(dir, &["audit", "checkpoint"])?;
    let (_, said) = run(dir, &["doctor", "--full"])?;
    ensure!(said.contains("3 assignments, all requirements, requests and holds stand"), "{said}");
    ensure!(run(dir, &["doctor"])?.1.contains("3 assignments stand as their records say"), "without --full");
    // What is printed about the key is as good as the key.
    fine(dir, &["audit", "export", "pack", "--requirement", "fire-safety"])?;
    std::fs::write(dir.join("key.txt"), fine(dir, &["audit", "key", "show"])?)?;
    let verdict = fine(dir, &["audit", "verify", "pack", "--key", "key.txt"])?;
    ensure!(verdict.starts_with("VALID: signed by the key that you trust"), "{verdict}");
    let cases = [
        (
            "UPDATE assignment SET state = 'completed' WHERE person = (SELECT MIN(person) FROM assignment)",
            "assignments",
        ),
        ("UPDATE assignment SET due = due + 1 WHERE person = (SELECT MIN(person) FROM assignment)", "assignments"),
        ("UPDATE assignment SET version = 2 WHERE person = (SELECT MIN(person) FROM assignment)", "assignments"),
        ("DELETE FROM assignment WHERE person = (SELECT MIN(person) FROM assignment)", "assignments"),
        ("UPDATE assignment SET id = 'x' WHERE person = (SELECT MIN(person) FROM assignment)", "somebody put it in"),
        ("UPDATE legal_hold SET scope = 'person/x'", "the table of legal holds does not say of"),
        ("UPDATE requirement SET title = 'Fire'", "the table of requirements does not say of 'fire-safety'"),
        ("UPDATE course_version SET content = replace(content, 'When it', 'If it')", "is not the one that was shown"),
        ("DELETE FROM course_version", "is gone from the store"),
    ];
    let (store, kept) = (dir.join("stoa-data/stoa.db"), dir.join("kept.db"));
    std::fs::copy(&store, &kept)?;
    for (sql, says) in cases {
        below(dir, sql)?;
        let (_, said) = run(dir, &["doctor"])?;
        ensure!(said.contains("records are as they came into the log"), "the records are whole: {said}");
        let of_assignments = sql.contains(" assignment ");
        ensure!(said.contains("stand as their records say") != of_assignments, "{sql}: {said}");
        ensure!(said.contains(says) == of_assignments, "{sql}: {said}");
        let (ok, said) = run(dir, &["doctor", "--full"])?;
        ensure!(!ok && said.contains("wrong evidence: ") && said.contains(says), "{sql}: {said}");
        for end in ["-wal", "-shm"] {
            std::fs::remove_file(dir.join(format!("stoa-data/stoa.db{end}"))).ok();
        }
        std::fs::copy(&kept, &store)?;
    }
    Ok(())
}
