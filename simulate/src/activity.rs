//! What happens in Immuta itself, as against on the platforms: every kind but the query.
//!
//! The areas below say what each record holds. Where in a record a permission, a tag or a policy is named is not public, so
//! each kind takes one of the plausible places.

mod access;
mod bulk;
mod governance;
mod identity;
mod sources;
mod tags;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

use crate::dice::{chance, pick, uuid, weighted};
use crate::journal::{Care, Journal};
use crate::names::USER_AGENTS;
use crate::offices::Clocks;
use crate::record::{Actor, Record, Resource, with_offset, zulu};
use crate::tenant::{Person, Tenant, resource};

pub(crate) use access::{asked, decided, granted, updated};
pub(crate) use bulk::bulk;
pub(crate) use governance::{
    configuration_updated, domain_permissions_updated, domain_updated, global_policy, license, named_policy, purpose,
    webhook,
};
pub(crate) use identity::{
    api_key, attribute_applied, member_added, permission_applied, permission_removed, user_made,
};
pub(crate) use sources::{deleted, disabled_policy, newly_found, registered};
pub(crate) use tags::{classifier, column_of, found_in, identified, tag_applied, tag_deleted, tag_removed};

/// An application event before it is written.
#[derive(Clone)]
pub(crate) struct Activity {
    pub(crate) kind: &'static str,
    action: &'static str,
    status: &'static str,
    target_type: &'static str,
    targets: Vec<Resource>,
    related: Vec<Resource>,
    pub(crate) actor: Actor,
    /// Where a person sat; absent for machines.
    ip: Option<String>,
    payload: Map<String, Value>,
}

impl Activity {
    /// An event done by a person.
    pub(crate) fn by(person: &Person, kind: &'static str, action: &'static str) -> Self {
        let mut activity = Self::of(person.actor.clone(), kind, action);
        activity.ip = Some(person.ip.clone());
        activity
    }

    /// An event done by a machine.
    pub(crate) fn of(actor: Actor, kind: &'static str, action: &'static str) -> Self {
        let mut payload = Map::new();
        payload.insert("type".to_owned(), format!("{kind}AuditPayload").into());
        payload.insert("version".to_owned(), 1.into());
        Self {
            kind,
            action,
            status: "SUCCESS",
            target_type: "",
            targets: Vec::new(),
            related: Vec::new(),
            actor,
            ip: None,
            payload,
        }
    }

    /// What the event is about; the first one gives the type of the target.
    pub(crate) fn on(mut self, target: Resource) -> Self {
        if self.target_type.is_empty() {
            self.target_type = target.r#type;
        }
        self.targets.push(target);
        self
    }

    /// What else the event touches.
    pub(crate) fn with(mut self, other: Resource) -> Self {
        self.related.push(other);
        self
    }

    /// A key of the payload.
    pub(crate) fn says(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.payload.insert(key.to_owned(), value.into());
        self
    }

    /// What it is about, or touches, of this type.
    pub(crate) fn about(&self, r#type: &str) -> Option<&Resource> {
        self.targets.iter().chain(&self.related).find(|resource| resource.r#type == r#type)
    }

    /// The one tag that it is about.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.payload.get("tagName").or_else(|| self.payload.get("tag")?.get("name"))?.as_str()
    }

    fn failed(mut self) -> Self {
        self.status = "FAILURE";
        self
    }

    /// Takes the event down as it happened at `at`.
    pub(crate) fn note(
        &self,
        rng: &mut ChaCha8Rng,
        tenant: &Tenant,
        id: &str,
        at: i64,
        care: Care,
        journal: &mut Journal,
    ) -> Result<(), serde_json::Error> {
        let odd = care == Care::Usual && chance(rng, 15);
        let stamp = if odd { with_offset(at, rng.random_range(0..1000)) } else { zulu(at) };
        let (session, request) = (uuid(rng), uuid(rng));
        let person = self.ip.is_some();
        let record = Record {
            id: Some(id),
            event_timestamp: &stamp,
            received_timestamp: None,
            action: self.action,
            action_status: self.status,
            action_status_reason: None,
            target_type: self.target_type,
            targets: &self.targets,
            related_resources: &self.related,
            actor: &self.actor,
            actor_ip: self.ip.as_deref(),
            session_id: person.then_some(&session),
            request_id: chance(rng, 900).then_some(&request),
            tenant_id: &tenant.id,
            user_agent: person.then(|| *pick(rng, USER_AGENTS)),
            payload: &self.payload,
            order: 0,
        };
        let received = journal.received(rng, at, care);
        journal.note(rng, record, received, care)
    }
}

/// Events that belong together, each with the milliseconds after the first.
pub(crate) type Happening = Vec<(i64, Activity)>;

/// When and where something happens that nobody planned.
pub(crate) struct Occasion<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) clocks: &'a Clocks,
    /// Milliseconds since the epoch.
    pub(crate) at: i64,
    /// The office of those who are at work; it is staffed.
    pub(crate) office: usize,
    pub(crate) setting: Setting,
}

impl<'a> Occasion<'a> {
    /// Somebody at work.
    fn person(&self, rng: &mut ChaCha8Rng) -> &'a Person {
        self.tenant.at_work(rng, self.office)
    }

    /// One of those at work who look after governance.
    fn steward(&self, rng: &mut ChaCha8Rng) -> &'a Person {
        self.tenant.steward(rng, self.office)
    }
}

/// What a quiet tenant does under the name of `kind`; a kind that ends a story brings what comes before it.
pub(crate) fn happening(rng: &mut ChaCha8Rng, occasion: &Occasion, kind: &'static str) -> Happening {
    let story = access::story(rng, occasion, kind).or_else(|| sources::story(rng, occasion, kind));
    if let Some(story) = story {
        return story;
    }
    let activity = identity::quiet(rng, occasion, kind)
        .or_else(|| sources::quiet(rng, occasion, kind))
        .or_else(|| tags::quiet(rng, occasion, kind))
        .or_else(|| governance::quiet(rng, occasion, kind))
        .unwrap_or_else(|| unlisted(rng, occasion, kind));
    vec![(0, activity)]
}

/// `action` of a kind that makes, changes or deletes something.
fn verb(kind: &str) -> &'static str {
    if kind.ends_with("Created") {
        "CREATE"
    } else if kind.ends_with("Deleted") {
        "DELETE"
    } else {
        "UPDATE"
    }
}

/// A kind that no list of known kinds holds.
fn unlisted(rng: &mut ChaCha8Rng, occasion: &Occasion, kind: &'static str) -> Activity {
    let product = *pick(rng, &["Customer 360", "Daily Sales", "Fraud Signals", "Supplier Index"]);
    let person = match occasion.setting {
        Setting::Everyday => occasion.person(rng),
        Setting::Machine | Setting::Administration => occasion.steward(rng),
    };
    Activity::by(person, kind, "UPDATE")
        .on(resource("DATA_PRODUCT", &uuid(rng), product))
        .with(occasion.tenant.source(rng).target.clone())
        .says("name", product)
}

/// Who sets off an event that nobody planned.
#[derive(Clone, Copy)]
pub(crate) enum Setting {
    /// Immuta itself and the identity provider, round the clock.
    Machine,
    /// Anybody at work.
    Everyday,
    /// The few who look after governance, while their office is open.
    Administration,
}

/// A kind for the setting, the frequent ones more often.
pub(crate) fn kind(rng: &mut ChaCha8Rng, setting: Setting) -> &'static str {
    weighted(
        rng,
        match setting {
            Setting::Machine => MACHINE,
            Setting::Everyday => EVERYDAY,
            Setting::Administration => ADMINISTRATION,
        },
    )
}

const MACHINE: &[(&str, u32)] = &[
    ("DatasourceCatalogSynced", 40),
    ("SDDDatasourceTagUpdated", 90),
    ("TagApplied", 90),
    ("DatasourceGlobalPolicyApplied", 120),
    ("GroupMemberAdded", 80),
    ("AttributeApplied", 60),
    ("UserUpdated", 60),
    ("GroupMemberRemoved", 50),
    ("AttributeRemoved", 40),
    ("SubscriptionUpdated", 40),
    ("SubscriptionDeleted", 30),
    ("DatasourceGlobalPolicyRemoved", 20),
    ("UserCreated", 15),
    ("UserDeleted", 10),
    ("GroupUpdated", 10),
    ("DatasourcePolicyCertificationExpired", 5),
    ("DatasourceDisabled", 5),
];

const EVERYDAY: &[(&str, u32)] = &[
    ("UserAuthenticated", 650),
    ("UserLogout", 230),
    ("SubscriptionCreated", 50),
    ("SubscriptionRequested", 20),
    ("SubscriptionRequestDenied", 12),
    ("ProjectPurposesAcknowledged", 12),
    ("DataProductRequestSubmitted", 3),
];

const ADMINISTRATION: &[(&str, u32)] = &[
    ("DatasourceUpdated", 110),
    ("TagApplied", 90),
    ("DatasourceCreated", 70),
    ("DatasourceAppliedToProject", 50),
    ("GlobalPolicyUpdated", 40),
    ("LocalPolicyUpdated", 40),
    ("TagRemoved", 30),
    ("DatasourcePolicyCertified", 30),
    ("ProjectUpdated", 30),
    ("DomainDataSourcesUpdated", 25),
    ("PermissionApplied", 20),
    ("LocalPolicyCreated", 20),
    ("TagUpdated", 20),
    ("TagCreated", 15),
    ("ProjectCreated", 15),
    ("PermissionRemoved", 12),
    ("DomainPermissionsUpdated", 12),
    ("DatasourceGlobalPolicyConflictResolved", 12),
    ("GlobalPolicyCreated", 10),
    ("GlobalPolicyApproved", 10),
    ("DatasourceGlobalPolicyDisabled", 10),
    ("DatasourcePolicyDecertified", 10),
    ("DatasourceDeleted", 10),
    ("SDDClassifierUpdated", 10),
    ("SDDClassifierCreated", 6),
    ("PurposeUpdated", 6),
    ("DomainUpdated", 6),
    ("TagDeleted", 6),
    ("ApiKeyDeleted", 5),
    ("UserCloned", 5),
    ("ProjectPurposeApproved", 5),
    ("LocalPolicyDeleted", 4),
    ("PurposeCreated", 4),
    ("DataProductPublished", 4),
    ("GroupCreated", 4),
    ("ProjectPurposeDenied", 2),
    ("ProjectDisabled", 2),
    ("WebhookCreated", 3),
    ("ProjectDeleted", 3),
    ("PurposeDeleted", 3),
    ("DomainCreated", 3),
    ("GroupDeleted", 2),
    ("DomainDeleted", 2),
];
