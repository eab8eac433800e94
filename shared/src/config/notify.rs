//! The part of the configuration that says who is told what.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Period, Zone, schema};
use crate::digest;
use crate::rules::{Level, Question};
use crate::spelling::did_you_mean;

/// Who is told what. Nothing of it changes the lake, so it is left out of the configuration's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfiguration {
    /// Alerts whose last event is older are not told one by one; one summary says that they are there.
    pub max_age: Period,
    /// How many alerts of one rule and window that are as grave or graver a destination is told one by one; past that, one
    /// message says that there are more, and one at the end of the window how many there were.
    #[schemars(range(min = 1))]
    pub storm: u32,
    /// Where messages go, by a name of your own.
    #[schemars(extend("propertyNames" = schema::text("^[A-Za-z0-9_-]+$")))]
    pub destinations: BTreeMap<String, Destination>,
    /// Who is told what; an alert goes to the destinations of every entry that fits. Without any entry, everything that
    /// notifies goes to every destination.
    pub routes: Vec<RouteChoice>,
}

/// Hours.
const MAX_AGE: u32 = 48;
/// Ten alerts of one rule in a window of some hours are as many as anybody reads one by one.
const STORM: u32 = 10;

impl Default for NotifyConfiguration {
    fn default() -> Self {
        Self { max_age: Period::hours(MAX_AGE), storm: STORM, destinations: BTreeMap::new(), routes: Vec::new() }
    }
}

/// One destination: exactly one of `slack`, `sns` and `webhook`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = schema::any_of(["slack", "sns", "webhook"])))]
pub struct Destination {
    /// A Slack channel, by its incoming webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<SlackDestination>,
    /// An SNS topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sns: Option<SnsDestination>,
    /// Anything else that takes JSON over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookDestination>,
    /// The time zone that its readers live in; UTC without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

/// A Slack channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackDestination {
    /// Where the URL of the incoming webhook is kept, which is a secret: `secretsmanager:NAME` or `ssm:NAME`.
    #[schemars(regex(pattern = schema::SECRET))]
    pub url_from: String,
}

/// An SNS topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnsDestination {
    /// The topic's ARN.
    #[schemars(regex(pattern = "^arn:"))]
    pub topic: String,
}

/// An HTTP endpoint that takes JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookDestination {
    /// Its URL.
    #[schemars(regex(pattern = "^https?://"))]
    pub url: String,
    /// Where the secret that messages are signed with is kept: `secretsmanager:NAME` or `ssm:NAME`.
    #[schemars(regex(pattern = schema::SECRET))]
    pub secret_from: String,
}

/// One entry of `routes`: everything that it names must fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteChoice {
    /// The destinations' names.
    pub to: Vec<String>,
    /// Only alerts of this level or above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Only alerts of rules that answer one of these questions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// Only alerts of these rules, by name or id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

/// The destinations that a deployment's template makes. Routes may name them though the configuration does not say what
/// they are.
const FROM_THE_TEMPLATE: [&str; 2] = ["slack", "topic"];

/// The places that a secret may be kept in, as `url_from` and `secret_from` name them.
const SECRET_STORES: [&str; 2] = ["secretsmanager:", "ssm:"];

impl NotifyConfiguration {
    /// The destinations of an alert, by name.
    pub fn destinations_of<'n>(
        &'n self,
        level: Level,
        question: Question,
        rule: &[&str],
    ) -> impl Iterator<Item = (&'n str, &'n Destination)> + use<'n> {
        let fits = |choice: &RouteChoice| {
            choice.level.is_none_or(|least| level >= least)
                && (choice.questions.is_empty() || choice.questions.contains(&question))
                && (choice.rules.is_empty() || choice.rules.iter().any(|named| rule.contains(&named.as_str())))
        };
        let choices: Vec<&'n RouteChoice> = self.routes.iter().filter(|choice| fits(choice)).collect();
        let everybody = self.routes.is_empty();
        let is_named =
            move |name: &str| everybody || choices.iter().any(|choice| choice.to.iter().any(|to| to == name));
        self.destinations
            .iter()
            .filter(move |(name, _)| is_named(name))
            .map(|(name, destination)| (name.as_str(), destination))
    }

    /// Adds the destinations of a deployment, but those that the configuration has one of its own for. Unless a route
    /// names one, it is told everything that notifies.
    pub fn add_defaults(&mut self, destinations: &BTreeMap<String, Destination>) {
        for (name, destination) in destinations {
            if self.destinations.contains_key(name) {
                continue;
            }
            let is_named = self.routes.iter().any(|choice| choice.to.contains(name));
            if !is_named && !self.routes.is_empty() {
                self.routes.push(RouteChoice {
                    to: vec![name.clone()],
                    level: None,
                    questions: Vec::new(),
                    rules: Vec::new(),
                });
            }
            self.destinations.insert(name.clone(), destination.clone());
        }
    }

    /// Every name that is used must be there, and every destination must be one.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.storm == 0 {
            return Err("notify.storm: at least 1".to_owned());
        }
        for (name, destination) in &self.destinations {
            let key = format!("notify.destinations.{name}");
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
                return Err(format!("{key}: a name has letters, digits, - and _ only; it becomes part of file names"));
            }
            destination.check().map_err(|reason| format!("{key}: {reason}"))?;
        }
        for (number, choice) in (1..).zip(&self.routes) {
            for name in choice.to.iter().filter(|name| !FROM_THE_TEMPLATE.contains(&name.as_str())) {
                if !self.destinations.contains_key(name) {
                    let known = self.destinations.keys().map(String::as_str).chain(FROM_THE_TEMPLATE);
                    let hint = did_you_mean(name, known);
                    return Err(format!("notify.routes, entry {number}: there is no destination {name}{hint}"));
                }
            }
        }
        Ok(())
    }
}

impl Destination {
    /// Stands for where it is: of two that have the same, one told is the other told. Not for the secret that it may be kept
    /// behind, which may be changed at its place.
    pub(crate) fn target(&self) -> String {
        let place = Self { zone: None, ..self.clone() };
        digest::short(&serde_json::to_vec(&place).unwrap_or_default())
    }

    /// It must be exactly one, and say where in a way that can be right.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { slack, sns, webhook, .. } = self;
        if [slack.is_some(), sns.is_some(), webhook.is_some()].iter().filter(|is| **is).count() != 1 {
            return Err("say exactly one of slack, sns and webhook".to_owned());
        }
        let secrets = [
            slack.as_ref().map(|slack| ("slack.url_from", &slack.url_from)),
            webhook.as_ref().map(|webhook| ("webhook.secret_from", &webhook.secret_from)),
        ];
        for (part, place) in secrets.into_iter().flatten() {
            if !SECRET_STORES.iter().any(|store| place.strip_prefix(store).is_some_and(|name| !name.is_empty())) {
                return Err(format!("{part}: write secretsmanager:NAME or ssm:NAME, never the secret itself"));
            }
        }
        if let Some(topic) = sns.as_ref().map(|sns| &sns.topic).filter(|topic| !topic.starts_with("arn:")) {
            return Err(format!("sns.topic: {topic} is no ARN"));
        }
        if let Some(webhook) = webhook
            && !["https://", "http://"].iter().any(|scheme| webhook.url.starts_with(scheme))
        {
            return Err("webhook.url: it begins with https:// (or http:// within your network)".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(names: &[&str]) -> RouteChoice {
        let to = names.iter().map(|name| (*name).to_owned()).collect();
        RouteChoice { to, level: Some(Level::High), questions: Vec::new(), rules: Vec::new() }
    }

    #[test]
    fn a_destination_of_the_template_is_told_everything_unless_a_route_names_it() {
        let sns = SnsDestination { topic: "arn:aws:sns:eu-west-1:123456789012:alerts".to_owned() };
        let topic = Destination { sns: Some(sns), ..Destination::default() };
        let template = BTreeMap::from([("topic".to_owned(), topic.clone())]);
        let told = |routes: Vec<RouteChoice>, level| {
            let own = BTreeMap::from([("own".to_owned(), topic.clone())]);
            let mut notify = NotifyConfiguration { routes, destinations: own, ..NotifyConfiguration::default() };
            notify.check().unwrap();
            notify.add_defaults(&template);
            let question = Question::Watcher;
            notify.destinations_of(level, question, &[]).map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(told(vec![], Level::Low), ["own", "topic"]);
        assert_eq!(told(vec![to(&["own"])], Level::Low), ["topic"]);
        assert!(told(vec![to(&["topic"])], Level::Low).is_empty());
        assert_eq!(told(vec![to(&["topic"])], Level::High), ["topic"]);
    }
}
