//! A small library about the machines of a company, questions about it, and the staff list.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

const MACHINES: [&str; 24] = [
    "coffee machine",
    "label printer",
    "forklift",
    "pallet scale",
    "laminator",
    "paper shredder",
    "bottle washer",
    "dough mixer",
    "steam oven",
    "vacuum sealer",
    "ice maker",
    "conveyor belt",
    "barcode scanner",
    "air compressor",
    "floor polisher",
    "band saw",
    "drill press",
    "spray booth",
    "dust extractor",
    "welding table",
    "cargo lift",
    "cold store",
    "loading ramp",
    "battery charger",
];

/// What every answer to [`question`] says.
pub const ANSWER: &str = "wipe it with a damp cloth";

/// Writes the library's pages into a folder.
pub fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for (n, machine) in MACHINES.iter().enumerate() {
        let minutes = n + 3;
        let page = format!(
            "---\ntitle: The {machine}\n---\n# The {machine}\n\n## Cleaning\n\nTo clean the {machine}, switch it off, \
             {ANSWER} and leave it open for {minutes} minutes.\n\n## When it stops\n\nWhen the {machine} stops in the middle \
             of its work, press the red button {} times and call the workshop if that does not help.\n\n## Spare parts\n\n\
             Spare parts of the {machine} lie on shelf {n} of the store room; write down what you take.\n",
            n % 4 + 1
        );
        std::fs::write(folder.join(format!("{n:02}.md")), page)?;
    }
    Ok(())
}

/// The n-th of many questions.
#[must_use]
pub fn question(n: usize) -> String {
    format!("How do I clean the {}?", MACHINES[n % MACHINES.len()])
}

/// A staff list: so many people in each zone, one after the other, with their account `id(n)` in the column `account`.
pub fn staff(zones: &[(usize, &str)], account: &str, id: impl Fn(usize) -> String) -> Result<String> {
    let mut list = format!("employee_id,name,email,timezone,{account},stoa_roles\n");
    let each = zones.iter().flat_map(|(people, zone)| std::iter::repeat_n(zone, *people));
    for (n, zone) in each.enumerate() {
        let role = if n == 0 { "learning" } else { "" };
        writeln!(list, "E{n},Person {n},p{n}@example.org,{zone},{},{role}", id(n))?;
    }
    Ok(list)
}
