//! The command line of `inventory`.

// The comments here are what --help prints, where marks of Markdown would stand as they are.
#![allow(clippy::doc_markdown)]

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Subcommand};

use crate::place::Place;

#[derive(Debug, Args)]
#[command(
    after_help = "Exports begin at some day, and what is older is not in them. A list says what there was; without one, answers are \
                  of what was seen since. docs/inventory.md has the format of the file, and an example from beginning to end."
)]
pub(crate) struct Inventory {
    #[command(subcommand)]
    pub(crate) command: InventoryCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InventoryCommand {
    /// Take a file of lists into a lake
    Import(ImportInventory),
    /// Show which lists there are, and what stands now, in numbers
    Show(AskInventory),
    /// Show who holds permissions together that should be apart
    Combinations(AskInventory),
    /// Show which data sources were never classified, queried or reached by a policy
    Coverage(AskInventory),
}

#[derive(Debug, Args)]
#[command(
    after_help = "The file is CSV in UTF-8. Its first line names the columns, in any order, of:\n  date        the day on which \
                  the list was taken, like 2026-11-01\n  kind        data_source, permission or group_member\n  id, name    of the \
                  data source, or of the user or group; one of the two at least\n  permission  which one the user or group \
                  holds\n  group, group_id\n              which group the user is in; one of the two at least\n\nAll rows of one \
                  kind and date are one list. It is taken to be complete: whoever is not on it holds nothing on that day. What \
                  is not understood is said with its line, and then nothing is taken in."
)]
pub(crate) struct ImportInventory {
    /// The file
    pub(crate) file: PathBuf,
    /// The lake, a folder or s3://bucket/prefix
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
    /// The day on which the lists were taken, for a file that does not say it
    #[arg(long, value_name = "DATE")]
    pub(crate) date: Option<NaiveDate>,
    /// Put these lists in the place of others of the same kind and date
    #[arg(long)]
    pub(crate) replace: bool,
    /// Say what would be taken in, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AskInventory {
    /// The lake, a folder or s3://bucket/prefix
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
