//! What can go wrong with Immuta's API, and what to do about it. No message holds a key, a secret or a token.

use serde_json::Value;

use super::Hidden;

/// The longest quotation of what Immuta says, in characters.
const LONGEST_QUOTE: usize = 300;

/// An answer names so many of its keys at the most.
const MOST_KEYS: usize = 20;

/// Immuta's API could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImmutaError {
    /// No connection was made: nothing happened there.
    #[error("no connection to {tenant}: {reason}; check the address, and that it is reached from here")]
    Connection {
        /// The tenant's address
        tenant: String,
        /// Why
        reason: String,
    },
    /// The answer did not come, or not whole: it is not known what happened there.
    #[error("{tenant} gave no whole answer: {reason}; look what there is before you try again")]
    Lost {
        /// The tenant's address
        tenant: String,
        /// Why
        reason: String,
    },
    /// 401
    #[error(
        "Immuta does not take the API key (401); make a new one in your profile there, and keep it where this one is"
    )]
    Unauthorized,
    /// 403
    #[error("the user of the API key may not do that (403); it takes the permission APPLICATION_ADMIN")]
    Forbidden,
    /// 404
    #[error("there is no {path} at {tenant} (404); is that the tenant's address, as a browser shows it?")]
    NotFound {
        /// The tenant's address
        tenant: String,
        /// The route
        path: String,
    },
    /// 3xx
    #[error("{0} answers with a redirect; give the address that it leads to")]
    Redirected(String),
    /// Another status.
    #[error("Immuta answered {status}{said}")]
    Status {
        /// The HTTP status
        status: u16,
        /// What it says of it, after a colon; may be empty
        said: String,
    },
    /// The answer is larger than any that is needed.
    #[error("the answer to {path} is larger than {most} bytes; nothing of it was read")]
    TooLarge {
        /// The route
        path: String,
        /// What is read at the most
        most: usize,
    },
    /// The answer has another form.
    #[error("the answer to {path} has a form that this release does not know: {shape}; please tell us")]
    Shape {
        /// The route
        path: String,
        /// What came
        shape: ShapeError,
    },
    /// No HTTP client could be made.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// An answer has another form than any that is known. It names keys and kinds of values, never the values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} was wanted, and what came is {came}")]
pub struct ShapeError {
    wanted: &'static str,
    came: String,
}

impl ShapeError {
    pub(super) fn new(wanted: &'static str, came: &Value) -> Self {
        Self { wanted, came: form(came) }
    }

    pub(super) fn no_json(wanted: &'static str) -> Self {
        Self { wanted, came: "no JSON".to_owned() }
    }
}

/// The form of a value in words.
fn form(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(values) => match values.first() {
            None => "an empty list".to_owned(),
            // One level is enough to see what it is.
            Some(Value::Array(_)) => "a list of lists".to_owned(),
            Some(first) => format!("a list of {}, the first of them {}", values.len(), form(first)),
        },
        Value::Object(object) if object.is_empty() => "an object without keys".to_owned(),
        Value::Object(object) => {
            let keys: Vec<String> = object.keys().take(MOST_KEYS).map(|key| one_line(key, 40)).collect();
            let more = if object.len() > MOST_KEYS { ", …" } else { "" };
            format!("an object with the keys {}{more}", keys.join(", "))
        }
    }
}

/// A text as one line of at most so many characters, without anything that would steer a terminal.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let mut line: String = text
        .chars()
        .take(most)
        .map(|character| if character.is_control() || character.is_whitespace() { ' ' } else { character })
        .filter(|character| !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'))
        .collect();
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line.trim().to_owned()
}

/// What an answer says of an error, without any of the hidden texts, nor any address; nothing of an answer that is not JSON, for such
/// pages repeat requests.
pub(super) fn said(answer: &Value, hidden: &[Hidden]) -> Option<String> {
    const MEMBERS: [&str; 4] = ["message", "error", "reason", "details"];
    let text = match answer {
        Value::String(text) => text.as_str(),
        Value::Object(object) => MEMBERS.iter().find_map(|name| match object.get(*name)? {
            Value::String(text) => Some(text.as_str()),
            Value::Object(inner) => inner.get("message")?.as_str(),
            _ => None,
        })?,
        _ => return None,
    };
    let struck = hidden
        .iter()
        .filter(|hidden| !hidden.expose().is_empty())
        .fold(text.to_owned(), |text, hidden| text.replace(hidden.expose(), "[...]"));
    // A token may stand in the path of any address that it repeats.
    let words = struck.split_whitespace().map(|word| if word.contains("://") { "[address]" } else { word });
    let struck = words.collect::<Vec<_>>().join(" ");
    Some(one_line(&struck, LONGEST_QUOTE)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_names_keys_and_no_values() {
        let error = ShapeError::new("a list", &json!({"hits": "hush", "count": "hush"}));
        assert_eq!(error.to_string(), "a list was wanted, and what came is an object with the keys count, hits");
        assert_eq!(form(&json!([{"a": "hush"}, 1])), "a list of 2, the first of them an object with the keys a");
        assert_eq!((form(&json!("hush")), form(&json!([["hush"]]))), ("a text".into(), "a list of lists".into()));
    }

    #[test]
    fn what_immuta_says_is_cleaned_and_holds_no_secret() {
        let hidden = [Hidden::new("hush"), Hidden::new("")];
        let of = |answer: Value| said(&answer, &hidden);
        assert_eq!(of(json!({"statusCode": 400, "message": "no\nhush \u{1b}[2J"})).unwrap(), "no [...]  [2J");
        let url = "webhook https://x.example.com/TOKEN/tagCreated, is in use";
        assert_eq!(of(json!({ "message": url })).unwrap(), "webhook [address] is in use");
        assert_eq!(of(json!({"error": {"message": "bad url"}})).unwrap(), "bad url");
        assert_eq!((of(json!({"message": " "})), of(json!([1]))), (None, None));
        assert_eq!(of(json!("x".repeat(999))).unwrap().chars().count(), LONGEST_QUOTE + 1);
    }
}
