//! What each notice says: what happened, what it means, and what to do.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::Notice;
use crate::event::Party;
use crate::lake::Audited;
use crate::notify::compose::NoticeText;
use crate::notify::message::Fact;
use crate::rules::Level;

impl Notice {
    pub(super) fn text(&self, lake: &str) -> NoticeText {
        match self {
            Notice::ExportTooLarge { uri, bytes, most, .. } => export_too_large(uri, *bytes, *most, lake),
            Notice::ExportGone { uri, .. } => export_gone(uri),
            Notice::ExportNotClassified { uri, since, .. } => export_not_classified(uri, *since, lake),
            Notice::ExportsSilent { exports, since, usual_gap } => exports_silent(exports, *since, *usual_gap),
            Notice::NotificationsNotAudited { kind, count, receipts, .. } => {
                notifications_not_audited(kind, *count, receipts, lake)
            }
            Notice::ChangesNotAnnounced { kind, count, examples, events, told, .. } => {
                changes_not_announced(kind, *count, examples, *events, *told, lake)
            }
            Notice::AccessMoved(moved) => moved.text(lake),
            Notice::HeldTogether(held) => held.text(lake),
            Notice::PackChanged { from, to, by, .. } => pack_changed(from.as_deref(), to, by, lake),
        }
    }
}

fn export_too_large(uri: &str, bytes: u64, most: u64, lake: &str) -> NoticeText {
    NoticeText {
        level: Level::High,
        headline: "An export is too large for the function, and was not read".to_owned(),
        facts: vec![
            fact("export", uri.to_owned()),
            fact("size", mebibytes(bytes)),
            fact("the most it takes", mebibytes(most)),
        ],
        why: vec!["Nothing of this export is in the lake yet.".to_owned()],
        what_to_do: vec![
            "Classify it by hand, on a machine with a disk, with the command below.".to_owned(),
            "If exports are always this large, give the function more memory or have Immuta export more often."
                .to_owned(),
        ],
        look: format!("immuta-watch run {} --lake {} --notify", quoted(uri), quoted(lake)),
    }
}

fn export_gone(uri: &str) -> NoticeText {
    NoticeText {
        level: Level::High,
        headline: "An export was gone before it was read".to_owned(),
        facts: vec![fact("export", uri.to_owned())],
        why: vec!["S3 said that it had come, and it is not there. What it held is in no ledger.".to_owned()],
        what_to_do: vec![
            "Find out who removed it: nobody but a lifecycle rule of your own should remove audit exports.".to_owned(),
            "If the bucket keeps versions, the command below lists them. Copy the last one onto the same key; it is \
             then read of itself."
                .to_owned(),
        ],
        look: format!(
            "aws s3api list-object-versions --bucket {} --prefix {}",
            quoted(bucket_of(uri)),
            quoted(key_of(uri))
        ),
    }
}

fn export_not_classified(uri: &str, since: DateTime<Utc>, lake: &str) -> NoticeText {
    NoticeText {
        level: Level::High,
        headline: "An export cannot be classified".to_owned(),
        facts: vec![fact("export", uri.to_owned()), fact("missing since", in_words(since))],
        why: vec![
            "It was put into the queue three times, and is not in the lake. What it holds is in no ledger.".to_owned(),
        ],
        what_to_do: vec![
            "Find its line in the log of the function classify, or its message in the dead-letter queue: they \
             say why."
                .to_owned(),
            "Mend what they say, then classify it with the command below. It is not put into the queue again \
             unless it is replaced."
                .to_owned(),
        ],
        look: format!("immuta-watch run {} --lake {lake} --notify", quoted(uri)),
    }
}

fn exports_silent(exports: &str, since: DateTime<Utc>, usual_gap: TimeDelta) -> NoticeText {
    NoticeText {
        level: Level::High,
        headline: "No export has come for longer than usual".to_owned(),
        facts: vec![
            fact("exports", exports.to_owned()),
            fact("the last one came", in_words(since)),
            fact("they usually come within", length(usual_gap)),
        ],
        why: vec!["What was done in Immuta since then is in no ledger, and nobody is told of it.".to_owned()],
        what_to_do: vec![
            "Look in Immuta whether audit logs are still exported, and whether an export failed.".to_owned(),
            "Look whether Immuta may still write to the bucket: its policy, its key, the role.".to_owned(),
            "If nobody works with Immuta these days (a holiday), there is nothing to do.".to_owned(),
        ],
        look: format!("aws s3 ls --recursive {} | sort | tail", quoted(exports)),
    }
}

fn notifications_not_audited(kind: &str, count: u64, receipts: &[String], lake: &str) -> NoticeText {
    NoticeText {
        level: Level::High,
        headline: match count {
            1 => "Immuta told of a change that is not in its audit log".to_owned(),
            count => format!("Immuta told of {count} changes that are not in its audit log"),
        },
        facts: vec![fact("notification", kind.to_owned()), fact("kept as", receipts.join(", "))],
        why: vec![
            "By webhook Immuta told of it. The audit log has gone on beyond that time, two days have passed, and no \
             event in it can be this one."
                .to_owned(),
        ],
        what_to_do: vec![
            "Read the notification with the command below: it says who did what.".to_owned(),
            "Look for the event on Immuta's own audit page at that time. If it is there, events are lost between \
             Immuta and the export; ask Immuta's support."
                .to_owned(),
            "If it is not, ask whoever did it, and treat the audit log as incomplete until it is explained.".to_owned(),
        ],
        look: format!("aws s3 cp {} -", quoted(&format!("{lake}/{}", receipts.first().map_or("", String::as_str)))),
    }
}

fn changes_not_announced(
    kind: &str,
    count: u64,
    examples: &[Audited],
    events: u64,
    told: u64,
    lake: &str,
) -> NoticeText {
    NoticeText {
        level: Level::High,
        headline: match count {
            1 => format!("Immuta did not tell of a change by webhook ({kind})"),
            count => format!("Immuta did not tell of {count} changes by webhook ({kind})"),
        },
        facts: examples.iter().map(|audited| fact("change", changed(audited))).collect(),
        why: vec![
            format!(
                "It told of {told} of the {events} events of this kind in the last four weeks, and of these it did not."
            ),
            "A webhook that was removed, or no longer reaches us, is silent in just this way.".to_owned(),
        ],
        what_to_do: vec![
            "Look whether the webhook is still there (`immuta-watch webhooks list`), and who removed it if it is not: \
             the command below lists what the audit log has of that."
                .to_owned(),
            "Look at the changes: what nobody was told of within seconds is in the alerts of the audit log alone."
                .to_owned(),
        ],
        look: format!("immuta-watch alerts --rule webhook_deleted --lake {}", quoted(lake)),
    }
}

fn pack_changed(from: Option<&str>, to: &str, by: &str, lake: &str) -> NoticeText {
    NoticeText {
        level: Level::Medium,
        headline: "Another pack of rules or configuration is in force".to_owned(),
        facts: vec![
            fact("before", from.unwrap_or("none").to_owned()),
            fact("now", to.to_owned()),
            fact("published by", by.to_owned()),
        ],
        why: vec!["What is reported, and to whom, may be different from now on.".to_owned()],
        what_to_do: vec![
            "If you do not know of it, ask whoever published it.".to_owned(),
            format!("`immuta-watch publish --rollback --lake {}` puts the one before in force again.", quoted(lake)),
        ],
        look: format!("immuta-watch publish --show --lake {}", quoted(lake)),
    }
}

pub(super) fn fact(label: &str, value: String) -> Fact {
    Fact { label: label.to_owned(), value }
}

#[expect(clippy::cast_precision_loss, reason = "a size for people to read")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

fn key_of(uri: &str) -> &str {
    uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).map_or("", |(_, key)| key)
}

pub(super) fn in_words(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A length of time for people to read.
fn length(time: TimeDelta) -> String {
    match (time.num_hours(), time.num_minutes() % 60) {
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn bucket_of(uri: &str) -> &str {
    uri.strip_prefix("s3://").and_then(|rest| rest.split('/').next()).unwrap_or(uri)
}

/// A text as one word of a shell's.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/:._-=+@,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A change in one line: when, by whom, to whom or on what, and which.
fn changed(audited: &Audited) -> String {
    let change = &audited.change;
    let name = |party: &Party| party.called().last().map(ToOwned::to_owned);
    let by = change.actor.as_ref().and_then(name).unwrap_or_else(|| "unknown".to_owned());
    let parties = change.subjects.iter().chain(&change.objects).filter_map(name);
    let names = change.named.values().flatten().cloned();
    let about: Vec<String> = parties.chain(names).collect();
    format!(
        "{} {by} → {} (line {} of {})",
        in_words(change.time),
        about.join(", "),
        audited.line,
        crate::lake::names::manifest_named(&audited.source)
    )
}
