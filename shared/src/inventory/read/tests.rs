use super::*;

fn faults(text: &str) -> String {
    read(text.as_bytes(), None).unwrap_err().to_string()
}

fn taken(text: &str) -> Vec<(String, String, Vec<Row>)> {
    let lists = read(text.as_bytes(), None).unwrap().lists;
    lists.into_iter().map(|list| (list.date.to_string(), list.kind.to_string(), list.rows().to_vec())).collect()
}

const GOOD: &str = "date,kind,id,name,permission,group\n\
    2026-11-01,permission,ann@x,Ann,GOVERNANCE,\n\
    2026-11-01,data_source,7,hr.pay,,\n\
    2026-11-01,group_member,ann@x,Ann,,Auditors\n";

#[test]
fn a_file_has_a_list_for_each_kind_and_date() {
    let lists = taken(&format!("{GOOD}2026-12-01,permission,tom@x,,AUDIT,\n"));
    let shown: Vec<_> = lists.iter().map(|(date, kind, rows)| format!("{date} {kind} {}", rows.len())).collect();
    assert_eq!(
        shown,
        ["2026-11-01 data_source 1", "2026-11-01 permission 1", "2026-11-01 group_member 1", "2026-12-01 permission 1"]
    );
    assert_eq!((lists[0].2[0].id.as_str(), lists[0].2[0].name.as_str()), ("7", "hr.pay"));
    assert_eq!(lists[2].2[0].group, "Auditors");
}

#[test]
fn how_a_program_wrote_the_file_is_of_no_account() {
    let expected = taken(GOOD);
    let lines: Vec<&str> = GOOD.lines().collect();
    for other in [
        format!("\u{feff}{GOOD}"),
        GOOD.replace('\n', "\r\n"),
        GOOD.replace(',', ";"),
        GOOD.replace(',', "\t"),
        GOOD.trim_end().to_owned(),
        GOOD.replace("Ann", "\" Ann \""),
        GOOD.replace("kind", "Kind").replace("permission,ann", "Permission,ann"),
        GOOD.replace("data_source", "data source").replace('\n', "\n\n,,,,,\n"),
        [lines[0], lines[3], lines[1], lines[2], lines[1], ""].join("\n"),
    ] {
        assert_eq!(taken(&other), expected, "{other}");
    }
}

#[test]
fn quoted_values_may_hold_anything() {
    let text = "kind,name,date\ndata_source,\"a, \"\"b\"\"\nc\u{1b}[2J\",2026-11-01\n";
    assert_eq!(taken(text)[0].2[0].name, "a, \"b\"\nc\u{1b}[2J");
}

#[test]
fn rows_that_say_the_same_count_once_and_are_told() {
    let once = "kind,name,date\ndata_source,a,2026-11-01\n";
    let twice = read(format!("{once}data_source,a,2026-11-01\n").as_bytes(), None).unwrap();
    assert_eq!((twice.repeated, twice.lists), (1, read(once.as_bytes(), None).unwrap().lists));
}

#[test]
fn each_fault_is_told_with_its_line() {
    let said = faults(
        "date,kind,id,name,permission,group\n\
         2026-11-01,permission,ann@x,Ann,,\n\
         01/11/2026,permission,ann@x,Ann,AUDIT,\n\
         2026-11-01,permision,ann@x,Ann,AUDIT,\n\
         2026-11-01,permission,,,AUDIT,\n\
         2026-11-01,group_member,ann@x,,,\n\
         2026-11-01,data_source,7,,AUDIT,\n\
         2026-11-01,data_source,7\n\
         ,data_source,7,,,\n\
         2026-11-01,,7,,,\n",
    );
    for expected in [
        "line 2: it has no permission\n",
        "line 3: \"01/11/2026\" is no date; write it like 2026-11-01\n",
        "line 4: there is no kind \"permision\"; did you mean permission?; it is one of data_source,",
        "line 5: it names no user: id or name is needed\n",
        "line 6: it names no group",
        "line 7: a data_source has no permission; leave it empty\n",
        "line 8: it has 3 values, and the header names 6;",
        "line 9: it has no date; add a column date, or say it with --date\n",
        "line 10: it has no kind; it is one of",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn the_line_is_that_of_the_file_whatever_lines_values_span() {
    assert!(faults("kind,name\ndata_source,\"a\nb\"\n").starts_with("line 2: it has no date"));
    for end in ["\n", "\r\n"] {
        let text = "\nkind,name,date\ndata_source,\"a\nb\",2026-11-01\n\n\nnothing,b,2026-11-01\n".replace('\n', end);
        let said = faults(&text);
        assert!(said.starts_with("line 7: there is no kind \"nothing\""), "{said}");
    }
}

#[test]
fn wrong_columns_are_told_with_those_there_are() {
    let known = "the columns are date, kind, id, name, permission, group, group_id";
    let said = faults("kind,permision\n");
    assert_eq!(said, format!("line 1: there is no column \"permision\"; did you mean permission?; {known}"));
    assert!(faults("kind,\u{1b}[2J\n").contains("there is no column \"\\u{1b}[2J\""));
    assert_eq!(faults("kind,id,id\n"), "line 1: the column id is named twice");
    assert!(faults("id,name\n1,a\n").starts_with("line 1: the column kind is missing"));
    assert!(faults("").starts_with("line 1: the file is empty"));
    assert_eq!(faults("kind,id\n"), "line 1: the file has no row below its header");
}

#[test]
fn what_is_no_text_or_left_open_is_told_with_its_line() {
    let latin = b"kind,name,date\ndata_source,ok,2026-11-01\ndata_source,J\xf6rg,2026-11-01\n";
    let said = read(latin, None).unwrap_err().to_string();
    assert_eq!(said, "line 3: this is not UTF-8; save the file as CSV in UTF-8");
    assert!(read(b"\xff\xfek\0i\0", None).unwrap_err().to_string().contains("UTF-16"));
    let open = "kind,name,date\ndata_source,ok,2026-11-01\ndata_source,\"a \"\"b\"\" c,2026-11-01\n";
    assert_eq!(faults(&format!("{open}data_source,b,2026-11-01\n")), "line 3: a quote is opened here and never closed");
    let long = "x".repeat(LONGEST + 1);
    let said = faults(&format!("kind,name,date\ndata_source,{long},2026-11-01\n"));
    assert!(said.starts_with("line 2: name has 1001 bytes, and 1000 at the most"), "{said}");
}

#[test]
fn of_very_many_faults_the_first_are_told() {
    let said = faults(&format!("kind,name\n{}", "data_source,a\n".repeat(100)));
    assert_eq!(said.lines().count(), MOST_FAULTS + 1);
    assert!(said.ends_with("and 80 more"));
}

#[test]
fn a_date_from_outside_counts_where_rows_have_none_and_may_not_contradict() {
    let day = "2026-11-01".parse().ok();
    assert_eq!(read(b"kind,name\ndata_source,a\n", day).unwrap().lists[0].date.to_string(), "2026-11-01");
    let said = read(b"kind,name,date\ndata_source,a,2026-10-01\n", day).unwrap_err().to_string();
    assert_eq!(said, "line 2: it bears the date 2026-10-01, and --date says 2026-11-01");
    for odd in ["2026-1-1", "+2026-11-01", "2026-02-30", "12026-11-01", "today"] {
        assert!(faults(&format!("kind,name,date\ndata_source,a,{odd}\n")).contains("is no date"), "{odd}");
    }
}

proptest::proptest! {
    /// Whatever a file holds, reading it ends, and what is taken in can be written and read back.
    #[test]
    fn any_bytes_are_read_or_refused(head in "(kind,name,date|date;kind;id|\\PC{0,20})", body in "(data_source|[\\PC\n\",;]|2026-11-01){0,60}") {
        if let Ok(taken) = read(format!("{head}\n{body}").as_bytes(), None) {
            for list in taken.lists {
                proptest::prop_assert_eq!(List::decode(&list.encode()), Ok(list));
            }
        }
    }
}
