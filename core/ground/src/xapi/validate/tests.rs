//! Good and bad statements, each with the sentence that its sender reads.

#![allow(clippy::needless_pass_by_value, reason = "values read better in tests")]

use serde_json::{Value, json};

use super::Version::{self, V1_0, V2_0};
use crate::xapi::Statement;

/// A statement that uses nearly everything.
fn full() -> Value {
    json!({
        "id": "6690e6c9-3ef0-4ed3-8b37-7f3964730bee",
        "actor": {"objectType": "Group", "name": "Team PB", "mbox": "mailto:teampb@example.com", "member": [
            {"name": "Andrew", "account": {"homePage": "http://www.example.com", "name": "13936749"}, "objectType": "Agent"},
            {"name": "Toby", "openid": "http://toby.openid.example.org/"},
            {"mbox_sha1sum": "ebd31e95054c018b10727ccffd2ef2ec3a016ee9"}]},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/attended", "display": {"en-GB": "attended", "zh-Hant": "出席"}},
        "object": {"objectType": "Activity", "id": "http://www.example.com/meetings/occurances/34534", "definition": {
            "type": "http://adlnet.gov/expapi/activities/cmi.interaction", "moreInfo": "http://example.com/more",
            "name": {"en": "example meeting"}, "description": {"en": "An example."},
            "interactionType": "choice", "correctResponsesPattern": ["a[,]b"],
            "choices": [{"id": "a", "description": {"en": "A"}}, {"id": "b"}],
            "extensions": {"http://example.com/x": null}}},
        "result": {"score": {"scaled": 0.5, "raw": 5, "min": 0, "max": 10}, "success": true, "completion": true,
            "response": "a", "duration": "PT1H0M0S", "extensions": {"http://example.com/y": {"z": [null]}}},
        "context": {"registration": "ec531277-b57b-4c15-8d91-d292c5b2b8f7",
            "contextActivities": {"parent": {"id": "http://www.example.com/p"}, "category": [{"id": "http://www.example.com/c"}],
                "grouping": [], "other": [{"id": "http://www.example.com/o"}]},
            "instructor": {"mbox": "mailto:i@example.com"},
            "team": {"objectType": "Group", "member": [{"mbox": "mailto:t@example.com"}]},
            "revision": "1", "platform": "Slack", "language": "tlh",
            "statement": {"objectType": "StatementRef", "id": "6690e6c9-3ef0-4ed3-8b37-7f3964730bee"},
            "extensions": {"http://example.com/e": 1}},
        "timestamp": "2013-05-18T05:32:34.804+00:00",
        "stored": "2013-05-18T05:32:34.804+00:00",
        "authority": {"account": {"homePage": "http://cloud.example.com/", "name": "anonymous"}},
        "version": "1.0.0",
        "attachments": [{"usageType": "http://id.tincanapi.com/attachment/certificate-of-completion",
            "display": {"en": "Certificate"}, "description": {"en": "It."}, "contentType": "text/plain; charset=ascii",
            "length": 27, "sha2": "495395e777cd98da653df9615d09c0fd6bb2f8d4788394cd53c56a3bfdcd848a",
            "fileUrl": "http://over.there.example.com/file.txt"}]
    })
}

fn simple() -> Value {
    json!({
        "actor": {"mbox": "mailto:ada@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {"id": "http://example.com/course"}
    })
}

fn sub(inner: Value) -> Value {
    let mut whole = simple();
    whole["object"] = inner;
    whole["object"]["objectType"] = "SubStatement".into();
    whole
}

/// Sets what is at the JSON pointer; `null` in `Remove` removes it.
fn set(mut whole: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match whole.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}")) {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => other[key.replace("~1", "/")] = value,
    }
    whole
}

fn without(mut whole: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    whole.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    whole
}

#[track_caller]
fn accepts(value: Value, version: Version) {
    let text = value.to_string();
    if let Err(e) = Statement::from_value(value, version) {
        panic!("{text}\nwas refused: {e}");
    }
}

#[track_caller]
fn refuses(value: Value, version: Version, message: &str) {
    match Statement::from_value(value, version) {
        Ok(s) => panic!("accepted, but should say '{message}': {:?}", s.to_value()),
        Err(e) => assert_eq!(e.to_string(), message),
    }
}

#[test]
fn good_statements() {
    accepts(simple(), V1_0);
    accepts(full(), V1_0);
    accepts(full(), V2_0);
    for object in [
        json!({"objectType": "Agent", "mbox": "mailto:b@example.com"}),
        json!({"objectType": "Group", "member": [{"mbox": "mailto:b@example.com"}]}),
        json!({"objectType": "StatementRef", "id": "6690E6C9-3ef0-4ed3-8b37-7f3964730bee"}),
        json!({"objectType": "Activity", "id": "act:x"}),
    ] {
        accepts(set(simple(), "/object", object.clone()), V1_0);
        accepts(sub(set(simple(), "/object", object)), V1_0);
    }
    let timed = set(set(simple(), "/timestamp", json!("2099-01-01T00:00:00Z")), "/context", json!({"platform": "x"}));
    accepts(sub(timed), V1_0);
    for (kind, lists) in [
        ("true-false", &[][..]),
        ("choice", &["choices"]),
        ("fill-in", &[]),
        ("long-fill-in", &[]),
        ("matching", &["source", "target"]),
        ("performance", &["steps"]),
        ("sequencing", &["choices"]),
        ("likert", &["scale"]),
        ("numeric", &[]),
        ("other", &[]),
    ] {
        let mut definition = json!({"interactionType": kind, "correctResponsesPattern": []});
        for list in lists {
            definition[list] = json!([{"id": "x", "description": {"en": "X"}}]);
        }
        accepts(set(simple(), "/object/definition", definition), V1_0);
    }
    let oauth = json!({"objectType": "Group", "member": [
        {"account": {"homePage": "http://example.com/xAPI/OAuth/Token", "name": "oauth_consumer_x75db"}},
        {"mbox": "mailto:bob@example.com"}]});
    accepts(set(simple(), "/authority", oauth), V1_0);
    for version in ["1.0", "1.0.0", "1.0.9"] {
        accepts(set(simple(), "/version", json!(version)), V1_0);
    }
    accepts(set(simple(), "/version", json!("2.0.0")), V2_0);
    for scaled in [json!(1.0), json!(-1), json!(0)] {
        accepts(set(simple(), "/result", json!({"score": {"scaled": scaled}})), V1_0);
    }
}

#[test]
fn statements_as_a_whole() {
    let s = simple;
    refuses(json!([]), V1_0, "statement: must be an object, found an array");
    for key in ["actor", "verb", "object"] {
        refuses(without(s(), &format!("/{key}")), V1_0, &format!("statement: the property '{key}' is missing"));
        refuses(
            set(s(), &format!("/{key}"), Value::Null),
            V1_0,
            &format!("statement.{key}: must be an object, found null"),
        );
        let inner = sub(without(s(), &format!("/{key}")));
        refuses(inner, V1_0, &format!("statement.object: the property '{key}' is missing"));
    }
    refuses(set(s(), "/Actor", json!({})), V1_0, "statement: the property 'Actor' is not known here");
    refuses(
        set(s(), "/id", json!("")),
        V1_0,
        "statement.id: must be a UUID such as 7ccd3322-e1a5-411a-a67d-6a735c76f119, found ''",
    );
    refuses(set(s(), "/id", json!(5)), V1_0, "statement.id: must be a string, found a number");
    refuses(
        set(s(), "/timestamp", json!("2008-09-15T15:53:00.601-00:00")),
        V1_0,
        "statement.timestamp: must be a time whose offset is not -00:00 (write Z or +00:00), found '2008-09-15T15:53:00.601-00:00'",
    );
    refuses(
        set(s(), "/stored", json!("yesterday")),
        V1_0,
        "statement.stored: must be an RFC 3339 date and time with an offset, such as 2026-11-23T09:00:00.000Z, found 'yesterday'",
    );
    refuses(set(s(), "/version", json!("1.1.0")), V1_0, "statement.version: must be 1.0.x, found '1.1.0'");
    refuses(set(s(), "/version", json!("2.0.0")), V1_0, "statement.version: must be 1.0.x, found '2.0.0'");
    refuses(set(s(), "/version", json!("0.9.9")), V2_0, "statement.version: must be 1.0.x or 2.0.x, found '0.9.9'");
    refuses(
        set(s(), "/verb/id", json!("should fail\u{202e}")),
        V1_0,
        "statement.verb.id: must be an absolute IRI such as https://example.org/verbs/completed, found 'should fail\\u{202e}'",
    );
    refuses(without(s(), "/verb/id"), V1_0, "statement.verb: the property 'id' is missing");
    refuses(
        set(s(), "/verb/display", json!({"en_US": "x"})),
        V1_0,
        "statement.verb.display: a key must be a language tag such as en or pt-BR (RFC 5646), found 'en_US'",
    );
    refuses(
        set(s(), "/verb/display", json!({"en": null})),
        V1_0,
        "statement.verb.display.en: must be a string, found null",
    );
    refuses(set(s(), "/verb/display", json!("x")), V1_0, "statement.verb.display: must be an object, found a string");
}

#[test]
fn agents_and_groups() {
    let with = |actor: Value| set(simple(), "/actor", actor);
    refuses(with(json!({})), V1_0, "statement.actor: an Agent needs one of mbox, mbox_sha1sum, openid and account");
    refuses(
        with(json!({"mbox": "mailto:a@b.c", "openid": "http://a"})),
        V1_0,
        "statement.actor: has both 'mbox' and 'openid'; only one identifier is allowed",
    );
    refuses(
        with(json!({"mbox": "mailto:should.fail.com"})),
        V1_0,
        "statement.actor.mbox: must be 'mailto:' and one e-mail address, found 'mailto:should.fail.com'",
    );
    refuses(
        with(json!({"mbox": "mailto:a@b.c", "name": null})),
        V1_0,
        "statement.actor.name: must be a string, found null",
    );
    refuses(
        with(json!({"mbox": "mailto:a@b.c", "nmae": "x"})),
        V1_0,
        "statement.actor: the property 'nmae' is not known here",
    );
    refuses(
        with(json!({"objectType": "agent", "mbox": "mailto:a@b.c"})),
        V1_0,
        "statement.actor.objectType: must be 'Agent' or 'Group', found 'agent'",
    );
    refuses(
        with(json!({"mbox_sha1sum": "abc"})),
        V1_0,
        "statement.actor.mbox_sha1sum: must be 40 hexadecimal digits (SHA-1), found 'abc'",
    );
    refuses(
        with(json!({"account": {"name": "x"}})),
        V1_0,
        "statement.actor.account: the property 'homePage' is missing",
    );
    refuses(
        with(json!({"account": {"homePage": "http://a"}})),
        V1_0,
        "statement.actor.account: the property 'name' is missing",
    );
    refuses(
        with(json!({"account": {"homePage": "http://a", "name": {}}})),
        V1_0,
        "statement.actor.account.name: must be a string, found an object",
    );
    refuses(
        with(json!({"account": {"homePage": "ab=c://should.fail.com", "name": "x"}})),
        V1_0,
        "statement.actor.account.homePage: must be an absolute IRI such as https://example.org/verbs/completed, found 'ab=c://should.fail.com'",
    );
    refuses(
        with(json!({"mbox": "mailto:a@b.c", "member": []})),
        V1_0,
        "statement.actor: the property 'member' needs \"objectType\": \"Group\"",
    );
    refuses(
        with(json!({"objectType": "Group"})),
        V1_0,
        "statement.actor: a Group without an identifier needs at least one member",
    );
    refuses(
        with(json!({"objectType": "Group", "member": {"mbox": "mailto:a@b.c"}})),
        V1_0,
        "statement.actor.member: must be an array, found an object",
    );
    refuses(
        with(
            json!({"objectType": "Group", "member": [{"mbox": "mailto:a@b.c"}, {"objectType": "Group", "mbox": "mailto:d@b.c"}]}),
        ),
        V1_0,
        "statement.actor.member[1]: a Group cannot be a member of a Group",
    );
    refuses(
        with(json!({"objectType": "Group", "mbox": "mailto:a@b.c", "openid": "http://a"})),
        V1_0,
        "statement.actor: has both 'mbox' and 'openid'; only one identifier is allowed",
    );
    let authority = |a: Value| set(simple(), "/authority", a);
    let two = "statement.authority: a Group as authority must be anonymous and have two members";
    refuses(authority(json!({"objectType": "Group", "mbox": "mailto:a@b.c"})), V1_0, two);
    refuses(authority(json!({"objectType": "Group", "member": [{"mbox": "mailto:a@b.c"}]})), V1_0, two);
}

#[test]
fn objects() {
    let with = |object: Value| set(simple(), "/object", object);
    refuses(
        with(json!({"objectType": "activity", "id": "http://a"})),
        V1_0,
        "statement.object.objectType: must be Activity, Agent, Group, StatementRef or SubStatement, found 'activity'",
    );
    refuses(with(json!({"mbox": "mailto:a@b.c"})), V1_0, "statement.object: the property 'mbox' is not known here");
    refuses(with(json!({"objectType": "Activity"})), V1_0, "statement.object: the property 'id' is missing");
    refuses(with(json!({"objectType": "StatementRef"})), V1_0, "statement.object: the property 'id' is missing");
    refuses(
        with(json!({"objectType": "StatementRef", "id": "x"})),
        V1_0,
        "statement.object.id: must be a UUID such as 7ccd3322-e1a5-411a-a67d-6a735c76f119, found 'x'",
    );
    for key in ["id", "stored", "version", "authority"] {
        let inner = set(simple(), &format!("/{key}"), full()[key].clone());
        refuses(sub(inner), V1_0, &format!("statement.object.{key}: is not allowed in a SubStatement"));
    }
    refuses(
        sub(sub(simple())),
        V1_0,
        "statement.object.object.objectType: a SubStatement cannot contain another SubStatement",
    );
    refuses(
        sub(set(simple(), "/actor/mbox", json!("x"))),
        V1_0,
        "statement.object.actor.mbox: must be 'mailto:' and one e-mail address, found 'x'",
    );
    refuses(
        set(simple(), "/verb/id", json!(super::VOIDED)),
        V1_0,
        "statement.object.objectType: must be 'StatementRef', because the verb is 'voided'",
    );

    let definition = |d: Value| set(simple(), "/object/definition", d);
    refuses(definition(json!("x")), V1_0, "statement.object.definition: must be an object, found a string");
    refuses(
        definition(json!({"moreInfo": null})),
        V1_0,
        "statement.object.definition.moreInfo: must be a string, found null",
    );
    refuses(
        definition(json!({"Type": "http://a"})),
        V1_0,
        "statement.object.definition: the property 'Type' is not known here",
    );
    refuses(
        definition(json!({"extensions": {"x": 1}})),
        V1_0,
        "statement.object.definition.extensions: a key must be an absolute IRI such as https://example.org/verbs/completed, found 'x'",
    );
    refuses(
        definition(json!({"interactionType": "Choice"})),
        V1_0,
        "statement.object.definition.interactionType: must be true-false, choice, fill-in, long-fill-in, matching, performance, \
         sequencing, likert, numeric or other, found 'Choice'",
    );
    refuses(
        definition(json!({"choices": []})),
        V1_0,
        "statement.object.definition: the property 'choices' needs an 'interactionType'",
    );
    refuses(
        definition(json!({"interactionType": "choice", "steps": []})),
        V1_0,
        "statement.object.definition.steps: is not allowed for the interaction type 'choice'",
    );
    refuses(
        definition(json!({"interactionType": "choice", "choices": [{"id": "a"}, {"id": "a"}]})),
        V1_0,
        "statement.object.definition.choices: the id 'a' appears twice",
    );
    refuses(
        definition(json!({"interactionType": "choice", "choices": [{"description": {}}]})),
        V1_0,
        "statement.object.definition.choices[0]: the property 'id' is missing",
    );
    refuses(
        definition(json!({"interactionType": "other", "correctResponsesPattern": [1]})),
        V1_0,
        "statement.object.definition.correctResponsesPattern[0]: must be a string, found a number",
    );
}

#[test]
fn results_contexts_and_attachments() {
    let f = full;
    refuses(
        set(f(), "/result/score/scaled", json!(1.01)),
        V1_0,
        "statement.result.score.scaled: must be between -1 and 1",
    );
    refuses(
        set(f(), "/result/score/max", json!("100")),
        V1_0,
        "statement.result.score.max: must be a number, found a string",
    );
    refuses(
        set(f(), "/result/score/max", json!(0)),
        V1_0,
        "statement.result.score.min: must be less than max, found 0 and 0",
    );
    refuses(set(f(), "/result/score/raw", json!(11)), V1_0, "statement.result.score.raw: must not be greater than max");
    refuses(set(f(), "/result/score/raw", json!(-1)), V1_0, "statement.result.score.raw: must not be less than min");
    refuses(
        set(f(), "/result/score/foo", json!(1)),
        V1_0,
        "statement.result.score: the property 'foo' is not known here",
    );
    refuses(
        set(f(), "/result/completion", json!("false")),
        V1_0,
        "statement.result.completion: must be true or false, found a string",
    );
    refuses(
        set(f(), "/result/duration", json!("P4W1D")),
        V1_0,
        "statement.result.duration: must be an ISO 8601 duration such as PT4H35M59.14S or P4W, found 'P4W1D'",
    );
    refuses(
        set(f(), "/context/registration", Value::Null),
        V1_0,
        "statement.context.registration: must be a string, found null",
    );
    refuses(
        set(f(), "/context/team", json!({"mbox": "mailto:a@b.c"})),
        V1_0,
        "statement.context.team: must be a Group",
    );
    refuses(
        set(f(), "/context/language", json!("a12345")),
        V1_0,
        "statement.context.language: must be a language tag such as en or pt-BR (RFC 5646), found 'a12345'",
    );
    refuses(
        set(f(), "/context/statement", json!({"id": "6690e6c9-3ef0-4ed3-8b37-7f3964730bee"})),
        V1_0,
        "statement.context.statement: the property 'objectType' is missing",
    );
    refuses(
        set(f(), "/context/contextActivities/parents", json!([])),
        V1_0,
        "statement.context.contextActivities: the property 'parents' is not known here",
    );
    refuses(
        set(f(), "/context/contextActivities/parent", json!([{"id": "http://a"}, {"id": "b"}])),
        V1_0,
        "statement.context.contextActivities.parent[1].id: must be an absolute IRI such as https://example.org/verbs/completed, found 'b'",
    );
    let about_person = set(f(), "/object", json!({"objectType": "Agent", "mbox": "mailto:a@b.c"}));
    refuses(about_person, V1_0, "statement.context.platform: is allowed only when the object is an Activity");
    let a = "/attachments/0";
    refuses(set(f(), "/attachments", json!({})), V1_0, "statement.attachments: must be an array, found an object");
    refuses(
        set(f(), &format!("{a}/length"), json!(1.5)),
        V1_0,
        "statement.attachments[0].length: must be a whole number of bytes, found a number",
    );
    refuses(
        set(f(), &format!("{a}/sha2"), json!("x")),
        V1_0,
        "statement.attachments[0].sha2: must be a SHA-2 digest in hexadecimal digits, for example 64 of them for SHA-256, found 'x'",
    );
    refuses(without(f(), &format!("{a}/display")), V1_0, "statement.attachments[0]: the property 'display' is missing");
}

#[test]
fn context_agents_and_groups_are_known_to_version_2_only() {
    let agents = json!([{"objectType": "contextAgent", "agent": {"mbox": "mailto:p@example.com"}, "relevantTypes": ["http://a/t"]}]);
    let groups =
        json!([{"objectType": "contextGroup", "group": {"objectType": "Group", "mbox": "mailto:t@example.com"}}]);
    let with = |key: &str, value: &Value| set(simple(), "/context", json!({key: value}));
    accepts(with("contextAgents", &agents), V2_0);
    accepts(with("contextGroups", &groups), V2_0);
    refuses(with("contextAgents", &agents), V1_0, "statement.context: the property 'contextAgents' is not known here");
    refuses(
        with("contextAgents", &groups),
        V2_0,
        "statement.context.contextAgents[0]: the property 'group' is not known here",
    );
    refuses(
        with(
            "contextAgents",
            &json!([{"objectType": "contextAgent", "agent": {"mbox": "mailto:p@example.com"}, "relevantTypes": []}]),
        ),
        V2_0,
        "statement.context.contextAgents[0].relevantTypes: must not be empty",
    );
    refuses(
        with("contextGroups", &json!([{"objectType": "contextGroup"}])),
        V2_0,
        "statement.context.contextGroups[0]: the property 'group' is missing",
    );
}

#[test]
fn a_batch_names_the_statement_and_refuses_equal_ids() {
    let id = "6690e6c9-3ef0-4ed3-8b37-7f3964730bee";
    let one = set(simple(), "/id", json!(id));
    let same = set(simple(), "/id", json!(id.to_uppercase()));
    let text = |v: Value| v.to_string().into_bytes();
    let error = |v: Value| Statement::parse_all(&text(v), V1_0).unwrap_err().to_string();
    assert_eq!(Statement::parse_all(&text(json!([one, simple()])), V1_0).unwrap().len(), 2);
    assert_eq!(Statement::parse_all(&text(one.clone()), V1_0).unwrap().len(), 1);
    assert_eq!(Statement::parse_all(b"[]", V1_0).unwrap().len(), 0);
    assert_eq!(error(json!([one, same])), "statement[1].id: statement[0] has the same id");
    assert_eq!(
        error(json!([simple(), simple(), set(simple(), "/actor/mbox", json!("bob"))])),
        "statement[2].actor.mbox: must be 'mailto:' and one e-mail address, found 'bob'"
    );
}

#[test]
fn versions_of_the_header() {
    for (text, version) in [
        ("1.0", Some(V1_0)),
        ("1.0.3", Some(V1_0)),
        ("1.0.99", Some(V1_0)),
        ("2.0", Some(V2_0)),
        ("2.0.0", Some(V2_0)),
        ("", None),
        ("1", None),
        ("1.0.", None),
        ("1.1.0", None),
        ("1.00", None),
        ("0.95", None),
        ("2.1.0", None),
        ("1.0.x", None),
    ] {
        assert_eq!(Version::parse(text), version, "{text}");
    }
}
