//! The records of a query: what stands in each, given all that was drawn for it.

use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::catalogue::{Column, Level, SecurityProfile, ShownColumn, Spelling};
use crate::dice::chance;
use crate::journal::{Care, Journal};
use crate::platform::{Account, Platform, TechnologyContext};
use crate::record::{Actor, Record};
use crate::tenant::{Person, Source, Tenant};

/// A query that ran, as all its records tell it.
pub(super) struct Run<'a> {
    pub(super) person: &'a Person,
    pub(super) service: bool,
    pub(super) actor: Actor,
    pub(super) login: String,
    pub(super) query_id: String,
    pub(super) text: String,
    pub(super) start: String,
    /// The start as `eventTimestamp` spells it.
    pub(super) stamp: String,
    /// Milliseconds.
    pub(super) duration: u32,
    pub(super) rows: u64,
    pub(super) outcome: Outcome,
    pub(super) told: Told,
    /// The notebook that the query is a cell of.
    pub(super) notebook: Option<u32>,
    pub(super) session: Option<String>,
    pub(super) purposes: &'a [&'static str],
    /// When Immuta pulled it.
    pub(super) received: i64,
    pub(super) care: Care,
}

/// What a record says of the data that was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The objects, their columns and how sensitive they are.
    Everything,
    /// That no objects were read.
    NoObjects,
    /// Not even that.
    Nothing,
}

/// How a query ended.
pub(super) struct Outcome {
    pub(super) status: &'static str,
    pub(super) reason: Option<&'static str>,
    pub(super) error: Option<&'static str>,
}

impl Outcome {
    /// The query ran through.
    pub(super) const SUCCESS: Self = Self { status: "SUCCESS", reason: None, error: None };
}

impl Run<'_> {
    /// Takes down the record of one table.
    pub(super) fn note(
        &self,
        rng: &mut ChaCha8Rng,
        tenant: &Tenant,
        source: &Source,
        columns: &[&Column],
        id: &str,
        journal: &mut Journal,
    ) -> Result<(), serde_json::Error> {
        let read = columns.iter().map(|column| column.level()).max().unwrap_or(Level::Indeterminate);
        let level = if self.told == Told::Everything { read } else { Level::Indeterminate };
        let profile = SecurityProfile(level, spelling(rng));
        let form = source.platform.tag_form();
        let shown: Vec<ShownColumn> = columns.iter().map(|column| ShownColumn(column, form)).collect();
        let object = ObjectAccessed {
            name: &source.target.name,
            datasource_id: &source.target.id,
            database_name: source.database,
            schema_name: source.schema,
            r#type: "TABLE",
            columns: &shown,
            security_profile: profile,
            access_controls: if level >= Level::Sensitive { MASKED } else { SUBSCRIBED },
        };
        let payload = Payload {
            r#type: "QueryAuditPayload",
            version: 1,
            query_id: &self.query_id,
            query_text: &self.text,
            start_time: &self.start,
            duration: self.duration,
            error_code: self.outcome.error,
            technology_context: self.context(source),
            objects_accessed: match self.told {
                Told::Everything => Some(vec![object]),
                Told::NoObjects => Some(Vec::new()),
                Told::Nothing => None,
            },
            security_profile: (self.told != Told::Nothing).then_some(profile),
            purposes: self.purposes,
        };
        let record = Record {
            id: Some(id),
            event_timestamp: &self.stamp,
            received_timestamp: None,
            action: "QUERY",
            action_status: self.outcome.status,
            action_status_reason: self.outcome.reason,
            target_type: "DATASOURCE",
            targets: if self.told == Told::Everything { std::slice::from_ref(&source.target) } else { &[] },
            related_resources: &[],
            actor: &self.actor,
            actor_ip: chance(rng, 500).then_some(&self.person.ip),
            session_id: self.session.as_deref(),
            request_id: None,
            tenant_id: &tenant.id,
            user_agent: None,
            payload: &payload,
            order: 0,
        };
        journal.note(rng, record, self.received, self.care)
    }

    fn context<'a>(&'a self, source: &'a Source) -> TechnologyContext<'a> {
        use Platform::{BigQuery, Databricks, Snowflake, Starburst, Synapse, Trino};
        let platform = source.platform;
        let snowflake = platform == Snowflake;
        let warehouse = if self.service { "TRANSFORM_WH" } else { "ANALYST_WH" };
        TechnologyContext {
            r#type: platform.context(),
            host: platform.host(),
            account: Account { id: &self.login, username: &self.login },
            rows_produced: (self.outcome.status == "SUCCESS").then_some(self.rows),
            warehouse_name: snowflake.then_some(warehouse),
            role_name: snowflake.then_some(self.person.department.role),
            client_application: self.service.then_some(&self.person.actor.id),
            cluster_id: (platform == Databricks).then_some("0412-081530-8kz1m2qa"),
            notebook_id: self.notebook,
            database: (platform == Synapse).then_some(source.database),
            catalog: matches!(platform, Trino | Starburst | Databricks).then_some(source.database),
            bytes_scanned: (platform == BigQuery).then_some(self.rows * 10_485),
        }
    }
}

/// One spelling of the level or the other.
fn spelling(rng: &mut ChaCha8Rng) -> Spelling {
    if chance(rng, 100) { Spelling::InWords } else { Spelling::Constant }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    r#type: &'static str,
    version: u32,
    query_id: &'a str,
    query_text: &'a str,
    start_time: &'a str,
    /// Milliseconds.
    duration: u32,
    error_code: Option<&'static str>,
    technology_context: TechnologyContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    objects_accessed: Option<Vec<ObjectAccessed<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_profile: Option<SecurityProfile>,
    purposes: &'a [&'static str],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectAccessed<'a> {
    name: &'a str,
    datasource_id: &'a str,
    database_name: &'static str,
    schema_name: &'static str,
    r#type: &'static str,
    columns: &'a [ShownColumn<'a>],
    security_profile: SecurityProfile,
    access_controls: &'static [AccessControl],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessControl {
    r#type: &'static str,
    policy_name: &'static str,
}

/// What the policies of a sensitive table did to the query.
const MASKED: &[AccessControl] = &[
    AccessControl { r#type: "SUBSCRIPTION", policy_name: "Subscribe by department" },
    AccessControl { r#type: "MASKING", policy_name: "Mask PII outside HR" },
];

/// What the policies of other tables did.
const SUBSCRIBED: &[AccessControl] =
    &[AccessControl { r#type: "SUBSCRIPTION", policy_name: "Subscribe by department" }];
