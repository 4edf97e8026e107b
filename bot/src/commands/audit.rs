//! `stoa audit checkpoint|export|verify|key|hold|release|holds|retention|erase`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use stoa_ground::ledger::checkpoint;
use stoa_ground::ledger::note::Verifier;
use stoa_ground::people::{self, Person};
use stoa_learning::evidence::verify::{self, Trust, Verdict};
use stoa_learning::evidence::{self, Scope, Wanted, retention};
use stoa_learning::training::Preset;

use super::print_json;
use crate::app::App;
use crate::config::Config;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Sign the log as it stands and put that outside
    Checkpoint,
    /// Write a pack of evidence that anybody can verify, without Stoa and without its store
    Export(Export),
    /// Verify a pack: VALID (ends with 0), TAMPERED (1) or CANNOT_VERIFY (2); needs no store
    Verify(Verify),
    /// The keys that sign checkpoints
    #[command(subcommand)]
    Key(Key),
    /// Keep everything, a person's records or a requirement's, whatever their retention says
    Hold {
        /// all, person:WHO or requirement:ID
        scope: String,
        /// Why, for the evidence
        #[arg(long)]
        reason: String,
    },
    /// End a legal hold
    Release {
        /// The hold's id, as `stoa audit holds` shows it
        hold: String,
        /// Why, for the evidence
        #[arg(long)]
        reason: String,
    },
    /// The legal holds that stand
    Holds,
    /// Until when the records about a person have to be kept
    Retention {
        /// Employee id, e-mail or name
        person: String,
    },
    /// Destroy the records about a person for which no duty and no hold stands any more; the log stays whole
    Erase {
        /// Employee id, e-mail or name
        person: String,
        /// Why, for the evidence
        #[arg(long)]
        reason: String,
        /// Show what would be destroyed, and destroy nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(clap::Args, Debug)]
pub struct Export {
    /// The folder to write, or one file when its name ends with .zip; it must not exist
    pack: PathBuf,
    /// Write one file, a ZIP, whatever its name
    #[arg(long)]
    zip: bool,
    /// Only this person (employee id, e-mail or name)
    #[arg(long)]
    person: Option<String>,
    /// Only this requirement
    #[arg(long)]
    requirement: Option<String>,
    /// Only this course
    #[arg(long)]
    course: Option<String>,
    /// The first day of the period, like 2026-01-01, in the organisation's zone
    #[arg(long)]
    from: Option<jiff::civil::Date>,
    /// Its last day: the pack says how things stood at its end
    #[arg(long)]
    to: Option<jiff::civil::Date>,
    /// Which fields are disclosed: none (all), iso-9001, soc2, hipaa, osha, harassment-prevention; without it the preset of
    /// the requirement, or `[evidence] preset`, or none
    #[arg(long)]
    preset: Option<String>,
}

#[derive(clap::Args, Debug)]
pub struct Verify {
    /// The pack: a folder, or a ZIP
    pack: PathBuf,
    /// The log's public key, or a file with it: from the log's owner, not from the pack
    #[arg(long, value_name = "PUB")]
    key: Option<String>,
    /// A file with checkpoints that you got elsewhere: one, many, or a mail as you saved it
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The public key of a witness that is to have signed the log
    #[arg(long, value_name = "PUB")]
    witness: Vec<String>,
    /// An earlier pack of the same log: nothing of it may be different or missing
    #[arg(long, value_name = "EARLIER")]
    against: Option<PathBuf>,
}

#[derive(clap::Subcommand, Debug)]
pub enum Key {
    /// Make a new key file; nothing signs with it until `rotate` or `lost` says so
    Create {
        /// The file, which must not exist
        file: PathBuf,
    },
    /// The public keys of the log, the first one first
    Show,
    /// Sign with the key in FILE from now on; the key until now signs that it is so
    Rotate {
        /// The new key's file
        file: PathBuf,
        /// Why, for the evidence
        #[arg(long)]
        reason: String,
    },
    /// The key until now is lost: sign with the one in [evidence] signing_key_file from now on
    Lost {
        /// Why, for the evidence
        #[arg(long)]
        reason: String,
    },
}

/// The end of wrong usage (`EX_USAGE`), where 2 is a verdict.
const MISUSED: u8 = 64;

/// Verifies a pack and says what was found.
fn verify(options: &Verify, json: bool) -> Result<ExitCode> {
    let misused = |text: String| {
        eprintln!("error: {text}");
        Ok(ExitCode::from(MISUSED))
    };
    let mut trust = Trust { against: options.against.as_deref(), ..Trust::default() };
    if let Some(given) = &options.key {
        let text = std::fs::read_to_string(given).unwrap_or_else(|_| given.clone());
        // `key show` says more than the key, the first one first.
        match Verifier::parse(text.split_whitespace().next().unwrap_or_default()) {
            Ok(key) => trust.key = Some(key),
            Err(e) => return misused(format!("--key: {e}")),
        }
    }
    for file in &options.checkpoint {
        match std::fs::read_to_string(file) {
            Ok(text) => trust.checkpoints.push((file.display().to_string(), text)),
            Err(e) => return misused(format!("--checkpoint: {} cannot be read: {e}", file.display())),
        }
    }
    for given in &options.witness {
        match Verifier::parse(given) {
            Ok(key) => trust.witnesses.push(key.of_witness()),
            Err(e) => return misused(format!("--witness: {e}")),
        }
    }
    let outcome = verify::verify(&options.pack, &trust);
    let (word, code) = match outcome.verdict {
        Verdict::Valid => ("VALID", 0),
        Verdict::Tampered => ("TAMPERED", 1),
        Verdict::CannotVerify => ("CANNOT_VERIFY", 2),
    };
    if json {
        print_json(&outcome)?;
    } else {
        println!("{word}: {}", outcome.reason);
        for check in &outcome.checks {
            println!("  ok: {check}");
        }
        for problem in outcome.problems.iter().filter(|p| **p != outcome.reason) {
            println!("  also: {problem}");
        }
        if outcome.verdict != Verdict::Tampered && !outcome.not_proven.is_empty() {
            println!("What this does not prove:");
            for text in &outcome.not_proven {
                println!("  - {text}");
            }
        }
    }
    Ok(ExitCode::from(code))
}

pub async fn run(config: Config, command: Command, json: bool) -> Result<ExitCode> {
    if let Command::Verify(options) = &command {
        return verify(options, json);
    }
    let reads = matches!(command, Command::Holds | Command::Retention { .. } | Command::Erase { dry_run: true, .. });
    let (app, lock) = App::for_reader(config, reads).await?;
    match command {
        Command::Checkpoint => checkpoint(&app, json).await?,
        Command::Export(options) => export(&app, options, json).await?,
        Command::Verify(_) => {}
        Command::Key(command) => key(&app, command, json).await?,
        Command::Hold { scope, reason } => {
            let scope = &scope_of(&app, &scope).await?;
            let (services, reason) = (&*app.services, reason.as_str());
            let hold =
                app.db.write(|tx| async move { retention::hold(&tx, services, scope, "operator", reason).await });
            let id = hold.await?;
            if json {
                print_json(&json!({ "hold": id, "scope": scope }))?;
            } else {
                println!("Held. End it with 'stoa audit release {id} --reason …'.");
            }
        }
        Command::Release { hold, reason } => {
            let (services, hold, reason) = (&*app.services, hold.as_str(), reason.as_str());
            app.db.write(|tx| async move { retention::release(&tx, services, hold, "operator", reason).await }).await?;
            println!("Released.");
        }
        Command::Holds => {
            let holds = app.db.read(|c| async move { retention::holds(&c).await }).await?;
            for hold in &holds {
                if json {
                    print_json(hold)?;
                } else {
                    println!(
                        "{}  {}  since {}: {}",
                        hold.id,
                        scope_in_words(&app, &hold.scope).await?,
                        hold.at,
                        hold.reason
                    );
                }
            }
            if holds.is_empty() && !json {
                println!("No legal hold stands.");
            }
        }
        Command::Retention { person } => {
            let person = find(&app, &person).await?;
            plan(&app, &person, json).await?;
        }
        Command::Erase { person, reason, dry_run } => {
            let person = find(&app, &person).await?;
            if dry_run {
                plan(&app, &person, json).await?;
            } else {
                let policy = policy(&app);
                let done = retention::erase(&app.db, &app.services, &person, &policy, "operator", &reason).await?;
                if json {
                    print_json(&done)?;
                } else {
                    println!("{} records were erased. What is left of them is a tombstone each.", done.records);
                }
            }
        }
    }
    app.finish(lock).await?;
    Ok(ExitCode::SUCCESS)
}

async fn checkpoint(app: &App, json: bool) -> Result<()> {
    let (signed, new) = evidence::check_point(&app.db, &app.services, app.log()?).await?;
    let failed = evidence::put_outside(&app.db, &app.log()?.anchors, &crate::evidence::witness(&app.config)?).await?;
    let signed = &signed;
    let note = app.db.read(|c| async move { checkpoint::cosigned(&c, signed).await }).await?;
    let anchored = evidence::anchored(&app.db, signed.size).await?;
    if json {
        let anchored: Vec<&String> = anchored.iter().map(|(name, _, _)| name).collect();
        print_json(&json!({ "size": signed.size, "new": new, "note": note, "anchored": anchored, "failed": failed }))?;
    } else {
        print!("{note}");
        eprintln!("{}", if new { "A new checkpoint." } else { "Nothing came into the log since; this one stands." });
        for (name, at, _) in &anchored {
            eprintln!("Put to {name} at {at}.");
        }
    }
    if let Some(text) = failed.first() {
        bail!("{text}");
    }
    Ok(())
}

async fn export(app: &App, options: Export, json: bool) -> Result<()> {
    let preset = match options.preset.as_deref().map(|name| (name, Preset::named(name))) {
        Some((name, None)) => {
            bail!("'{name}' is not a preset: use {}", Preset::ALL.map(Preset::name).join(", "));
        }
        preset => preset.and_then(|(_, preset)| preset),
    };
    let Export { mut pack, zip, person, requirement, course, from, to, .. } = options;
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        bail!("--from is after --to: give the first day first");
    }
    if zip && !evidence::is_zip(&pack) {
        pack.as_mut_os_string().push(".zip");
    }
    let scope = Scope { person, requirement, course, from, to };
    let policy = policy(app);
    let wanted = Wanted { scope: &scope, preset, policy: &policy };
    let done = evidence::export(&app.db, &app.services, app.log()?, &wanted, &pack).await?;
    if json {
        return print_json(&done);
    }
    println!(
        "{}: {} of {} completed, {} assignments, {} records of a log of {}, preset {}.",
        pack.display(),
        done.completed,
        done.denominator,
        done.assignments,
        done.records,
        done.size,
        done.preset
    );
    println!("Whoever verifies it needs this key, from you and not from the pack:\n{}", app.log()?.signer.verifier());
    Ok(())
}

async fn key(app: &App, command: Key, json: bool) -> Result<()> {
    let origin = app.log()?.signer.verifier().name().to_owned();
    match command {
        Key::Create { file } => {
            let signer = checkpoint::create_signer(&file, &origin, app.db.clock())?;
            say_key(signer.verifier().to_string().as_str(), json)?;
            if !json {
                println!(
                    "Its private key is in {}, for its owner alone. Keep a copy in another place.",
                    file.display()
                );
            }
        }
        Key::Show => {
            let keys = app.db.read(|c| async move { checkpoint::keys(&c).await }).await?;
            for key in &keys {
                if json {
                    print_json(
                        &json!({ "key": key.vkey, "since": key.since, "how": key.how, "statement": key.statement }),
                    )?;
                } else {
                    println!("{}  {} {}", key.vkey, key.how, key.since);
                }
            }
            if keys.is_empty() {
                // It signs with the first checkpoint.
                say_key(&app.log()?.signer.verifier().to_string(), json)?;
            }
        }
        Key::Rotate { file, reason } => {
            let next = &checkpoint::open_signer(&file, &origin, app.db.clock(), false)?;
            let (ledger, now, reason) = (&app.services.ledger, &app.log()?.signer, reason.as_str());
            app.db.write(|tx| async move { checkpoint::rotate(&tx, ledger, now, next, reason).await }).await?;
            let used = crate::evidence::signing_key_file(&app.config);
            replace(&file, &used)
                .context("the new key is recorded, but its file could not be put in the old one's place")?;
            say_key(&next.verifier().to_string(), json)?;
            if !json {
                println!(
                    "The key is in {} now; the old one lies beside it. A running server has to be started again.",
                    used.display()
                );
            }
        }
        Key::Lost { reason } => {
            let (ledger, next, reason) = (&app.services.ledger, &app.log()?.signer, reason.as_str());
            app.db.write(|tx| async move { checkpoint::lose(&tx, ledger, next, reason).await }).await?;
            say_key(&next.verifier().to_string(), json)?;
            if !json {
                println!(
                    "A new chain of keys begins. Whoever has the old public key needs this one, from you and not from a pack."
                );
            }
        }
    }
    Ok(())
}

/// Puts a new key file in the place of the old one, which is kept beside it.
fn replace(new: &Path, used: &Path) -> std::io::Result<()> {
    let same = new.canonicalize()? == used.canonicalize()?;
    if same {
        return Ok(());
    }
    let mut old = used.as_os_str().to_owned();
    old.push(".old");
    std::fs::rename(used, &old)?;
    std::fs::copy(new, used).map(|_| ())
}

fn say_key(key: &str, json: bool) -> Result<()> {
    if json {
        return print_json(&json!({ "key": key }));
    }
    println!("{key}");
    Ok(())
}

async fn find(app: &App, who: &str) -> Result<Person> {
    Ok(app.db.read(|c| async move { people::find(&c, who).await }).await?)
}

/// `person:WHO` and `requirement:ID` as the ledger has them.
async fn scope_of(app: &App, scope: &str) -> Result<String> {
    match scope.split_once(':') {
        Some(("person", who)) => Ok(format!("person/{}", find(app, who).await?.id)),
        Some(("requirement", id)) => {
            app.db.read(|c| async move { stoa_learning::training::requirement::by_id(&c, id).await }).await?;
            Ok(format!("requirement/{id}"))
        }
        _ if scope == "all" => Ok("all".into()),
        _ => bail!("'{scope}' cannot be held: say all, person:WHO or requirement:ID"),
    }
}

async fn scope_in_words(app: &App, scope: &str) -> Result<String> {
    Ok(match scope.split_once('/') {
        Some(("person", id)) => {
            let person = app.db.read(|c| async move { people::by_id(&c, id).await }).await?;
            person.map_or_else(|| "a person who is gone".to_owned(), |p| p.name)
        }
        Some((_, id)) => format!("the requirement {id}"),
        None => "everything".to_owned(),
    })
}

fn policy(app: &App) -> retention::Policy {
    let said = &app.config.evidence;
    let rules = if said.retention.is_empty() { retention::usual() } else { said.retention.clone() };
    retention::Policy { rules, preset: said.preset }
}

async fn plan(app: &App, person: &Person, json: bool) -> Result<()> {
    let policy = &policy(app);
    let planned = app.db.read(|c| async move { retention::plan(&c, person, policy).await }).await?;
    for p in &planned {
        if json {
            print_json(p)?;
        } else {
            let what = p.subject.split('/').next().unwrap_or_default();
            let verdict = if p.erasable { "may be erased" } else { "is kept" };
            println!("{what}, {} records: {verdict}, {}", p.records, p.why);
        }
    }
    if planned.is_empty() && !json {
        println!("The ledger has nothing about {} that could be erased.", person.name);
    }
    Ok(())
}
