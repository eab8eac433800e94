//! What goes to the terminal: colours, numbers, columns, and text from events made harmless.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use immuta_watch::rules::Level;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Prints a line, as `println!` does, but a reader that has enough (`| head`) is an error and not a panic.
macro_rules! say {
    ($($argument:tt)*) => {
        std::io::Write::write_fmt(&mut anstream::stdout(), format_args!("{}\n", format_args!($($argument)*)))
    };
}
pub(crate) use say;

/// The colour of a level; the word always stands beside it.
pub(crate) fn of_level(level: Level) -> Style {
    match level {
        Level::Critical | Level::High => RED,
        Level::Medium => YELLOW,
        Level::Low => PLAIN,
        Level::Informational => DIM,
    }
}

/// This program as it was called, so that a suggested command works when it is copied.
pub(crate) fn program() -> String {
    let called = std::env::args().next().filter(|name| name.contains(std::path::MAIN_SEPARATOR));
    called.unwrap_or_else(|| "immuta-watch".to_owned())
}

/// Text in a style.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    if style == PLAIN { text.to_string() } else { format!("{style}{text}{style:#}") }
}

/// Text from an event, fit for a terminal: control characters and those that change the direction of writing are
/// replaced, so that a name can neither move the cursor nor disguise itself; at most `most` characters.
pub(crate) fn harmless(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == most {
            shown.push('…');
            break;
        }
        let is_hidden = character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
        if is_hidden {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Text broken into lines of the terminal's width, 100 columns at the most; never within a word, so that ids can be copied.
pub(crate) fn wrapped(text: &str, first: &str, later: &str) -> String {
    const WIDEST: usize = 100;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let options = textwrap::Options::new(textwrap::termwidth().min(WIDEST))
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(&text, options.initial_indent(first).subsequent_indent(later))
}

/// A number with thousands set apart by commas.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", number(count))
}

/// Bytes in the unit that reads best.
#[allow(clippy::cast_precision_loss)] // two digits are shown
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1000.0 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{amount:.1} {}", UNITS[unit]) }
}

/// Rows of a table, their columns aligned; `right` names the columns that are numbers.
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
    right: &'static [usize],
}

/// A cell: its text, and the style it is shown in.
pub(crate) struct Cell(Style, String);

impl Cell {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self(PLAIN, text.into())
    }

    pub(crate) fn styled(style: Style, text: impl Into<String>) -> Self {
        Self(style, text.into())
    }
}

impl Table {
    pub(crate) fn new(right: &'static [usize]) -> Self {
        Self { rows: Vec::new(), right }
    }

    pub(crate) fn head(&mut self, names: &[&str]) {
        self.rows.push(names.iter().map(|name| Cell::styled(DIM, *name)).collect());
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The lines, indented by two, without a newline at the end.
    pub(crate) fn lines(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.1.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::from(" ");
            for (column, Cell(style, content)) in row.iter().enumerate() {
                let gap = " ".repeat(widths[column] - content.chars().count());
                let shown = styled(*style, content);
                if self.right.contains(&column) {
                    let _ = write!(line, " {gap}{shown} ");
                } else {
                    let _ = write!(line, " {shown}{gap} ");
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.truncate(text.trim_end_matches('\n').len());
        text
    }
}

/// A progress bar on a terminal, nothing elsewhere.
pub(crate) fn progress(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let template = "{prefix} [{bar:30}] {percent}% · {msg} · {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(608_600_000), "608.6 MB");
    }

    #[test]
    fn text_from_events_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc\u{202e}d", 99), "a\\u{1b}[2Jb\\u{a}c\\u{202e}d");
        assert_eq!(harmless("abcdef", 3), "abc…");
        assert_eq!(harmless("Zoë 🔑", 99), "Zoë 🔑");
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&[1]);
        table.head(&["NAME", "COUNT"]);
        table.row(vec![Cell::plain("a"), Cell::plain("10")]);
        table.row(vec![Cell::plain("longer"), Cell::plain("9")]);
        let text = anstream::adapter::strip_str(&table.lines()).to_string();
        assert_eq!(text, "  NAME    COUNT\n  a          10\n  longer      9");
    }
}
