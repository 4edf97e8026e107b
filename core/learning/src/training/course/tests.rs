use std::fs;
use std::path::Path;

use super::*;

fn demo() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bot/demo/courses")
}

fn folder(toml: &str, page: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("course.toml"), toml).unwrap();
    fs::write(dir.path().join("01-start.md"), page).unwrap();
    dir
}

#[test]
fn the_sample_courses_are_well_formed_and_their_version_follows_their_content() {
    let courses = check_dir(&demo()).unwrap();
    assert_eq!(courses.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["respect-at-work", "security-basics"]);
    let mut course = courses[1].clone();
    assert_eq!(course.pages.len(), 5);
    assert_eq!(course.pages[4].title, "Report it");
    let version = course.version().unwrap();
    course.owner = None;
    assert_eq!(course.version().unwrap(), version, "who answers for it is not what is shown");
    course.pages[0].text.push('!');
    assert_ne!(course.version().unwrap(), version);
    let again: Course = serde_json::from_str(&course.canonical().unwrap()).unwrap();
    assert_eq!(again, course);
}

#[test]
fn what_is_wrong_with_a_course_is_said_with_its_file_and_key() {
    let cases = [
        ("id = \"a\"\ntitle = \"A\"\npassmark = 1", "line 3: unknown field `passmark`"),
        ("id = \"A B\"\ntitle = \"A\"", "id 'A B' must be small letters"),
        ("id = \"a\"\ntitle = \"A\"\npass_mark = 80", "pass_mark is 80; write a share from 0 to 1"),
        (
            "id = \"a\"\ntitle = \"A\"\n[[question]]\nprompt = \"?\"\noptions = [\"x\", \"y\"]\nanswer = 2",
            "question 1: answer is 2; options are counted from 0 to 1",
        ),
        ("id = 3", "line 1"),
    ];
    for (toml, expected) in cases {
        let dir = folder(toml, "# T\n\ntext");
        let said = check_dir(dir.path()).unwrap_err().to_string();
        assert!(said.contains(expected) && said.contains("course.toml"), "{said}");
    }
    let empty = folder("id = \"a\"\ntitle = \"A\"", "# T\n");
    assert!(check_dir(empty.path()).unwrap_err().to_string().contains("01-start.md: the page has no text"));
    assert!(check_dir(tempfile::tempdir().unwrap().path()).unwrap_err().to_string().contains("has no course.toml"));
}

#[test]
fn four_of_five_right_answers_pass_a_mark_of_eighty_per_cent() {
    let course = check_dir(&demo()).unwrap().remove(1);
    let right: Vec<usize> = course.questions.iter().map(|q| q.answer).collect();
    let mut one_wrong = right.clone();
    one_wrong[0] = (one_wrong[0] + 1) % 4;
    assert!(course.passes(course.score(&one_wrong)));
    let mut two_wrong = one_wrong.clone();
    two_wrong[1] = (two_wrong[1] + 1) % 4;
    assert!(!course.passes(course.score(&two_wrong)));
    assert!(!course.passes(course.score(&right[..3])), "what is not answered is not right");
}
