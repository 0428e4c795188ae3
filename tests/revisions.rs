//! The revisions beside the race catalogue: each review round has the rows that were found in it, and no later revision
//! has them. A row belongs to a revision whose table has the wrong alternative of the row's defect. That a decision does
//! not come up there can still hide it: 1.24.0 ends no turn in an unlocked section (R07, R21), as its loop holds the
//! lock. And a round can have a row in another form: R17 is `cursor_advance: no_cursor` up to round 4, R08 is
//! `late_message: idle` up to round 2, and N07 is `close_in_flight: read_again` in all of them, which
//! pauses first as well. A switch of the model came with #3390, between round 7 and `merged`: N25 to N27 and N30 say of what is older how
//! it would be with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use turnloom::subject::model::{DEFECTS, Decisions, REVISIONS};

fn decisions(revision: &str, defects: &[String]) -> Decisions {
    Decisions::of(revision, &BTreeMap::new(), defects).expect("names that there are")
}

#[test]
fn each_revision_has_the_rows_that_were_found_in_it() {
    let mut text = String::new();
    for revision in REVISIONS {
        let own = decisions(revision.name, &[]);
        let has = |name: &str| decisions(revision.name, &[name.to_owned()]) == own;
        let rows: BTreeSet<&str> =
            DEFECTS.iter().filter(|defect| has(defect.name)).map(|defect| defect.row).collect();
        let rows: Vec<&str> = rows.into_iter().collect();
        let line = format!("{:8} {}", revision.name, rows.join(" "));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    insta::assert_snapshot!(text, @"
    fixed
    1.25.0   N01 N02 N03 N04 N05 N06 N08 N10 N11 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N31 N32 N33 N37 N38 N39 P01 R36
    merged   N01 N02 N03 N04 N05 N06 N08 N10 N11 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N31 N32 N33 N37 N38 N39 P01 P02 P03 R35 R36
    round-7  N01 N02 N03 N04 N05 N06 N08 N10 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N32 N33 N37 N38 N39 P01 P02 P03 R23 R24 R26 R27 R28 R29 R35 R36 R37 R39 R40
    round-6  N01 N02 N03 N04 N05 N06 N08 N10 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N32 N33 N37 N38 N39 P01 P02 P03 R22 R23 R24 R26 R27 R28 R29 R35 R36 R37 R39 R40
    round-5  N01 N02 N03 N04 N05 N06 N08 N10 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N32 N33 N37 N38 N39 P01 P02 P03 R19 R20 R21 R22 R24 R27 R28 R29 R35 R36 R37 R39 R40
    round-4  N01 N02 N03 N04 N05 N06 N08 N10 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N32 N33 N37 N38 N39 P01 P02 P03 R13 R14 R15 R16 R18 R19 R20 R21 R22 R24 R27 R28 R29 R35 R36 R37 R39 R40
    round-3  N01 N02 N03 N04 N05 N06 N08 N10 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N32 N33 N37 N38 N39 P01 P02 P03 R10 R11 R12 R13 R14 R15 R18 R19 R20 R21 R22 R24 R27 R28 R29 R35 R36 R37 R39 R40
    round-2  N01 N02 N03 N04 N05 N06 N08 N10 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N32 N33 N37 N38 N39 P01 P02 P03 R07 R09 R10 R11 R12 R13 R14 R15 R18 R19 R20 R21 R22 R24 R27 R28 R29 R35 R36 R37 R39 R40
    round-1  N01 N02 N03 N04 N05 N06 N08 N10 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N32 N33 N37 N38 N39 P01 P02 P03 R05 R06 R07 R09 R10 R11 R12 R13 R14 R15 R18 R19 R20 R21 R22 R24 R27 R28 R29 R35 R36 R37 R39 R40
    base     N01 N02 N03 N04 N05 N06 N08 N10 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N32 N33 N37 N38 N39 P01 P02 P03 R01 R02 R03 R05 R07 R09 R10 R11 R12 R13 R14 R15 R18 R19 R20 R21 R22 R24 R27 R28 R29 R35 R36 R37 R39 R40
    1.24.0   N01 N02 N03 N04 N05 N06 N08 N10 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 N27 N28 N29 N30 N32 N33 N37 N38 N39 P01 P02 P03 R01 R02 R03 R05 R07 R09 R10 R11 R12 R13 R14 R15 R18 R19 R20 R21 R22 R24 R27 R28 R29 R35 R36 R39 R40
    ");
}
