//! A file of lists, of whatever bytes: reading it ends; what is refused is refused with lines of the file; what is taken in stands in
//! the lake as it was read, and a row never stands without what its kind takes.

use immuta_watch::inventory::{List, ListKind, read};

pub(crate) fn check(data: &[u8]) {
    let day = "2026-11-01".parse().ok();
    for date in [None, day] {
        match read(data, date) {
            Err(faults) => {
                assert!(!faults.first.is_empty());
                let lines = data.split(|byte| *byte == b'\n').count() as u64;
                assert!(faults.first.iter().all(|fault| (1..=lines).contains(&fault.line)), "{faults}");
            }
            Ok(taken) => {
                assert!(!taken.lists.is_empty());
                for list in taken.lists {
                    assert_eq!(List::decode(&list.encode()).as_ref(), Ok(&list));
                    for row in list.rows() {
                        assert!(!row.id.is_empty() || !row.name.is_empty());
                        assert_eq!(!row.permission.is_empty(), list.kind == ListKind::Permission);
                        let has_group = !row.group.is_empty() || !row.group_id.is_empty();
                        assert_eq!(has_group, list.kind == ListKind::GroupMember);
                    }
                }
            }
        }
    }
}
