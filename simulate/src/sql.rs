//! The text of a query, in the manner of whoever wrote it.

use std::fmt::Write as _;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::catalogue::Column;
use crate::dice::pick;
use crate::platform::Platform;
use crate::record::civil;
use crate::tenant::Source;

/// A query over `sources`, of the first of which it names `columns`.
pub(crate) fn text(
    rng: &mut ChaCha8Rng,
    at: i64,
    login: &str,
    service: bool,
    sources: &[&Source],
    columns: &[&Column],
) -> String {
    let mut sql = String::with_capacity(512);
    if service {
        let model = &sources[0].name;
        let _ = writeln!(
            sql,
            "/* {{\"app\": \"{}\", \"node\": \"model.northwind.{model}\", \"target\": \"prod\"}} */",
            login.to_ascii_lowercase()
        );
    }
    let style = if sources.len() > 1 { 3 } else { rng.random_range(0..3) };
    match style {
        0 => {
            let many = *pick(rng, &[100, 500, 1000, 5000, 10_000]);
            let top = sources[0].platform == Platform::Synapse;
            sql.push_str("SELECT ");
            if top {
                let _ = write!(sql, "TOP {many} ");
            }
            list(&mut sql, "", columns);
            let _ = write!(sql, "\nFROM {}", table(sources[0]));
            filter(rng, &mut sql, at, "", columns);
            if !top {
                let _ = write!(sql, "\nLIMIT {many}");
            }
        }
        1 => {
            sql.push_str("SELECT ");
            list(&mut sql, "", columns);
            let _ = write!(sql, ", COUNT(*) AS n\nFROM {}", table(sources[0]));
            filter(rng, &mut sql, at, "", columns);
            sql.push_str("\nGROUP BY ");
            list(&mut sql, "", columns);
            sql.push_str("\nORDER BY n DESC");
        }
        2 => {
            sql.push_str("WITH recent AS (\n  SELECT ");
            list(&mut sql, "", columns);
            let _ = write!(sql, "\n  FROM {}", table(sources[0]));
            filter(rng, &mut sql, at, "", columns);
            sql.push_str("\n)\nSELECT ");
            list(&mut sql, "r.", columns);
            sql.push_str(" FROM recent r");
        }
        _ => {
            sql.push_str("SELECT ");
            list(&mut sql, "t0.", columns);
            let _ = write!(sql, "\nFROM {} t0", table(sources[0]));
            for (number, source) in sources.iter().enumerate().skip(1) {
                let _ = write!(sql, "\nLEFT JOIN {} t{number} ON t{number}.id = t0.{}", table(source), columns[0].name);
            }
            filter(rng, &mut sql, at, "t0.", columns);
        }
    }
    sql
}

/// A cell of a notebook: a query over the first of `sources`, and one for each of the others.
pub(crate) fn cell(rng: &mut ChaCha8Rng, at: i64, login: &str, sources: &[&Source], columns: &[&Column]) -> String {
    let mut cell = text(rng, at, login, false, &sources[..1], columns);
    for (number, source) in sources.iter().enumerate().skip(1) {
        let _ = write!(cell, ";\nCREATE TEMP VIEW step_{number} AS SELECT * FROM {}", table(source));
    }
    cell
}

fn list(sql: &mut String, alias: &str, columns: &[&Column]) {
    for (number, column) in columns.iter().enumerate() {
        if number > 0 {
            sql.push_str(", ");
        }
        sql.push_str(alias);
        sql.push_str(column.name);
    }
}

/// A condition on the last column, or on a date if one is there.
fn filter(rng: &mut ChaCha8Rng, sql: &mut String, at: i64, alias: &str, columns: &[&Column]) {
    let date = |column: &&&Column| column.name.ends_with("_at") || column.name.ends_with("_on");
    if let Some(column) = columns.iter().find(date) {
        let since = civil(at - rng.random_range(1..90) * 24 * crate::plan::HOUR);
        let _ = write!(
            sql,
            "\nWHERE {alias}{} >= DATE '{:04}-{:02}-{:02}'",
            column.name, since.year, since.month, since.day
        );
    } else if let Some(column) = columns.last() {
        let _ = write!(sql, "\nWHERE {alias}{} IS NOT NULL", column.name);
    }
}

fn table(source: &Source) -> String {
    let Source { database, schema, name, platform, .. } = source;
    match platform {
        Platform::Snowflake => format!("{database}.{}.{name}", schema.to_uppercase()),
        Platform::BigQuery | Platform::Databricks => format!("`{database}`.`{schema}`.`{name}`"),
        Platform::Redshift => format!("{schema}.{name}"),
        Platform::Synapse => format!("[{database}].[{schema}].[{name}]"),
        Platform::Trino | Platform::Starburst => format!("\"{database}\".\"{schema}\".\"{name}\""),
    }
}
