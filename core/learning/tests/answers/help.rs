//! `help`: what there is for everybody, and what one's role brings.

use stoa_ground::people::Role;

use super::Office;

async fn duties(o: &Office, name: &str, roles: &[Role]) -> String {
    let person = o.hire(name, |_| ()).await;
    for role in roles {
        o.grant(&person, *role).await;
    }
    o.says(name, "hello").await;
    let help = o.says(name, "help").await;
    let Some((_, duties)) = help.split_once("And because of your role:") else { return "nothing".to_owned() };
    duties.trim().lines().filter(|line| line.starts_with("- ")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn help_says_to_everybody_what_their_role_brings_and_no_more() {
    let o = Office::open().await;
    assert_eq!(duties(&o, "Ana", &[]).await, "nothing");
    insta::assert_snapshot!(duties(&o, "Lea", &[Role::Learning]).await, @r#"
    - **ask gaps**: what people asked and nothing answers, by topic
    - **ask curated**: answers that people here wrote
    - **ask channel**: typed in a channel: when I speak up there
    - **learn schedule**: bring a lesson to a team
    - **training new**: write a requirement, which somebody else approves
    - **training requirements**: what is required of whom, and who is missing
    - **training status**: who has done what; “training status as of 31 March” works too
    - **training unreachable**: people whom no message reaches
    "#);
    insta::assert_snapshot!(duties(&o, "Alma", &[Role::Approver]).await, @r#"
    - **ask curated**: answers that people here wrote
    - **training requirements**: what is required of whom, and who is missing
    - **training requests**: what waits for your decision
    "#);
    insta::assert_snapshot!(duties(&o, "Otto", &[Role::Auditor, Role::Expert]).await, @r#"
    - **ask curated**: answers that people here wrote
    - **training requirements**: what is required of whom, and who is missing
    - **training status**: who has done what; “training status as of 31 March” works too
    "#);
}
