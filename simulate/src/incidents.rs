//! What goes wrong, when incidents are planted: each is one event that a rule must find, and nothing else looks like it.

use rand_chacha::ChaCha8Rng;

use crate::activity::{
    Activity, api_key, configuration_updated, domain_permissions_updated, global_policy, permission_applied,
    permission_removed, tag_removed, user_made, webhook,
};
use crate::dice::{chance, pick};
use crate::names::{SENSITIVE_TAGS, STRONG_PERMISSIONS};
use crate::tenant::{Person, Tenant, someone};

/// An incident as the rules should see it.
pub(crate) struct Incident {
    /// What happened, in words.
    pub(crate) name: &'static str,
    /// The governance question that it answers.
    pub(crate) question: &'static str,
    /// The file name, without its ending, of the rule that should find it.
    pub(crate) rule: &'static str,
    /// The level of the alert.
    pub(crate) level: &'static str,
    /// Where the alert goes.
    pub(crate) route: &'static str,
    /// Makes the event.
    make: fn(&mut ChaCha8Rng, &Tenant, &Person) -> Activity,
}

impl Incident {
    /// The event of this incident, done by `person`.
    pub(crate) fn event(&self, rng: &mut ChaCha8Rng, tenant: &Tenant, person: &Person) -> Activity {
        (self.make)(rng, tenant, person)
    }

    /// Whether the hour might raise the level: such incidents stay within office hours, so that the level is known.
    pub(crate) fn keeps_office_hours(&self) -> bool {
        self.level != "high"
    }
}

/// Everything that can go wrong.
pub(crate) const INCIDENTS: &[Incident] = &[
    Incident {
        name: "high-risk permission granted",
        question: "permissions",
        rule: "permission_granted",
        level: "high",
        route: "notification",
        make: |rng, tenant, person| {
            let permission = *pick(rng, STRONG_PERMISSIONS);
            permission_applied(person, tenant.anyone(rng), permission)
        },
    },
    Incident {
        name: "audit permission removed",
        question: "permissions",
        rule: "permission_removed",
        level: "high",
        route: "notification",
        make: |rng, tenant, person| permission_removed(person, tenant.anyone(rng), "AUDIT"),
    },
    Incident {
        name: "domain permission to manage policies granted",
        question: "permissions",
        rule: "domain_permissions_updated",
        level: "high",
        route: "notification",
        make: |rng, tenant, person| {
            let subject = tenant.anyone(rng);
            domain_permissions_updated(rng, person, subject, "Manage Policies")
        },
    },
    Incident {
        name: "global policy deleted",
        question: "policies",
        rule: "global_policy_deleted",
        level: "medium",
        route: "dashboard",
        make: |rng, _, person| global_policy(rng, person, "GlobalPolicyDeleted", "DELETE"),
    },
    Incident {
        name: "user made in Immuta instead of the identity provider",
        question: "users",
        rule: "user_made_locally",
        level: "medium",
        route: "notification",
        make: |rng, tenant, person| {
            let number = 1_000_000 + rand::RngExt::random_range(rng, 0..100_000);
            let newcomer = someone(rng, number, "bim");
            if chance(rng, 250) {
                let model = tenant.anyone(rng);
                return user_made(Activity::by(person, "UserCloned", "CREATE"), &newcomer).with(model.resource());
            }
            user_made(Activity::by(person, "UserCreated", "CREATE"), &newcomer)
        },
    },
    Incident {
        name: "configuration updated",
        question: "configuration",
        rule: "configuration_updated",
        level: "medium",
        route: "notification",
        make: |rng, _, person| configuration_updated(rng, person),
    },
    Incident {
        name: "webhook deleted",
        question: "watcher",
        rule: "webhook_deleted",
        level: "high",
        route: "notification",
        make: |rng, _, person| webhook(rng, person, "WebhookDeleted", "DELETE"),
    },
    Incident {
        name: "API key created",
        question: "watcher",
        rule: "api_key_changed",
        level: "medium",
        route: "notification",
        make: |rng, _, person| api_key(rng, person, "ApiKeyCreated", "CREATE"),
    },
    Incident {
        name: "sensitive tag removed from a column",
        question: "tagging",
        rule: "tag_on_data_changed",
        level: "medium",
        route: "dashboard",
        make: |rng, tenant, person| {
            let source = tenant.source(rng);
            let column = pick(rng, &tenant.tables[source.table].columns);
            let tag = *pick(rng, SENSITIVE_TAGS);
            tag_removed(person, source, column, tag)
        },
    },
];
