//! `inventory import`: takes a file of lists into a lake, all of them or none.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use immuta_watch::inventory::{Faults, List, MOST_BYTES, PAIRS, Taken, combinations, read};
use immuta_watch::lake::{Clock, ListPlace, SystemClock, keep_list, place_of};
use serde_json::json;

use super::inventory::{Found, is_to_come};
use super::{create_lake, open_lake};
use crate::arguments::ImportInventory;
use crate::exit::Exit;
use crate::runtime::block_on;
use crate::stores::AnyStore;
use crate::terminal::{Cell, DIM, GREEN, Table, YELLOW, counted, harmless, number, program, say, wrapped};

/// What becomes of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    WouldBeTaken,
    Replaced,
    WouldBeReplaced,
    ThereAlready,
}

impl Fate {
    fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken in",
            Self::WouldBeTaken => "would be taken in",
            Self::Replaced => "in the place of another",
            Self::WouldBeReplaced => "would be put in the place of another",
            Self::ThereAlready => "there already",
        }
    }
}

pub(crate) fn import(arguments: &ImportInventory) -> Result<Exit> {
    let taken = match from_file(&arguments.file, arguments)? {
        Ok(taken) => taken,
        Err(faults) => bail!("{}", in_words(&arguments.file, &faults)),
    };
    let now = SystemClock.now();
    if let Some(list) = taken.lists.iter().find(|list| is_to_come(list.date, now)) {
        bail!("a list of {} cannot have been taken yet; see the column date, or --date", list.date);
    }
    let store = open_lake(&arguments.lake)?;
    let places = places(arguments, &store, &taken.lists)?;
    let fates = keep(arguments, &taken.lists, places)?;
    if arguments.json {
        print_json(arguments, &taken, &fates)?;
    } else {
        print(arguments, &taken, &fates)?;
    }
    Ok(Exit::Done)
}

fn from_file(path: &Path, arguments: &ImportInventory) -> Result<Result<Taken, Faults>> {
    let cannot = || format!("{} cannot be read", path.display());
    let mut content = Vec::new();
    // One more than is taken, so that a longer file is told.
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut content)).with_context(cannot)?;
    Ok(read(&content, arguments.date))
}

/// Why a file is not taken in, a line each.
fn in_words(path: &Path, faults: &Faults) -> String {
    let lines = faults.first.iter().map(|fault| format!("\n  line {}: {}", fault.line, harmless(&fault.what, 400)));
    let more = if faults.more > 0 { format!("\n  and {} more", number(faults.more)) } else { String::new() };
    format!("nothing of {} was taken in:{}{more}", path.display(), lines.collect::<String>())
}

/// What stands where each list is to be written. Nothing is written if another list stands there and may not be replaced.
fn places(arguments: &ImportInventory, store: &AnyStore, lists: &[List]) -> Result<Vec<ListPlace>> {
    let mut places = Vec::new();
    for list in lists {
        let place = block_on(place_of(store, list))?.context("the lake's lists cannot be read")?;
        if let (ListPlace::Taken { rows, .. }, false) = (&place, arguments.replace) {
            let has =
                rows.map_or_else(|| "a damaged one".to_owned(), |rows| format!("one with {}", counted(rows, "row")));
            bail!(
                "nothing was taken in: this file has a list of {} of {} with {}, and the lake has {has}; --replace puts \
                 this one in its place",
                list.kind.in_words(),
                list.date,
                counted(list.rows().len() as u64, "row"),
            );
        }
        places.push(place);
    }
    Ok(places)
}

fn keep(arguments: &ImportInventory, lists: &[List], places: Vec<ListPlace>) -> Result<Vec<Fate>> {
    let writes = places.iter().any(|place| *place != ListPlace::Same) && !arguments.dry_run;
    let store = if writes { Some(create_lake(&arguments.lake)?) } else { None };
    let mut fates = Vec::new();
    for (list, place) in lists.iter().zip(places) {
        let fate = match (&place, &store) {
            (ListPlace::Same, _) => Fate::ThereAlready,
            (ListPlace::Free, None) => Fate::WouldBeTaken,
            (ListPlace::Taken { .. }, None) => Fate::WouldBeReplaced,
            (ListPlace::Free, Some(_)) => Fate::Taken,
            (ListPlace::Taken { .. }, Some(_)) => Fate::Replaced,
        };
        if let Some(store) = &store {
            let kept = block_on(keep_list(store, list, place))?;
            let kept = kept.with_context(|| {
                format!("the list of {} of {} could not be kept; run this again", list.kind.in_words(), list.date)
            })?;
            if !kept {
                let (kind, date) = (list.kind.in_words(), list.date);
                bail!("somebody else imported a list of {kind} of {date} meanwhile; run this again");
            }
        }
        fates.push(fate);
    }
    Ok(fates)
}

fn print(arguments: &ImportInventory, taken: &Taken, fates: &[Fate]) -> Result<()> {
    let mut table = Table::new(&[2]);
    table.head(&["LIST OF", "DATE", "ROWS", "WHAT BECAME OF IT"]);
    for (list, fate) in taken.lists.iter().zip(fates) {
        let style = match fate {
            Fate::Taken => GREEN,
            Fate::Replaced => YELLOW,
            _ => DIM,
        };
        table.row(vec![
            Cell::plain(list.kind.in_words()),
            Cell::plain(list.date.to_string()),
            Cell::plain(number(list.rows().len() as u64)),
            Cell::styled(style, fate.as_str()),
        ]);
    }
    say!("{}", table.lines())?;
    if taken.repeated > 0 {
        say!("  {} of the file say what another one says, and count once", counted(taken.repeated, "row"))?;
    }
    if arguments.dry_run {
        say!("\nNothing was written. Without --dry-run these lists are taken in.")?;
        return Ok(());
    }
    let found = Found::in_lake(&arguments.lake)?;
    let combinations = combinations(&found.standing);
    let (lake, program) = (&arguments.lake, program());
    if combinations.is_empty() {
        say!("\nNobody holds two permissions together that should be apart, as far as is known.")?;
        say!("Look at what stands now: {program} inventory show --lake {lake}")?;
        return Ok(());
    }
    let gravest = combinations.iter().filter(|combination| *combination.pair == PAIRS[0]).count() as u64;
    let [one, other] = PAIRS[0].permissions;
    let sum = format!(
        "Permissions that should be apart are held together {}, {} of these {one} with {other}. Nobody is told of what was so \
         before.",
        times(combinations.len() as u64),
        number(gravest)
    );
    say!("\n{}", wrapped(&sum, "", ""))?;
    say!("See who holds them: {program} inventory combinations --lake {lake}")?;
    Ok(())
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", number(count)) }
}

fn print_json(arguments: &ImportInventory, taken: &Taken, fates: &[Fate]) -> Result<()> {
    let list = |(list, fate): (&List, &Fate)| {
        let rows = list.rows().len();
        json!({ "kind": list.kind, "date": list.date, "rows": rows, "fate": fate.as_str() })
    };
    let lists: Vec<_> = taken.lists.iter().zip(fates).map(list).collect();
    let written = fates.iter().any(|fate| matches!(fate, Fate::Taken | Fate::Replaced));
    let report =
        json!({ "lists": lists, "repeated_rows": taken.repeated, "dry_run": arguments.dry_run, "written": written });
    say!("{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
