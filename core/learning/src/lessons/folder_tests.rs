use super::*;

fn check(files: &[(&str, &str)]) -> Checked {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    check_dir(dir.path())
}

fn said(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const TRACK: &str = "title = \"Tea\"\ndescription = \"How we make it.\"\n";
const LESSON: &str = "+++\ntitle = \"Water\"\n[[question]]\nprompt = \"How hot?\"\noptions = [\"60\", \"90\"]\nanswer = 1\nwhy = \"So.\"\n+++\nBoil it.\n";

#[test]
fn the_sample_track_is_clean() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bot/demo/tracks");
    let checked = check_dir(&demo);
    assert_eq!(said(&checked.errors), "");
    assert_eq!(said(&checked.warnings), "");
    assert_eq!(checked.tracks[0].lessons.len(), 7);
    assert_eq!(checked.tracks[0].lessons[0].id, "writing-for-customers/answer-first");
    assert_eq!(check_dir(&demo.join("writing-for-customers")), checked);
}

#[test]
fn each_mistake_names_its_file_its_line_and_the_way_out() {
    let lesson = |from: &str, to: &str| LESSON.replace(from, to);
    let cases = [
        (
            lesson("answer = 1", "answer = 2"),
            "tea/01-water.md:6: answer is 2; it is the number of the right option, from 0 for the first to 1",
        ),
        (lesson("\"60\", \"90\"", "\"60\", \"60\""), "tea/01-water.md:5: options: two of them are the same"),
        (
            lesson("\"60\", \"90\"", "\"60\""),
            "tea/01-water.md:5: options: a question has 2 to 5, this one has 1\ntea/01-water.md:6: answer is 1; it is the number of the right option, from 0 for the first to 0",
        ),
        (
            lesson("why = ", "wy = "),
            "tea/01-water.md:7: unknown field `wy`, expected one of `id`, `prompt`, `options`, `answer`, `why`",
        ),
        (lesson("Boil it.", ""), "tea/01-water.md:8: has no text below the second +++; say what there is to learn"),
        (lesson("\"Water\"", "\" \""), "tea/01-water.md:2: title is empty; write a few words"),
        (
            lesson("+++\nBoil", "Boil"),
            "tea/01-water.md:1: the part that begins with +++ has no end: add a line +++ after title and questions",
        ),
        (
            "Boil it.".into(),
            "tea/01-water.md:1: must begin with a line +++, then title and questions in TOML, then a line +++ again",
        ),
    ];
    for (text, expected) in cases {
        let checked = check(&[("tea/track.toml", TRACK), ("tea/01-water.md", &text)]);
        assert_eq!(said(&checked.errors), expected);
    }
}

#[test]
fn a_track_needs_its_file_its_lessons_and_names_that_tell_the_order() {
    let cases = [
        (
            vec![("tea/01-water.md", LESSON)],
            "tea/track.toml: is missing; it says id, title, description, owner and time of the track",
        ),
        (vec![("tea/track.toml", TRACK)], "tea/track.toml: has no lessons; add files like 01-first-steps.md beside it"),
        (
            vec![("tea/track.toml", TRACK), ("tea/01-water.md", LESSON), ("tea/01-leaves.md", LESSON)],
            "tea/01-water.md: has the same number as 01-leaves.md; the number gives the order",
        ),
        (
            vec![("tea/track.toml", TRACK), ("tea/water.md", LESSON), ("tea/02-leaves.md", LESSON)],
            "tea/water.md: must be named with its number and a short name, like 01-first-steps.md",
        ),
        (
            vec![
                ("tea/track.toml", "id = \"coffee\"\ntitle = \"Tea\"\ntime = \"half past\"\n"),
                ("tea/01-water.md", LESSON),
            ],
            "tea/track.toml:1: id is 'coffee' and the folder is 'tea'; they must be the same\ntea/track.toml:3: time: 'half past' is not a time of day like 09:00",
        ),
    ];
    for (files, expected) in cases {
        assert_eq!(said(&check(&files).errors), expected);
    }
    assert!(
        said(&check(&[]).errors)
            .ends_with("holds no tracks: make a folder for each track, with a file track.toml in it")
    );
}
