//! The command line as an operator meets it: a small configuration, a roster, answers, and bad input.

use std::path::Path;

use anyhow::{Result, ensure};
use stoa_tests::Server;

const STOA: &str = env!("CARGO_BIN_EXE_stoa");

const CONFIG: &str = r#"
[organisation]
name = "Harbour & Pine"
iri = "https://learn.example.org"

[http]
listen = "127.0.0.1:0"

[web]
local_chat = true

[[library.sources]]
kind = "files"
name = "Handbook"
path = "handbook"
readers = ["everyone"]
"#;

const PAGE: &str = "---\ntitle: Kitchen rules\n---\n# Kitchen rules\n\n## Coffee machine\n\nTo descale the coffee machine, \
                    press both buttons for five seconds and pour in one bag of citric acid.\n";

const ROSTER: &str = "employee_id,name,email,manager_employee_id,timezone,stoa_roles\n\
                      E1,Ada Okafor,ada@example.org,,Europe/Berlin,learning\n\
                      E2,Bo Lind,bo@example.org,E1,Asia/Kolkata,\n";

fn folder() -> Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("stoa.toml"), CONFIG)?;
    std::fs::create_dir(dir.path().join("handbook"))?;
    std::fs::write(dir.path().join("handbook/kitchen.md"), PAGE)?;
    std::fs::write(dir.path().join("roster.csv"), ROSTER)?;
    Ok(dir)
}

fn run(dir: &Path, args: &[&str]) -> Result<(bool, String)> {
    stoa_tests::run(STOA, dir, args)
}

#[test]
fn an_operator_sets_it_up_and_people_sign_in() -> Result<()> {
    let dir = folder()?;
    let dir = dir.path();
    let (ok, said) = run(dir, &["doctor"])?;
    ensure!(ok && said.contains("there is no store yet"), "{said}");
    let (ok, said) = run(dir, &["people", "import", "roster.csv", "--dry-run"])?;
    ensure!(ok && said.contains("2 added") && said.contains("dry run"), "{said}");
    let (ok, said) = run(dir, &["people", "import", "roster.csv"])?;
    ensure!(ok && said.contains("Imported."), "{said}");
    let (ok, said) = run(dir, &["people", "grant", "Bo Lind", "approver", "--reason", "decided by the board"])?;
    ensure!(ok && said.contains("Bo Lind now has the role approver."), "{said}");
    let (ok, said) = run(dir, &["library", "sync"])?;
    ensure!(ok && said.contains("Handbook: 1 new"), "{said}");
    let (ok, said) = run(dir, &["ask", "How do I descale the coffee machine?", "--as", "bo@example.org", "--json"])?;
    ensure!(ok && said.contains("one bag of citric acid") && said.contains("\"location\":\"kitchen.md\""), "{said}");
    let (ok, said) = run(dir, &["ask", "Who won the football match?"])?;
    ensure!(ok && said.contains("I don't know"), "{said}");

    let mut server = Server::start(STOA, dir, &["serve"])?;
    ensure!(server.get("/healthz")? == (200, "ok\n".into()));
    ensure!(server.get("/readyz")?.0 == 200);
    ensure!(server.get("/metrics")?.1.contains("stoa_db_write_seconds"));
    // Choosing who one is belongs to the demo; here a one-time link signs in.
    let (_, said) = run(dir, &["people", "link", "Ada Okafor"])?;
    let link = said.lines().next().unwrap_or_default();
    let path = link.find("/sign-in/").map(|at| &link[at..]).unwrap_or_default();
    let (status, page) = server.get(path)?;
    ensure!(status == 200 && page.contains("Sign in"), "{status}: {page}");
    let origin = server.url.clone();
    let headers = [("origin", origin.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let (status, _) = server.request("POST", path, &headers, "")?;
    ensure!(status == 303, "the link signs in: {status}");
    let (status, page) = server.request("POST", path, &headers, "")?;
    ensure!(status != 303, "the link works once: {page}");
    // A second server on the same data is refused, commands beside it work, and a new page is found at once.
    let (ok, said) = run(dir, &["serve"])?;
    ensure!(!ok && said.contains("another Stoa is running"), "{said}");
    std::fs::write(dir.join("handbook/fridge.md"), "# Fridge\n\nThe fridge is emptied every Friday at four.\n")?;
    let (ok, said) = run(dir, &["library", "sync"])?;
    ensure!(ok && said.contains("1 new"), "{said}");
    let (ok, said) = run(dir, &["doctor"])?;
    ensure!(ok && said.contains("a server is running"), "{said}");
    ensure!(server.stop()?, "the server stops gracefully");
    let (ok, said) = run(dir, &["ask", "When is the fridge emptied?"])?;
    ensure!(ok && said.contains("every Friday at four"), "{said}");
    // The index folder heals itself.
    std::fs::remove_dir_all(dir.join("stoa-data/index"))?;
    let (ok, said) = run(dir, &["ask", "When is the fridge emptied?"])?;
    ensure!(ok && said.contains("every Friday at four"), "{said}");
    Ok(())
}

#[test]
fn a_store_that_is_moved_away_under_the_server_is_said_until_it_is_back() -> Result<()> {
    let dir = folder()?;
    let dir = dir.path();
    run(dir, &["people", "import", "roster.csv"])?;
    // 'stoa doctor' asks the server where the configuration says.
    let listen = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    std::fs::write(dir.join("stoa.toml"), CONFIG.replace("127.0.0.1:0", &listen))?;
    let mut server = Server::start(STOA, dir, &["serve"])?;
    let is = |status: u16| -> Result<String> {
        for _ in 0..100 {
            let (now, said) = server.get("/readyz")?;
            if now == status {
                return Ok(said);
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        anyhow::bail!("/readyz never said {status}")
    };
    is(200)?;
    let (store, away) = (dir.join("stoa-data/stoa.db"), dir.join("away.db"));
    std::fs::rename(&store, &away)?;
    let said = is(503)?;
    let why = "not ready: the file stoa-data/stoa.db was deleted or replaced while the server runs";
    ensure!(said.starts_with(why), "{said}");
    let (ok, said) = run(dir, &["doctor"])?;
    ensure!(!ok && said.contains(&format!("wrong server: the running server is {why}")), "{said}");
    std::fs::rename(&away, &store)?;
    is(200)?;
    ensure!(server.stop()?, "the server stops gracefully");
    Ok(())
}

#[test]
fn whoever_asks_nothing_is_told_how_to_ask_and_leaves_no_gap() -> Result<()> {
    let dir = folder()?;
    let dir = dir.path();
    for nothing in ["", "  ", "???", "@stoa"] {
        let (ok, said) = run(dir, &["ask", nothing])?;
        ensure!(ok && said.contains("for example: stoa ask") && !said.contains("I don't know"), "{nothing}: {said}");
    }
    let (ok, said) = run(dir, &["ask", "", "--json"])?;
    let answer: serde_json::Value = serde_json::from_str(&said)?;
    ensure!(ok && answer["abstained"] == true && answer["citations"] == serde_json::json!([]), "{said}");
    ensure!(answer["hint"].as_str().is_some_and(|hint| hint.contains("for example")), "{said}");
    Ok(())
}

#[test]
fn whoever_reads_what_a_command_prints_may_stop() -> Result<()> {
    let dir = folder()?;
    let dir = dir.path();
    run(dir, &["people", "import", "roster.csv"])?;
    run(dir, &["library", "sync"])?;
    let ended = |args: &[&str], output: std::process::Stdio| -> Result<(Option<i32>, String)> {
        let mut command = std::process::Command::new(STOA);
        let done = command.args(args).current_dir(dir).stdin(std::process::Stdio::null()).stdout(output).output()?;
        Ok((done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned()))
    };
    let commands: [&[&str]; 9] = [
        &["doctor"],
        &["doctor", "--json"],
        &["--help"],
        &["schema", "config"],
        &["slack", "manifest"],
        &["library", "list"],
        &["people", "import", "roster.csv"],
        &["ask", "How do I descale the coffee machine?", "--explain"],
        &["simulate", "--from", "2035-01-01", "--to", "2035-01-31", "--json"],
    ];
    for args in commands {
        let whole = ended(args, std::process::Stdio::piped())?;
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let cut = ended(args, writer.into())?;
        ensure!(cut == whole, "{args:?}: {cut:?} instead of {whole:?}");
    }
    // What cannot be printed although somebody wants it is no success.
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full")?;
    let (code, said) = ended(&["library", "list"], full.into())?;
    ensure!(code == Some(1) && said.starts_with("error: standard output cannot be written"), "{code:?}: {said}");
    Ok(())
}

#[test]
fn a_period_is_simulated_and_nothing_is_sent() -> Result<()> {
    let dir = folder()?;
    let dir = dir.path();
    let period = ["simulate", "--from", "2035-01-01", "--to", "2035-01-31"];
    let with = |more: &[&'static str]| [&period[..], more].concat();
    let (ok, said) = run(dir, &period)?;
    ensure!(!ok, "there is no store yet: {said}");
    run(dir, &["people", "import", "roster.csv"])?;
    let (ok, said) = run(dir, &period)?;
    ensure!(ok && said.contains("2035-01-01 to 2035-01-31: 0 messages to 0 people"), "{said}");
    ensure!(said.contains("2 people have no account yet"), "{said}");
    let (ok, said) = run(dir, &with(&["--person", "Bo Lind"]))?;
    ensure!(ok && said.contains("Bo Lind") && said.contains("Nothing is sent"), "{said}");
    std::fs::write(dir.join("life.jsonl"), "\n{\"at\":\"2035-01-02T09:00:00Z\",\"kind\":\"fax\",\"person\":\"E1\"}\n")?;
    let (ok, said) = run(dir, &with(&["--events", "life.jsonl"]))?;
    ensure!(!ok && said.contains("life.jsonl line 2: 'fax' is not a kind of event"), "{said}");
    let (ok, said) = run(dir, &["simulate", "--from", "2035-01-31", "--to", "2035-01-01"])?;
    ensure!(!ok && said.contains("is before --from"), "{said}");
    Ok(())
}

#[test]
fn what_was_acknowledged_survives_kill_dash_nine() -> Result<()> {
    let dir = folder()?;
    let mut server = Server::start(STOA, dir.path(), &["demo", "--listen", "127.0.0.1:0"])?;
    server.post_json("/control/clock", "{\"to\": \"2026-11-25T09:00:00Z\"}")?;
    server.kill()?;
    server.restart()?;
    let (status, body) = server.post_json("/control/clock", "{\"by\": \"1d\"}")?;
    ensure!(status == 200 && body.contains("2026-11-26T09:00:00"), "{status}: {body}");
    Ok(())
}

#[test]
fn what_serve_would_refuse_the_doctor_says() -> Result<()> {
    let dir = folder()?;
    let dir = dir.path();
    let cases = [
        ("iri = \"https://learn.example.org\"", "iri = \"not a url\"", "organisation: [organisation] iri must be"),
        ("readers = [\"everyone\"]", "readers = [\"everybody\"]", "library: [[library.sources]] 'Handbook' readers"),
        ("[http]", "[evidence]\nanchors = [\"ftp:x\"]\n[http]", "evidence: [evidence] anchors: 'ftp:x'"),
        ("[http]", "[operations]\nchannel = \"nope/C1\"\n[http]", "operations: [operations] channel: no platform"),
        ("[http]", "[data]\ndir = \"/proc/x\"\n[http]", "data: the data folder /proc/x cannot be made"),
        (
            "[http]",
            "[database]\nurl = \"sqlite:///nope/dir/x.db\"\n[http]",
            "store: [database] url: the folder /nope/dir",
        ),
        (
            "[http]",
            "[[lrs.credentials]]\nkey = \"hr\"\nsecret = \"a-secret-of-sixteen\"\nscopes = [\"statements/eat\"]\n[http]",
            "lrs: [[lrs.credentials]] 'hr' scopes: 'statements/eat'",
        ),
    ];
    for (right, wrong, expected) in cases {
        std::fs::write(dir.join("wrong.toml"), CONFIG.replacen(right, wrong, 1))?;
        let (ok, said) = run(dir, &["--config", "wrong.toml", "doctor"])?;
        ensure!(!ok && said.contains(&format!("wrong {expected}")), "{wrong}: {said}");
        let (ok, said) = run(dir, &["--config", "wrong.toml", "serve"])?;
        let (_, why) = expected.split_once(": ").unwrap_or_default();
        ensure!(!ok && said.contains(why), "{wrong}: {said}");
    }
    ensure!(!dir.join("stoa-data").exists(), "nothing was made for a configuration that cannot be");
    Ok(())
}

#[test]
fn commands_that_only_read_make_no_store() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    let reading: [&[&str]; 13] = [
        &["people", "show", "E1"],
        &["people", "unreachable"],
        &["people", "merge", "E1", "E2", "--dry-run"],
        &["people", "split", "E1", "--dry-run"],
        &["training", "status"],
        &["training", "requests"],
        &["queue", "list"],
        &["answers", "list"],
        &["answers", "gaps"],
        &["library", "list"],
        &["library", "impact", "kitchen.md"],
        &["lrs", "key", "list"],
        &["audit", "holds"],
    ];
    for args in reading {
        let (ok, said) = run(dir, args)?;
        ensure!(!ok && said.contains("there is no store yet"), "{args:?}: {said}");
    }
    ensure!(std::fs::read_dir(dir)?.next().is_none(), "a command that only reads made something");
    // With a store they read, and change nothing.
    std::fs::write(dir.join("stoa.toml"), CONFIG)?;
    std::fs::write(dir.join("roster.csv"), ROSTER)?;
    run(dir, &["people", "import", "roster.csv"])?;
    std::fs::remove_dir_all(dir.join("stoa-data/index"))?;
    for args in reading.iter().filter(|args| !["merge", "split", "impact"].contains(&args[1])) {
        let (ok, said) = run(dir, args)?;
        ensure!(ok, "{args:?}: {said}");
    }
    ensure!(!dir.join("stoa-data/index").exists(), "a command that only reads made an index");
    Ok(())
}

#[test]
fn bad_input_gets_one_clear_sentence() -> Result<()> {
    let dir = folder()?;
    let dir = dir.path();
    let write = |name: &str, text: &[u8]| std::fs::write(dir.join(name), text);
    write("broken.csv", b"employee_id,name,timezone\nE1,,Mars/Olympus\nE1,Twice,UTC\n")?;
    write("keys.toml", b"[organisation]\nnmae = \"x\"\n")?;
    write("torn.toml", b"[organisation\n")?;
    write("requirement.toml", b"[[requirement]]\nid = \"x\"\ntitle = \"X\"\ncourse = \"none\"\naudience = \"departmnt = 1\"\ndue = { days = 1, from = \"assigned\" }\n")?;
    let cases: &[(&[&str], &[&str])] = &[
        (&["people", "import", "broken.csv"], &["row 2", "Mars/Olympus"]),
        (&["people", "import", "missing.csv"], &["missing.csv"]),
        (&["--config", "keys.toml", "doctor"], &["keys.toml: line 2", "nmae"]),
        (&["--config", "torn.toml", "doctor"], &["torn.toml: line 1"]),
        (&["training", "apply", "requirement.toml"], &["requirement.toml", "departmnt"]),
        (&["people", "link", "Nobody"], &["Nobody"]),
        (&["ask", "x", "--as", "Nobody"], &["Nobody"]),
        (&["lessons", "apply", "no-such-folder"], &["no-such-folder"]),
    ];
    for (args, expected) in cases {
        let (ok, said) = run(dir, args)?;
        ensure!(!ok, "{args:?} was accepted: {said}");
        for word in *expected {
            ensure!(said.contains(word), "{args:?} should say “{word}”: {said}");
        }
    }
    // What is not said at all is wrong usage.
    for args in [&["queue", "retry"][..], &["people", "merge", "E1", "E2", "--reason="]] {
        let output = stoa_tests::stoa(STOA, dir, args)?;
        ensure!(output.status.code() == Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // A port that is in use, and a store of a newer program.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = port.local_addr()?.to_string();
    let (ok, said) = run(dir, &["demo", "--ephemeral", "--listen", &address])?;
    ensure!(!ok && said.contains("is in use by another program"), "{said}");
    // A damaged PDF beside good pages costs only itself.
    write("handbook/broken.pdf", b"%PDF-1.7 nothing")?;
    let (ok, said) = run(dir, &["library", "sync"])?;
    ensure!(!ok && said.contains("broken.pdf") && said.contains("1 new"), "{said}");
    let (ok, said) = run(dir, &["ask", "How do I descale the coffee machine?"])?;
    ensure!(ok && said.contains("citric acid"), "{said}");
    Ok(())
}
