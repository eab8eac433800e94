//! What the template sets, as environment variables. Everything else stands in the published configuration.

use std::collections::BTreeMap;

use crate::config::{Destination, SlackDestination, SnsDestination, Zone};
use crate::immuta::{Access, AddressError, SecretPlace};
use crate::lake::S3Address;
use crate::spelling::did_you_mean;

/// What names of ours begin with.
const PREFIX: &str = "IMMUTA_WATCH_";
/// Where the lake is.
const LAKE: &str = "IMMUTA_WATCH_LAKE";
/// Where exports are looked for.
const EXPORTS: &str = "IMMUTA_WATCH_EXPORTS";
/// The topic that is told.
const TOPIC: &str = "IMMUTA_WATCH_TOPIC";
/// Where the URL of Slack's webhook is kept.
const SLACK_URL_FROM: &str = "IMMUTA_WATCH_SLACK_URL_FROM";
/// The time zone of those who read the two.
const ZONE: &str = "IMMUTA_WATCH_ZONE";
/// The queue that classify reads.
const QUEUE: &str = "IMMUTA_WATCH_QUEUE";
/// The largest export, in bytes.
const LARGEST_EXPORT: &str = "IMMUTA_WATCH_LARGEST_EXPORT";

/// Where the secret is kept that Immuta signs webhooks with.
const WEBHOOK_SECRET_FROM: &str = "IMMUTA_WATCH_WEBHOOK_SECRET_FROM";
/// Where the token is kept that stands in the path of webhooks.
const WEBHOOK_TOKEN_FROM: &str = "IMMUTA_WATCH_WEBHOOK_TOKEN_FROM";

/// The address of Immuta's tenant.
const IMMUTA: &str = "IMMUTA_WATCH_IMMUTA";
/// Where the key of its API is kept.
const IMMUTA_KEY_FROM: &str = "IMMUTA_WATCH_IMMUTA_KEY_FROM";

const KNOWN: [&str; 11] = [
    LAKE,
    EXPORTS,
    QUEUE,
    TOPIC,
    SLACK_URL_FROM,
    ZONE,
    LARGEST_EXPORT,
    WEBHOOK_SECRET_FROM,
    WEBHOOK_TOKEN_FROM,
    IMMUTA,
    IMMUTA_KEY_FROM,
];

/// How a place of a secret begins.
const PLACES: [&str; 2] = ["secretsmanager:", "ssm:"];

/// The largest export for each MB of memory, in bytes: Lambda gives a function one core for each 1,769 MB, of which one
/// reads 28,000 events a second (docs/benchmarks.md), and compressed exports have some 5,000 events a MiB. So an export
/// of this size takes some three minutes, whatever the memory, of the fifteen that a function may take.
const LARGEST_PER_MB: u64 = 512 * 1024;

/// The memory of a function that does not say how much it has, in MB: the least that Lambda gives.
const LEAST_MEMORY: u64 = 128;

/// What the template sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The function's name, which its metrics bear
    pub function: String,
    /// Where the lake is
    pub lake: S3Address,
    /// Where exports are looked for; without it, wherever a notification says
    pub exports: Option<S3Address>,
    /// The URL of the queue that classify reads
    pub queue: Option<String>,
    /// The largest export that is taken on, in bytes as it lies in S3
    pub largest_export: u64,
    /// The destinations of the template, by name: `topic` and `slack`
    pub destinations: BTreeMap<String, Destination>,
    /// Where the keys are kept that webhooks are verified by
    pub webhook: WebhookKeys,
    /// How Immuta is asked what it could not deliver; without it, it is not asked
    pub immuta: Option<Access>,
}

/// Where the keys are kept that webhooks are verified by: `secretsmanager:NAME` or `ssm:NAME`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookKeys {
    /// The secret that Immuta signs with
    pub secret_from: Option<String>,
    /// The token that stands in the path
    pub token_from: Option<String>,
}

/// The settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// One that must be set is not.
    #[error("{LAKE} is not set; set it to where the lake is, such as s3://bucket/lake")]
    NoLake,
    /// One that a task needs is not.
    #[error("{0} is not set; set it to {1}")]
    Needed(&'static str, &'static str),
    /// There is nothing that webhooks could be verified by.
    #[error(
        "neither {WEBHOOK_SECRET_FROM} nor {WEBHOOK_TOKEN_FROM} is set; say where the secret of the webhooks is kept"
    )]
    NoWebhookKeys,
    /// One of two is set that go together.
    #[error("{0} is set, and {1} is not; set both, or neither")]
    Half(&'static str, &'static str),
    /// One cannot be understood.
    #[error("{0}: {1}")]
    Wrong(&'static str, String),
    /// There is no such setting.
    #[error("there is no setting {0}{1}")]
    Unknown(String, String),
}

impl Settings {
    /// Reads the settings from environment variables. An empty one counts as not set, since a template cannot leave one
    /// out as easily.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let variables: BTreeMap<String, String> =
            variables.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let is_unknown = |name: &&String| name.starts_with(PREFIX) && !KNOWN.contains(&name.as_str());
        if let Some(name) = variables.keys().find(is_unknown) {
            return Err(SettingsError::Unknown(name.clone(), did_you_mean(name, KNOWN)));
        }
        let get = |name: &str| variables.get(name).map(String::as_str);
        let address = |name: &'static str| {
            let parse = |text: &str| text.parse().map_err(|error| SettingsError::Wrong(name, format!("{error}")));
            get(name).map(parse).transpose()
        };
        let memory = get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|text| text.parse().ok()).unwrap_or(LEAST_MEMORY);
        Ok(Self {
            function: get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or("immuta-watch").to_owned(),
            lake: address(LAKE)?.ok_or(SettingsError::NoLake)?,
            exports: address(EXPORTS)?,
            queue: get(QUEUE).map(queue).transpose()?,
            largest_export: match get(LARGEST_EXPORT) {
                None => memory * LARGEST_PER_MB,
                Some(text) => {
                    let wrong = || SettingsError::Wrong(LARGEST_EXPORT, format!("{text} is no number of bytes"));
                    text.parse().map_err(|_| wrong())?
                }
            },
            destinations: destinations(get(TOPIC), get(SLACK_URL_FROM), get(ZONE))?,
            webhook: WebhookKeys {
                secret_from: place(WEBHOOK_SECRET_FROM, get(WEBHOOK_SECRET_FROM))?,
                token_from: place(WEBHOOK_TOKEN_FROM, get(WEBHOOK_TOKEN_FROM))?,
            },
            immuta: immuta(get(IMMUTA), place(IMMUTA_KEY_FROM, get(IMMUTA_KEY_FROM))?)?,
        })
    }

    /// Where exports are looked for, for those who must know.
    ///
    /// # Errors
    /// It is not set.
    pub fn needed_exports(&self) -> Result<&S3Address, SettingsError> {
        self.exports
            .as_ref()
            .ok_or(SettingsError::Needed(EXPORTS, "where Immuta's exports lie, such as s3://bucket/prefix"))
    }

    /// The URL of the queue that classify reads, for those who must know.
    ///
    /// # Errors
    /// It is not set.
    pub fn needed_queue(&self) -> Result<&str, SettingsError> {
        self.queue
            .as_deref()
            .ok_or(SettingsError::Needed(QUEUE, "the URL of the queue that the function classify reads"))
    }
}

fn queue(text: &str) -> Result<String, SettingsError> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return Ok(text.to_owned());
    }
    let reason =
        format!("{text} is no URL; a queue's looks like https://sqs.eu-west-1.amazonaws.com/123456789012/name");
    Err(SettingsError::Wrong(QUEUE, reason))
}

/// The place of a secret. Whatever else stands there may be the secret itself, which no message shows.
fn place(name: &'static str, value: Option<&str>) -> Result<Option<String>, SettingsError> {
    let Some(value) = value else { return Ok(None) };
    let is_one = |scheme: &str| value.strip_prefix(scheme).is_some_and(|name| !name.trim().is_empty());
    if PLACES.into_iter().any(is_one) {
        return Ok(Some(value.to_owned()));
    }
    let reason = "write secretsmanager:NAME or ssm:NAME, never the secret itself";
    Err(SettingsError::Wrong(name, reason.to_owned()))
}

/// How Immuta is asked. The address is not quoted, since a key may have slipped into it.
fn immuta(tenant: Option<&str>, key_from: Option<String>) -> Result<Option<Access>, SettingsError> {
    match (tenant, key_from) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(SettingsError::Half(IMMUTA, IMMUTA_KEY_FROM)),
        (None, Some(_)) => Err(SettingsError::Half(IMMUTA_KEY_FROM, IMMUTA)),
        (Some(tenant), Some(key_from)) => {
            let tenant =
                tenant.parse().map_err(|error: AddressError| SettingsError::Wrong(IMMUTA, error.to_string()))?;
            Ok(Some(Access { tenant, key_from: SecretPlace::Aws(key_from) }))
        }
    }
}

fn destinations(
    topic: Option<&str>,
    slack: Option<&str>,
    zone: Option<&str>,
) -> Result<BTreeMap<String, Destination>, SettingsError> {
    let unknown = |name: &str| SettingsError::Wrong(ZONE, format!("there is no time zone {name}"));
    let zone = zone.map(|name| Zone::named(name).ok_or_else(|| unknown(name))).transpose()?;
    let mut found = BTreeMap::new();
    if let Some(topic) = topic {
        let sns = Some(SnsDestination { topic: topic.to_owned() });
        found.insert("topic".to_owned(), (TOPIC, Destination { sns, zone: zone.clone(), ..Destination::default() }));
    }
    if let Some(url_from) = slack {
        let slack = Some(SlackDestination { url_from: url_from.to_owned() });
        found.insert("slack".to_owned(), (SLACK_URL_FROM, Destination { slack, zone, ..Destination::default() }));
    }
    let checked = |(name, (variable, destination)): (String, (&'static str, Destination))| match destination.check() {
        Ok(()) => Ok((name, destination)),
        Err(reason) => Err(SettingsError::Wrong(variable, reason)),
    };
    found.into_iter().map(checked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn a_lake_is_enough() {
        let settings = read(&[(LAKE, "s3://audit/lake"), (EXPORTS, ""), ("PATH", "/bin")]).unwrap();
        assert_eq!((settings.lake.to_string().as_str(), settings.exports), ("s3://audit/lake", None));
        assert!(settings.destinations.is_empty());
        assert_eq!(settings.largest_export, 64 * 1024 * 1024);
        assert_eq!(read(&[]), Err(SettingsError::NoLake));
    }

    #[test]
    fn what_a_task_needs_is_asked_for_by_name() {
        let settings = read(&[(LAKE, "s3://audit/lake")]).unwrap();
        assert!(settings.needed_exports().unwrap_err().to_string().starts_with("IMMUTA_WATCH_EXPORTS is not set"));
        assert!(settings.needed_queue().unwrap_err().to_string().starts_with("IMMUTA_WATCH_QUEUE is not set"));
        let settings = read(&[(LAKE, "s3://audit/lake"), (QUEUE, "https://sqs/1/exports")]).unwrap();
        assert_eq!(settings.needed_queue(), Ok("https://sqs/1/exports"));
    }

    #[test]
    fn the_largest_export_grows_with_the_memory() {
        let settings = read(&[(LAKE, "s3://audit"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")]).unwrap();
        assert_eq!(settings.largest_export, 512 * 1024 * 1024);
        assert_eq!(read(&[(LAKE, "s3://audit"), (LARGEST_EXPORT, "1000")]).unwrap().largest_export, 1000);
    }

    #[test]
    fn destinations_are_those_of_the_template() {
        let slack = (SLACK_URL_FROM, "secretsmanager:slack");
        let topic = (TOPIC, "arn:aws:sns:eu-west-1:123456789012:alerts");
        let settings = read(&[(LAKE, "s3://audit"), slack, topic, (ZONE, "Europe/Berlin")]).unwrap();
        assert_eq!(settings.destinations.keys().collect::<Vec<_>>(), ["slack", "topic"]);
        assert!(settings.destinations.values().all(|destination| destination.zone.is_some()));
    }

    #[test]
    fn the_keys_of_webhooks_are_named_by_their_places() {
        assert_eq!(read(&[(LAKE, "s3://audit")]).unwrap().webhook, WebhookKeys::default());
        let found = read(&[(LAKE, "s3://audit"), (WEBHOOK_SECRET_FROM, "ssm:/watch/webhook")]).unwrap().webhook;
        assert_eq!((found.secret_from.as_deref(), found.token_from), (Some("ssm:/watch/webhook"), None));
    }

    #[test]
    fn immuta_is_asked_where_its_address_and_its_key_are_known() {
        let (tenant, key) = ((IMMUTA, "https://acme.example.com/"), (IMMUTA_KEY_FROM, "ssm:/watch/key"));
        let of = |more: &[(&str, &str)]| read(&[&[(LAKE, "s3://audit")], more].concat());
        let access = of(&[tenant, key]).unwrap().immuta.unwrap();
        let found = (access.tenant.to_string(), access.key_from.to_string());
        assert_eq!(found, ("https://acme.example.com".to_owned(), "ssm:/watch/key".to_owned()));
        assert_eq!(of(&[]).unwrap().immuta, None);
        assert_eq!(of(&[tenant]), Err(SettingsError::Half(IMMUTA, IMMUTA_KEY_FROM)));
        assert_eq!(of(&[key]), Err(SettingsError::Half(IMMUTA_KEY_FROM, IMMUTA)));
        let error = of(&[(IMMUTA, "https://ann:hush@acme.example.com"), key]).unwrap_err().to_string();
        assert!(error.starts_with("IMMUTA_WATCH_IMMUTA: ") && !error.contains("hush"), "{error}");
        assert!(!of(&[tenant, (IMMUTA_KEY_FROM, "hush")]).unwrap_err().to_string().contains("hush"));
    }

    #[test]
    fn what_is_wrong_is_said_by_name() {
        let said = |wrong: (&str, &str)| read(&[(LAKE, "s3://audit"), wrong]).unwrap_err().to_string();
        assert!(said((EXPORTS, "audit")).starts_with("IMMUTA_WATCH_EXPORTS: audit is no address"));
        assert!(said((QUEUE, "arn:aws:sqs:eu-west-1:123456789012:exports")).contains("is no URL"));
        assert!(said((LARGEST_EXPORT, "1 GB")).contains("1 GB is no number of bytes"));
        assert!(said((SLACK_URL_FROM, "https://hooks.slack.com/x")).contains("secretsmanager:NAME"));
        assert!(!said((SLACK_URL_FROM, "https://hooks.slack.com/x")).contains("hooks.slack.com"));
        assert!(said((WEBHOOK_SECRET_FROM, "hush")).contains("secretsmanager:NAME"));
        assert!(!said((WEBHOOK_TOKEN_FROM, "hush")).contains("hush"));
        assert!(said((TOPIC, "alerts")).contains("no ARN"));
        assert!(said((ZONE, "Berlin")).contains("no time zone Berlin"));
        assert!(said(("IMMUTA_WATCH_EXPORT", "x")).contains("did you mean IMMUTA_WATCH_EXPORTS?"));
    }
}
