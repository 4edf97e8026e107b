//! A Git repository as a source.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod stand;

use std::fs;
use std::path::Path;
use std::process::Command;

use stand::{FAST, Reply, Stand, counts, documents, passages, settings, sync, text};
use stoa_ground::testing::store;
use stoa_sources::{Git, GitOptions};

fn git(folder: &Path, args: &[&str]) {
    let done = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"])
        .args(args)
        .output()
        .unwrap();
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn commit(folder: &Path) {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-qm", "a change"]);
}

fn options(url: &str, cache: &Path) -> GitOptions {
    GitOptions { url: url.into(), cache: cache.into(), ..GitOptions::default() }
}

fn source(options: GitOptions) -> Git {
    Git::new(settings("Repository", "git", &["everyone"]), options).unwrap()
}

#[tokio::test]
async fn a_repository_is_read_at_the_head_of_its_branch() {
    let ((db, _dir), dir) = (store().await, tempfile::tempdir().unwrap());
    let (work, cache) = (dir.path().join("work"), dir.path().join("cache"));
    fs::create_dir_all(work.join("docs/.github")).unwrap();
    git(&work, &["init", "-q", "-b", "main"]);
    fs::write(work.join("README.md"), "# Project\n\nHow to build it.\n").unwrap();
    fs::write(
        work.join("docs/release notes.md"),
        "---\ntitle: Releases\n---\n## Every month\n\nOn the first Tuesday.\n",
    )
    .unwrap();
    fs::write(work.join("docs/code.rs"), "fn main() {}").unwrap();
    fs::write(work.join("docs/.github/hidden.md"), "hidden").unwrap();
    fs::write(work.join("docs/big.pdf"), "version https://git-lfs.github.com/spec/v1\noid sha256:0\n").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", work.join("docs/passwd.txt")).unwrap();
    commit(&work);
    let url = work.display().to_string();
    let whole = source(options(&url, &cache));
    let report = sync(&db, &whole).await;
    assert_eq!(counts(&report), (2, 0, 0, 0));
    assert_eq!(
        report.errors,
        [(
            "docs/big.pdf".to_owned(),
            "it is kept in Git LFS, which is not read: keep it in the repository itself".to_owned()
        )]
    );
    let found = passages(&db, "docs/release notes.md").await.remove(0);
    assert_eq!(
        (found.title.as_str(), found.headings[0].as_str(), found.text.as_str()),
        ("Releases", "Every month", "On the first Tuesday.")
    );

    fs::write(work.join("README.md"), "# Project\n\nHow to build and test it.\n").unwrap();
    fs::remove_file(work.join("docs/big.pdf")).unwrap();
    commit(&work);
    assert_eq!(counts(&sync(&db, &whole).await), (0, 1, 1, 0));
    fs::remove_file(work.join("docs/release notes.md")).unwrap();
    commit(&work);
    assert_eq!(counts(&sync(&db, &whole).await), (0, 0, 1, 1));

    // History rewritten, another branch, a folder, links to the web.
    git(&work, &["checkout", "-q", "--orphan", "next"]);
    fs::create_dir_all(work.join("docs/a")).unwrap();
    fs::write(work.join("docs/a/über.md"), "Words.").unwrap();
    commit(&work);
    let link = Some("https://git.example.org/x/{path}?plain=1".to_owned());
    let part = GitOptions { branch: Some("next".into()), folder: Some("/docs/".into()), link, ..options(&url, &cache) };
    let report = sync(&db, &source(part)).await;
    assert_eq!((counts(&report), &report.errors), ((1, 0, 0, 1), &vec![]));
    assert_eq!(documents(&db).await[0].location, "https://git.example.org/x/docs/a/%C3%BCber.md?plain=1");
    assert_eq!(text(&db, "https://git.example.org/x/docs/a/%C3%BCber.md?plain=1").await, "Words.");

    // It vanishes: nothing is lost.
    fs::rename(&work, dir.path().join("away")).unwrap();
    let report = sync(&db, &whole).await;
    assert_eq!((report.removed, report.errors.len(), documents(&db).await.len()), (0, 1, 1));
    assert!(report.errors[0].1.contains("git: "), "{:?}", report.errors);
}

#[tokio::test]
async fn a_private_repository_is_read_by_nobody_who_is_not_named() {
    let ((db, _dir), dir, stand) = (store().await, tempfile::tempdir().unwrap(), Stand::start().await);
    let work = dir.path().join("acme/handbook");
    fs::create_dir_all(&work).unwrap();
    git(&work, &["init", "-q", "-b", "main"]);
    fs::write(work.join("README.md"), "# Project\n\nHow to build it.\n").unwrap();
    commit(&work);
    let url = work.display().to_string();
    let of = |api: &str, readers: &[&str], although_private: bool| {
        let options = GitOptions {
            api_url: Some(stand.url(api)),
            token: Some("t0ken".into()),
            although_private,
            pace: FAST,
            ..options(&url, &dir.path().join("cache"))
        };
        Git::new(settings("Repository", "git", readers), options).unwrap()
    };
    let readers = async || passages(&db, "README.md").await.iter().flat_map(|p| p.readers.clone()).collect::<Vec<_>>();
    let (github, gitlab) =
        ("/api/v3/repos/acme/handbook", format!("/api/v4/projects/{}", url[1..].replace('/', "%2F")));
    let says = |visibility: &str| {
        Reply::json(&serde_json::json!({ "visibility": visibility, "private": visibility != "public" }))
    };

    // Nothing is learned at first: nothing comes in.
    stand.at(github, Reply::status(403));
    let report = sync(&db, &of("/api/v3", &["everyone"], false)).await;
    assert!(report.errors[0].1.contains("whether the repository is private could not be learned: "), "{report:?}");
    assert!(documents(&db).await.is_empty());

    stand.at(github, says("public"));
    stand.asked();
    assert_eq!(counts(&sync(&db, &of("/api/v3", &["everyone"], false)).await), (1, 0, 0, 0));
    assert_eq!(stand.asked()[0].headers["authorization"], "Bearer t0ken");
    assert_eq!(readers().await, ["everyone"]);
    // It becomes private; then the host is away, which changes nothing; then it is opened again.
    stand.at(github, says("private"));
    let report = sync(&db, &of("/api/v3", &["everyone"], false)).await;
    assert!(report.warnings[0].1.starts_with("the repository is private, so 'everyone' lets nobody in"), "{report:?}");
    assert!(readers().await.is_empty());
    stand.at(github, Reply::status(503));
    assert_eq!(sync(&db, &of("/api/v3", &["everyone"], false)).await.errors.len(), 1);
    assert!(readers().await.is_empty());
    stand.at(github, says("public"));
    sync(&db, &of("/api/v3", &["everyone"], false)).await;
    assert_eq!(readers().await, ["everyone"]);
    // What is internal is for the members of its host, and nobody knows who of them is here.
    stand.at(github, says("internal"));
    sync(&db, &of("/api/v3", &["everyone"], false)).await;
    assert!(readers().await.is_empty());

    // Who is named may read a private one, and everyone when that is said.
    stand.at(&gitlab, says("private"));
    sync(&db, &of("/api/v4", &["everyone", "group:dev"], false)).await;
    assert_eq!(readers().await, ["group:dev"]);
    sync(&db, &of("/api/v4", &["everyone"], true)).await;
    assert_eq!(readers().await, ["everyone"]);
    // One that may not be seen is said not to be there.
    stand.take_away(&gitlab);
    sync(&db, &of("/api/v4", &["everyone"], false)).await;
    assert!(readers().await.is_empty());
}

#[tokio::test]
async fn git_is_not_sent_elsewhere_by_a_server() {
    let ((db, _dir), dir) = (store().await, tempfile::tempdir().unwrap());
    let (stand, inside) = (Stand::start().await, Stand::start().await);
    stand.always(Some(Reply::redirect(&inside.url("/team/secrets.git/info/refs?service=git-upload-pack"))));
    let report = sync(&db, &source(options(&stand.url("/team/docs.git"), &dir.path().join("cache")))).await;
    assert!(report.errors[0].1.contains("set url to where the repository is now"), "{:?}", report.errors);
    assert!(inside.paths().is_empty(), "nobody was asked");
}

#[test]
fn nothing_but_a_repository_is_asked_for() {
    for bad in
        ["--upload-pack=touch /tmp/x", "ext::sh -c x", "-oProxyCommand=x", "ftp://x/y", "-x@y:z", "https://x/y z"]
    {
        assert!(Git::new(settings("R", "git", &[]), options(bad, Path::new("/nowhere"))).is_err(), "{bad}");
    }
    for good in ["https://git.example.org/a/b.git", "git@github.com:a/b.git", "ssh://git@h/a", "/srv/git/a"] {
        assert!(Git::new(settings("R", "git", &[]), options(good, Path::new("/nowhere"))).is_ok(), "{good}");
    }
    let bad = GitOptions { branch: Some("--x".into()), ..options("/srv/a", Path::new("/nowhere")) };
    assert!(Git::new(settings("R", "git", &[]), bad).is_err());
}

#[tokio::test]
async fn a_repository_that_becomes_private_is_closed_although_it_can_be_fetched_no_more() {
    let ((db, _dir), dir, stand) = (store().await, tempfile::tempdir().unwrap(), Stand::start().await);
    let (work, away) = (dir.path().join("acme/handbook"), dir.path().join("away"));
    fs::create_dir_all(&work).unwrap();
    git(&work, &["init", "-q", "-b", "main"]);
    fs::write(work.join("README.md"), "# Project\n\nHow to build it.\n").unwrap();
    commit(&work);
    let of = |readers: &[&str]| {
        let options = GitOptions {
            api_url: Some(stand.url("/api/v3")),
            pace: FAST,
            ..options(&work.display().to_string(), &dir.path().join("cache"))
        };
        Git::new(settings("Repository", "git", readers), options).unwrap()
    };
    let readers = async || passages(&db, "README.md").await.iter().flat_map(|p| p.readers.clone()).collect::<Vec<_>>();
    let host = "/api/v3/repos/acme/handbook";
    let public = Reply::json(&serde_json::json!({ "visibility": "public" }));
    stand.at(host, public.clone());
    sync(&db, &of(&["everyone", "group:dev"])).await;
    assert_eq!(readers().await, ["everyone", "group:dev"]);
    // Without a token the host says that there is no such repository, and so does its server.
    stand.take_away(host);
    fs::rename(&work, &away).unwrap();
    for _ in 0..2 {
        let report = sync(&db, &of(&["everyone", "group:dev"])).await;
        assert!(report.errors[0].1.contains("git: "), "{report:?}");
        assert_eq!((readers().await.join(" ").as_str(), report.removed), ("group:dev", 0));
    }
    stand.at(host, public);
    fs::rename(&away, &work).unwrap();
    sync(&db, &of(&["everyone", "group:dev"])).await;
    assert_eq!(readers().await, ["everyone", "group:dev"]);
}

#[tokio::test]
async fn two_branches_of_one_repository_are_read_at_the_same_time_and_not_mixed_up() {
    let ((db, _dir), dir) = (store().await, tempfile::tempdir().unwrap());
    let (work, cache) = (dir.path().join("work"), dir.path().join("cache"));
    fs::create_dir_all(&work).unwrap();
    git(&work, &["init", "-q", "-b", "one"]);
    fs::write(work.join("one.md"), "Words of one.").unwrap();
    commit(&work);
    git(&work, &["checkout", "-q", "--orphan", "two"]);
    fs::rename(work.join("one.md"), work.join("two.md")).unwrap();
    commit(&work);
    let of = |branch: &str| {
        let options = GitOptions { branch: Some(branch.into()), ..options(&work.display().to_string(), &cache) };
        Git::new(settings(branch, "git", &["everyone"]), options).unwrap()
    };
    let (one, two) = (of("one"), of("two"));
    let (first, second) = tokio::join!(sync(&db, &one), sync(&db, &two));
    assert_eq!((first.errors, second.errors), (vec![], vec![]));
    let found: Vec<_> = documents(&db).await.into_iter().map(|d| (d.source, d.location)).collect();
    let expected = [("one", "one.md"), ("two", "two.md")].map(|(s, l)| (s.to_owned(), l.to_owned()));
    assert_eq!(found, expected);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_name_that_nobody_could_be_shown_is_a_problem_of_its_own() {
    use std::os::unix::ffi::OsStrExt as _;
    let ((db, _dir), dir) = (store().await, tempfile::tempdir().unwrap());
    let work = dir.path().join("work");
    fs::create_dir_all(&work).unwrap();
    git(&work, &["init", "-q", "-b", "main"]);
    fs::write(work.join("good.md"), "Words.").unwrap();
    fs::write(work.join("bad\u{1b}[31mred.md"), "Words.").unwrap();
    fs::write(work.join(std::ffi::OsStr::from_bytes(b"gr\xFC\xDFe.md")), "Words.").unwrap();
    fs::write(work.join(std::ffi::OsStr::from_bytes(b"gr\xFC\xDFe.png")), "x").unwrap();
    commit(&work);
    let report = sync(&db, &source(options(&work.display().to_string(), &dir.path().join("cache")))).await;
    assert_eq!(counts(&report), (1, 0, 0, 0));
    let errors: Vec<(&str, &str)> = report.errors.iter().map(|(l, s)| (l.as_str(), s.as_str())).collect();
    assert_eq!(
        errors,
        [
            ("bad\\u{1b}[31mred.md", "its name has control characters: rename it"),
            ("gr\u{FFFD}\u{FFFD}e.md", "its name is not valid UTF-8: rename it"),
        ]
    );
}
