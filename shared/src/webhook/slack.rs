//! A body taken apart: Immuta shapes it for Slack, with a JSON object as a string in each attachment. Whatever stands beside
//! is kept as well, for nobody has promised where a name is.

use serde_json::{Map, Value};

use super::said::{MOST_WRAPPED, unwrapped};

/// Members that Slack defines for how a message looks: one that has no others beside its text says nothing that would
/// be understood. Source: Slack's reference of message payloads and of (legacy) attachments.
const LOOKS: [&str; 20] = [
    "blocks",
    "channel",
    "color",
    "fallback",
    "fields",
    "footer",
    "footer_icon",
    "icon_emoji",
    "icon_url",
    "link_names",
    "mrkdwn",
    "mrkdwn_in",
    "parse",
    "pretext",
    "title",
    "title_link",
    "ts",
    "unfurl_links",
    "unfurl_media",
    "username",
];

/// What a body consists of.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The sentence; the whole body, where that is no JSON object
    pub(super) text: Value,
    /// What each attachment says: decoded where it is JSON, as text where it is not
    pub(super) attachments: Vec<Value>,
    /// Every object that says something of the change, those in attachments first, then what stands beside an attachment's
    /// text, then what stands beside the sentence
    pub(super) objects: Vec<Map<String, Value>>,
    /// Whether it is what Immuta sends: each attachment an object, and something in them or beside them
    pub(super) is_understood: bool,
}

impl Parts {
    /// Takes a body apart, of which this was parsed, if it could be.
    pub(super) fn of(body: &[u8], parsed: Option<&Value>) -> Self {
        match parsed {
            Some(Value::Object(body)) if body.contains_key("text") || body.contains_key("attachments") => {
                Self::of_slack(body)
            }
            // Not shaped for Slack: then the body is what an attachment would hold.
            Some(Value::Object(object)) => Self {
                attachments: vec![object.clone().into()],
                objects: vec![object.clone()],
                is_understood: true,
                ..Self::default()
            },
            _ => Self { text: String::from_utf8_lossy(body).into_owned().into(), ..Self::default() },
        }
    }

    fn of_slack(body: &Map<String, Value>) -> Self {
        let (mut attachments, mut objects, mut beside) = (Vec::new(), Vec::new(), Vec::new());
        for attachment in in_attachments(body.get("attachments")) {
            let attachment = decoded(&attachment);
            let said = match attachment.get("text") {
                Some(text) => {
                    beside.extend(attachment.as_object().map(|members| without(members, &["text"])));
                    decoded(text)
                }
                None => attachment,
            };
            objects.extend(said.as_object().cloned());
            attachments.push(said);
        }
        beside.push(without(body, &["text", "attachments"]));
        let says = |members: &Map<String, Value>| members.keys().any(|name| !LOOKS.contains(&name.as_str()));
        let is_understood =
            attachments.iter().all(Value::is_object) && (!objects.is_empty() || beside.iter().any(says));
        objects.extend(beside.into_iter().filter(|members| !members.is_empty()));
        Self { text: body.get("text").cloned().unwrap_or_default(), attachments, objects, is_understood }
    }
}

/// The attachments, of which there may be one alone, or all in one string of JSON.
fn in_attachments(attachments: Option<&Value>) -> Vec<Value> {
    match attachments.map(decoded) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(several)) => several,
        Some(single) => vec![single],
    }
}

/// A value, or what it holds if it is a string of JSON, however often it was wrapped.
fn decoded(value: &Value) -> Value {
    let mut value = value.clone();
    for _ in 0..MOST_WRAPPED {
        match value.as_str().and_then(unwrapped) {
            Some(inner) => value = inner,
            None => break,
        }
    }
    value
}

fn without(members: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let others = members.iter().filter(|(name, _)| !names.contains(&name.as_str()));
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}
