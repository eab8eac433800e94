//! What the rule pack makes of a record, in the plainest words: for the rules that something is planted for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kind;
use super::tenant::{Tenant, happened};

/// How long an approval counts, in milliseconds.
const APPROVED_WITHIN: i64 = 7 * 24 * 3_600_000;

const NOTE: &str = "notification";
const DASH: &str = "dashboard";

/// A rule, the level and the route of what it makes of a record.
pub(crate) type Verdict = (&'static str, &'static str, &'static str);

/// Knows the approvals of all exports.
pub(crate) struct Judge<'a> {
    tenant: &'a Tenant,
    approvals: BTreeMap<(String, String), Vec<i64>>,
}

/// The id of the first entry of this type.
pub(crate) fn entry<'a>(record: &'a Value, r#type: &str) -> Option<&'a str> {
    let places = [&record["targets"], &record["relatedResources"]];
    let mut entries = places.into_iter().filter_map(Value::as_array).flatten();
    entries.find(|entry| entry["type"] == r#type)?["id"].as_str()
}

impl<'a> Judge<'a> {
    pub(crate) fn of(tenant: &'a Tenant) -> Self {
        let mut approvals: BTreeMap<_, Vec<i64>> = BTreeMap::new();
        for record in &tenant.records {
            if kind(record) == "SubscriptionRequestApproved" {
                approvals.entry(access(record)).or_default().push(happened(record));
            }
        }
        Self { tenant, approvals }
    }

    /// Done by a person, with no approved request behind a grant.
    pub(crate) fn manual(&self, record: &Value) -> bool {
        let actor = record["actor"]["id"].as_str().unwrap();
        let by_hand = record["actor"]["type"] != "SYSTEM_ACTOR" && !actor.starts_with("svc-") && actor != "okta-scim";
        by_hand && !(matches!(kind(record), "SubscriptionCreated" | "SubscriptionUpdated") && self.approved(record))
    }

    /// A request of the same person for the same data source was approved in time.
    pub(crate) fn approved(&self, record: &Value) -> bool {
        let at = happened(record);
        let approvals = self.approvals.get(&access(record));
        approvals.into_iter().flatten().any(|approved| (at - APPROVED_WITHIN..=at).contains(approved))
    }

    pub(crate) fn verdict(&self, record: &Value) -> Option<Verdict> {
        let payload = &record["auditPayload"];
        let actor = record["actor"]["id"].as_str()?;
        let late = !self.tenant.in_business_hours(record);
        let own = entry(record, "USER") == Some(actor);
        let manual = self.manual(record);
        let strong = texts(payload).iter().any(|text| {
            ["APPLICATION_ADMIN", "USER_ADMIN", "GOVERNANCE", "AUDIT", "Manage Policies"].contains(&text.as_str())
                || text.starts_with("IMPERSONATE_")
        });
        let highly = payload["securityProfile"]["sensitivity"]["score"]
            .as_str()
            .is_some_and(|score| score.to_uppercase().replace(' ', "_") == "HIGHLY_SENSITIVE");
        let (put, carried) = (put_on(payload), carried(record));
        let sensitive = |tags: &[String]| tags.iter().any(|tag| is_sensitive(tag));
        let new = |tags: &[String]| tags.iter().any(|tag| tag == "New");
        let both: Vec<String> = put.iter().chain(&carried).cloned().collect();
        let step = |steps: &[(bool, &'static str, &'static str)], low: (&'static str, &'static str)| {
            steps.iter().find(|step| step.0).map_or(low, |step| (step.1, step.2))
        };
        let (rule, (level, route)) = match kind(record) {
            "PermissionApplied" => {
                let steps = [(strong || own, "high", NOTE), (late, "medium", NOTE)];
                ("permission_granted", step(&steps, ("low", DASH)))
            }
            "PermissionRemoved" => {
                let steps = [(strong, "high", NOTE), (late, "medium", NOTE)];
                ("permission_removed", step(&steps, ("informational", DASH)))
            }
            "DomainPermissionsUpdated" => {
                let steps = [(strong, "high", NOTE), (late, "medium", NOTE)];
                ("domain_permissions_updated", step(&steps, ("low", DASH)))
            }
            "SubscriptionCreated" => {
                let steps = [(manual && own, "high", NOTE), (manual, "medium", NOTE)];
                ("access_granted", step(&steps, ("informational", DASH)))
            }
            "SubscriptionRequestApproved" => ("access_approved", step(&[(own, "high", NOTE)], ("informational", DASH))),
            "SubscriptionUpdated" => {
                ("subscription_updated", step(&[(manual, "medium", DASH)], ("informational", DASH)))
            }
            "GroupMemberAdded" | "GroupMemberRemoved" => {
                ("group_membership_changed", step(&[(manual, "medium", DASH)], ("informational", DASH)))
            }
            "TagApplied" | "TagRemoved" | "SDDDatasourceTagUpdated"
                if new(&both) && sensitive(&both) && (new(&put) || sensitive(&put)) && kind(record) != "TagRemoved" =>
            {
                ("new_sensitive_data", ("medium", NOTE))
            }
            "TagApplied" | "TagRemoved" => {
                let removed = kind(record) == "TagRemoved" && sensitive(&put);
                ("tag_on_data_changed", step(&[(removed, "medium", DASH)], ("informational", DASH)))
            }
            "TagDeleted" => {
                let sensitive = is_sensitive(entry(record, "TAG")?);
                ("tag_definition_changed", step(&[(sensitive, "medium", DASH)], ("low", DASH)))
            }
            "AttributeApplied" | "AttributeRemoved" => {
                ("user_attribute_changed", step(&[(manual, "medium", NOTE)], ("low", DASH)))
            }
            "UserCreated" | "UserCloned" if payload["identityProvider"] == "bim" => {
                ("user_made_locally", ("medium", NOTE))
            }
            "GlobalPolicyCreated" | "GlobalPolicyUpdated" => {
                ("global_policy_changed", step(&[(late, "medium", DASH)], ("low", DASH)))
            }
            "GlobalPolicyDeleted" => ("global_policy_deleted", ("medium", DASH)),
            "DatasourceGlobalPolicyDisabled" => {
                ("policy_disabled_on_data_source", step(&[(late, "medium", DASH)], ("low", DASH)))
            }
            "SDDClassifierDeleted" => ("classifier_changed", ("medium", DASH)),
            "DatasourceDeleted" => ("data_source_deleted", step(&[(late, "medium", DASH)], ("low", DASH))),
            "ConfigurationUpdated" => ("configuration_updated", step(&[(late, "high", NOTE)], ("medium", NOTE))),
            "WebhookDeleted" => ("webhook_deleted", ("high", NOTE)),
            "ApiKeyCreated" => ("api_key_changed", step(&[(late, "high", NOTE)], ("medium", NOTE))),
            "ApiKeyDeleted" => ("api_key_changed", ("low", DASH)),
            "Query" if record["actionStatus"] == "UNAUTHORIZED" => {
                ("query_denied", step(&[(highly, "medium", DASH)], ("low", DASH)))
            }
            "Query" if record["actionStatus"] == "FAILURE" => ("query_failed", ("informational", DASH)),
            "Query" if record["actor"]["impersonatedBy"].is_object() => {
                ("query_impersonated", step(&[(highly, "medium", DASH)], ("low", DASH)))
            }
            "Query" if actor == "unknown" => return None,
            "Query" if highly => {
                let steps = [(late && !actor.starts_with("svc-"), "medium", DASH)];
                ("highly_sensitive_query", step(&steps, ("low", DASH)))
            }
            _ => return None,
        };
        Some((rule, level, route))
    }
}

/// The data source and the person of a subscription or a request.
fn access(record: &Value) -> (String, String) {
    let id = |what| entry(record, what).unwrap_or_else(|| panic!("no {what}: {record}")).to_owned();
    (id("DATASOURCE"), id("USER"))
}

/// All strings of a payload.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// The tags that a change puts on or takes off.
pub(crate) fn put_on(payload: &Value) -> Vec<String> {
    ["tag", "tags", "tagName"]
        .into_iter()
        .flat_map(|key| match &payload[key] {
            Value::Array(list) => list.clone(),
            Value::Null => Vec::new(),
            other => vec![other.clone()],
        })
        .filter_map(|tag| Some(tag.as_str().or(tag["name"].as_str())?.to_owned()))
        .collect()
}

/// The tags that the column carries already.
pub(crate) fn carried(record: &Value) -> Vec<String> {
    let places = ["targets", "relatedResources"].into_iter().filter_map(|place| record[place].as_array()).flatten();
    let mut carried: Vec<String> = places.flat_map(|entry| texts(&entry["tags"])).collect();
    carried.extend(texts(&record["auditPayload"]["column"]["tags"]));
    carried
}

pub(crate) fn is_sensitive(tag: &str) -> bool {
    ["Discovered.PII", "Discovered.PCI", "Discovered.PHI", "Discovered.Entity."]
        .iter()
        .any(|head| tag.starts_with(head))
        && !["Discovered.Entity.Date", "Discovered.Entity.Location"].contains(&tag)
}
