//! The rule pack that ships, and everything that must not load.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "rule_loading/correlations.rs"]
mod correlations;

use std::path::Path;

use immuta_watch::config::Configuration;
use immuta_watch::correlate::run_examples;
use immuta_watch::event::{Event, Record, Service};
use immuta_watch::rules::{Level, Pack, PackFile, Route, RuleErrors};

const RULE: &str = "\
title: Permission granted
id: 00000000-0000-4000-8000-000000000001
status: test
logsource:
  product: immuta
  service: audit
detection:
  selection:
    watch.kind: PermissionApplied
  condition: selection
level: low
watch:
  question: permissions
  route: dashboard
  alert_key: [watch.actor, watch.subject]
  window: 1d
  raise:
    - when:
        watch.permission|expand: '%high_risk%'
      level: high
      route: notification
      because: It is on the list.
  runbook: [Ask the actor.]
  examples:
    positive:
      - name: granted
        event: {auditPayload: {type: PermissionAppliedAuditPayload, permission: CREATE_PROJECT}}
    negative:
      - name: removed
        event: {auditPayload: {type: PermissionRemovedAuditPayload, permission: CREATE_PROJECT}}
";

const FILTER: &str = "\
title: Provisioning
id: 00000000-0000-4000-8000-000000000002
logsource:
  product: immuta
  service: audit
filter:
  rules: [00000000-0000-4000-8000-000000000001]
  selection:
    watch.actor: okta-scim
  condition: not selection
";

fn files(rule: &str) -> Vec<PackFile> {
    let file = |path: &str, text: &str| PackFile { path: path.to_owned(), text: text.to_owned() };
    vec![
        file("permissions/permission_granted.yml", rule),
        file("lists/high_risk.txt", "# what can do harm\nGOVERNANCE\nIMPERSONATE_*\n"),
        file("lists/nothing.txt", ""),
    ]
}

fn compile(files: &[PackFile]) -> Result<Pack, RuleErrors> {
    Pack::compile(files, &Configuration::default())
}

/// Compiles the rule for an installation with this configuration.
fn compile_for(configuration: &str, rule: &str) -> Result<Pack, RuleErrors> {
    let read = |_: &str| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    let mut files = files(rule);
    for name in ["service_accounts", "provisioning_actors", "system_actor_types"] {
        let text = if name == "system_actor_types" { "SYSTEM_ACTOR" } else { "" };
        files.push(PackFile { path: format!("lists/{name}.txt"), text: text.to_owned() });
    }
    Pack::compile(&files, &Configuration::parse(configuration, &read).unwrap())
}

fn with_filter(filter: &str) -> Vec<PackFile> {
    let mut files = files(RULE);
    files.push(PackFile { path: "filters/provisioning.yml".to_owned(), text: filter.to_owned() });
    files
}

/// The level and route of the one match, if there is one.
fn matched(pack: &Pack, record: &str) -> Option<(Level, Route)> {
    let record = Record::parse(record.as_bytes()).unwrap();
    let matches = pack.matches(&Event::of(&record));
    assert!(matches.len() <= 1);
    matches.first().map(|found| (found.outcome.level, found.outcome.route))
}

fn granted(permission: &str) -> String {
    format!(
        r#"{{"actor":{{"id":"ann"}},"auditPayload":{{"type":"PermissionAppliedAuditPayload","permission":"{permission}"}}}}"#
    )
}

#[test]
fn the_pack_that_ships_loads_and_all_its_examples_hold() {
    let pack = Pack::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules"), &Configuration::default())
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert!(pack.rules().len() >= 15);
    let results = run_examples(&pack);
    let failures: Vec<_> = results.iter().filter(|result| result.failure.is_some()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(results.len() >= 2 * pack.rules().len());
}

#[test]
fn a_list_raises_level_and_route_and_its_wildcards_count() {
    let pack = compile(&files(RULE)).unwrap();
    assert_eq!(matched(&pack, &granted("CREATE_PROJECT")), Some((Level::Low, Route::Dashboard)));
    assert_eq!(matched(&pack, &granted("governance")), Some((Level::High, Route::Notification)));
    assert_eq!(matched(&pack, &granted("IMPERSONATE_USER")), Some((Level::High, Route::Notification)));
}

#[test]
fn an_empty_list_matches_nothing() {
    let pack = compile(&files(&RULE.replace("%high_risk%", "%nothing%"))).unwrap();
    assert_eq!(matched(&pack, &granted("GOVERNANCE")), Some((Level::Low, Route::Dashboard)));
}

#[test]
fn a_raise_may_be_a_whole_detection_with_its_own_condition() {
    let when = "a: {watch.permission: GOVERNANCE}\n        b: {watch.actor: ann}\n        condition: a and not b";
    let pack = compile(&files(&RULE.replace("watch.permission|expand: '%high_risk%'", when))).unwrap();
    assert_eq!(matched(&pack, &granted("GOVERNANCE")), Some((Level::Low, Route::Dashboard)));
    let by_bob = granted("GOVERNANCE").replace("ann", "bob");
    assert_eq!(matched(&pack, &by_bob), Some((Level::High, Route::Notification)));
}

#[test]
fn a_filter_takes_out_what_it_describes() {
    let pack = compile(&with_filter(FILTER)).unwrap();
    assert_eq!(pack.filters(), 1);
    assert!(matched(&pack, &granted("GOVERNANCE")).is_some());
    assert_eq!(matched(&pack, &granted("GOVERNANCE").replace("ann", "okta-scim")), None);
}

#[test]
fn the_conditions_that_held_name_field_value_and_list() {
    let pack = compile(&files(RULE)).unwrap();
    let text = granted("GOVERNANCE");
    let record = Record::parse(text.as_bytes()).unwrap();
    let conditions = pack.conditions(&pack.rules()[0], &Event::of(&record), false);
    let shown: Vec<_> = conditions
        .iter()
        .map(|held| {
            (held.selection.as_str(), held.field.as_deref().unwrap(), held.value.as_str(), held.list.as_deref())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("selection", "watch.kind", "\"PermissionApplied\"", None),
            ("raise", "watch.permission", "\"GOVERNANCE\"", Some("high_risk")),
        ]
    );
}

#[test]
fn the_hash_changes_with_every_byte_and_not_with_the_order_of_files() {
    let pack = compile(&files(RULE)).unwrap();
    let mut reversed = files(RULE);
    reversed.reverse();
    assert_eq!(compile(&reversed).unwrap().hash(), pack.hash());
    assert_ne!(compile(&files(&RULE.replace("Ask the", "Call the"))).unwrap().hash(), pack.hash());
}

/// What is wrong, where, and in which words: line, and a part of the message.
#[test]
fn everything_that_would_silently_not_match_is_an_error_with_its_line() {
    let cases: &[(&str, &str, u64, &str)] = &[
        ("watch.kind: Perm", "watch.knid: Perm", 9, "there is no derived field watch.knid; did you mean watch.kind?"),
        ("watch.kind:", "watch.kind|contain:", 9, "Unknown modifier 'contain'"),
        ("condition: selection", "condition: selecton", 10, "the condition speaks of selecton"),
        ("condition: selection", "condition: selection | count() > 3", 10, "Condition parse error"),
        ("condition: selection", "condition: selection\n  timeframe: 5m", 11, "timeframe"),
        ("watch.kind: Perm", "auditPayload.tags[0]: Perm", 9, "brackets are not supported"),
        ("'%high_risk%'", "'%high_rsik%'", 19, "there is no list high_rsik; did you mean high_risk?"),
        ("'%high_risk%'", "USER_ADMIN", 19, "is no list; with expand"),
        ("watch.permission|expand", "watch.permission", 19, "a list needs the modifier expand"),
        ("watch.permission|expand", "watch.permission|re|expand", 19, "expand goes with"),
        ("question: permissions", "question: permission", 13, "unknown variant `permission`"),
        ("route: dashboard", "rout: dashboard", 14, "unknown field `rout`"),
        ("[watch.actor, watch.subject]", "[watch.subject, actor.id]", 15, "can be missing"),
        ("[watch.actor, watch.subject]", "[watch.actr]", 15, "did you mean watch.actor?"),
        ("window: 1d", "window: 5h", 16, "is no window"),
        ("level: low", "level: lwo", 11, "unknown variant `lwo`"),
        ("product: immuta", "product: windows", 5, "no event comes from this logsource"),
        ("status: test", "status: deprecated", 3, "take a rule that is none of these out"),
        ("id: 0000", "id: abc-0000", 2, "a rule needs an id"),
        ("title: Permission granted", "title: [a", 1, ""),
        ("level: low", "levle: low", 11, "unknown field `levle`"),
        ("runbook: [Ask the actor.]", "runbook: []", 23, "the runbook is empty"),
        ("condition: selection", "condition: selection and 1 of x*", 10, "1 of x*: there are 0 such selections"),
        ("condition: selection", "condition: not all of x*", 10, "there are 0 such selections"),
        ("condition: selection", "condition: 0 of s*", 10, "there are 1 such selections"),
        ("condition: selection", "condition: 3 of s*", 10, "there are 1 such selections"),
        ("condition: selection", "condition: []", 10, "there is no condition"),
        ("  condition:", "  other: {watch.actor: x}\n  condition:", 10, "no condition uses the selection other"),
        ("watch.kind: Perm", "Watch.Kind: Perm", 9, "there is no derived field Watch.Kind"),
        ("watch.kind: PermissionApplied", "watch.kind: []", 9, "has no value"),
        ("watch.kind: PermissionApplied", "auditPayload: {permission: X}", 9, "write their path"),
        ("watch.kind: PermissionApplied", "actor.id|fieldref: watch.aktor", 9, "there is no derived field watch.aktor"),
        (
            "watch.kind: PermissionApplied",
            "actor.id|fieldref: watch.manual",
            9,
            "cannot be compared with another field",
        ),
        ("watch.kind: PermissionApplied", "actor.id|exists: maybe", 9, "takes true or false"),
        ("watch.kind: PermissionApplied", "watch.permission|gt: 4", 9, "is text"),
        ("watch.kind: PermissionApplied", "auditPayload.list.0: x", 9, "is no path of a record"),
        ("watch.kind: PermissionApplied", "auditPayload.*: x", 9, "is no path of a record"),
        ("watch.permission|expand: '%high_risk%'", "{}", 18, "write fields with their values"),
        ("watch.permission|expand: '%high_risk%'", "watch.permission: []", 19, "has no value"),
        ("level: high", "level: low\n      note: x", 21, "unknown field `note`"),
        ("      level: high\n      route: notification", "      level: low", 19, "raises nothing"),
        ("because: It is on the list.", "because: ''", 19, "say in `because`"),
        ("[watch.actor, watch.subject]", "[watch.actor, auditPayload.queryText]", 15, "no alert key"),
        ("[watch.actor, watch.subject]", "[watch.actor, watch.weekday]", 15, "no part of an alert's identity"),
        ("watch.kind: PermissionApplied", "watch.manual: 'true'", 9, "in `when` of a raise only"),
        (
            "watch.permission|expand: '%high_risk%'",
            "watch.manual: 'true'",
            19,
            "needs the list lists/service_accounts.txt",
        ),
        (
            "watch.permission|expand: '%high_risk%'",
            "watch.busines_hours: 'false'",
            19,
            "did you mean watch.business_hours?",
        ),
        ("watch.permission|expand: '%high_risk%'", "watch.manual: 'false'", 19, "and not for the opposite"),
        (
            "watch.permission|expand: '%high_risk%'",
            "{by_hand: {watch.manual: 'true'}, condition: not by_hand}",
            19,
            "and not for the opposite",
        ),
        ("watch.permission|expand: '%high_risk%'", "watch.weekday|gt: 4", 19, "is text"),
        ("watch.permission|expand: '%high_risk%'", "watch.weekday: [saterday]", 19, "did you mean saturday?"),
        ("watch.permission|expand: '%high_risk%'", "watch.holiday: maybe", 19, "watch.holiday is never maybe"),
        ("watch.kind: PermissionApplied", "object: pay", 9, "did you mean watch.object?"),
        ("watch.kind: PermissionApplied", "weekday: sunday", 9, "did you mean watch.weekday?"),
    ];
    for (from, to, line, message) in cases {
        assert!(RULE.contains(from), "{from}");
        let errors = match compile(&files(&RULE.replacen(from, to, 1))) {
            Ok(_) => panic!("{to} loads"),
            Err(errors) => errors.0,
        };
        let found = errors.iter().any(|error| {
            error.file == "permissions/permission_granted.yml"
                && (error.line == Some(*line) || message.is_empty())
                && error.message.contains(message)
        });
        assert!(found, "{to}: {errors:#?}");
    }
}

/// A permission granted by this actor at this time.
fn granted_by(actor: &str, time: &str) -> String {
    format!(
        r#"{{"eventTimestamp":"{time}","actor":{actor},"auditPayload":{{"type":"PermissionAppliedAuditPayload"}}}}"#
    )
}

const ANN: &str = r#"{"type":"USER_ACTOR","id":"ann@x","name":"Ann"}"#;
const BERLIN: &str = "{calendars: {berlin: {zone: Europe/Berlin}}, default_calendar: berlin}";

#[test]
fn a_raise_asks_the_calendar_of_the_actor() {
    let after_hours = RULE.replace("watch.permission|expand: '%high_risk%'", "watch.business_hours: 'false'");
    let level = |configuration, time| {
        let pack = compile_for(configuration, &after_hours).unwrap();
        matched(&pack, &granted_by(ANN, time)).unwrap().0
    };
    // 07:30 UTC is 08:30 in Berlin in winter.
    assert_eq!(level(BERLIN, "2026-11-02T07:30:00Z"), Level::Low);
    assert_eq!(level("", "2026-11-02T07:30:00Z"), Level::High);
    assert_eq!(level(BERLIN, "2026-11-07T12:00:00Z"), Level::High);
    assert_eq!(level(BERLIN, "no time at all"), Level::Low, "nobody knows, and the rule does not hold");
}

#[test]
fn the_hour_is_a_number() {
    let at_night = RULE.replace("watch.permission|expand: '%high_risk%'", "watch.hour|lt: 6");
    let pack = compile_for(BERLIN, &at_night).unwrap();
    let level = |time| matched(&pack, &granted_by(ANN, time)).unwrap().0;
    let levels = ["2026-11-02T04:59:00Z", "2026-11-02T05:00:00Z", "2026-11-02T23:00:00Z"].map(level);
    assert_eq!(levels, [Level::High, Level::Low, Level::High]);
}

#[test]
fn a_raise_asks_whose_hands_it_was_and_the_alert_says_how_that_is_known() {
    let by_hand = RULE.replace("watch.permission|expand: '%high_risk%'", "watch.manual: 'true'");
    let pack = compile_for("{lists: {service_accounts: {add: [ann@*]}}}", &by_hand).unwrap();
    let system = r#"{"type":"SYSTEM_ACTOR","id":"x"}"#;
    let bob = r#"{"type":"USER_ACTOR","id":"bob"}"#;
    let noon = "2026-11-02T12:00:00Z";
    let level = |actor| matched(&pack, &granted_by(actor, noon)).unwrap().0;
    assert_eq!(
        (level(ANN), level(system), level(bob), level("null")),
        (Level::Low, Level::Low, Level::High, Level::High)
    );
    let line = granted_by("null", noon);
    let record = Record::parse(line.as_bytes()).unwrap();
    let held = pack.conditions(&pack.rules()[0], &Event::of(&record), false);
    let note = held.iter().find_map(|held| held.note.as_deref()).unwrap();
    assert_eq!(note, "the record does not say whether the actor is a person, so it counts as done by hand");
}

#[test]
fn an_overlay_changes_what_a_rule_compares_with_and_a_wrong_one_is_an_error() {
    let record =
        granted_by(ANN, "2026-11-02T12:00:00Z").replace(r#""type":"Perm"#, r#""permission":"AUDIT","type":"Perm"#);
    assert_eq!(matched(&compile_for("", RULE).unwrap(), &record).unwrap().0, Level::Low);
    let overlaid = compile_for("{lists: {high_risk: {add: [AUD*], remove: [GOVERNANCE]}}}", RULE).unwrap();
    assert_eq!(matched(&overlaid, &record).unwrap().0, Level::High);
    assert_eq!(overlaid.lists()["high_risk"].values, ["IMPERSONATE_*", "AUD*"]);
    let wrong = compile_for("{lists: {high_rsik: {add: [x]}}}", RULE).unwrap_err().to_string();
    assert!(
        wrong.contains("the configuration: lists.high_rsik") && wrong.contains("did you mean high_risk?"),
        "{wrong}"
    );
}

#[test]
fn a_raise_that_no_example_reaches_and_an_example_that_two_rules_match_are_told() {
    let results = compile(&files(RULE)).unwrap().run_examples();
    let failed: Vec<_> =
        results.iter().filter_map(|result| Some((&*result.name, result.failure.as_deref()?))).collect();
    assert_eq!(failed, [("It is on the list.", "no positive example is raised by this")]);
    let reached = RULE.replace("permission: CREATE_PROJECT}}\n    negative", "permission: GOVERNANCE}}\n    negative");
    assert!(compile(&files(&reached)).unwrap().run_examples().iter().all(|result| result.failure.is_none()));
    let mut twice = files(&reached);
    twice.push(PackFile { path: "again.yml".to_owned(), text: reached.replace("0001", "0009") });
    let results = compile(&twice).unwrap().run_examples();
    assert_eq!(results[0].also, ["permission_granted"]);
}

#[test]
fn an_explanation_names_the_filter_that_left_an_event_out() {
    let pack = compile(&with_filter(FILTER)).unwrap();
    let line = granted_by(r#"{"id":"okta-scim"}"#, "2026-11-02T12:00:00Z");
    let record = Record::parse(line.as_bytes()).unwrap();
    let explanation = pack.explain(&pack.rules()[0], &Event::of(&record), false);
    let text = serde_json::to_string(&explanation).unwrap();
    assert!(!explanation.matched);
    assert!(text.contains(r#"selection of the filter \"Provisioning\" (filters/provisioning.yml)"#), "{text}");
}

#[test]
fn an_explanation_says_what_was_missing() {
    let pack = compile(&files(RULE)).unwrap();
    let record = Record::parse(br#"{"auditPayload":{"type":"PermissionRemovedAuditPayload"}}"#).unwrap();
    let explanation = pack.explain(&pack.rules()[0], &Event::of(&record), false);
    assert!(!explanation.matched && !explanation.raises[0].held);
    let text = serde_json::to_string(&explanation).unwrap();
    assert!(
        text.contains(r#""field":"watch.kind","value":"\"PermissionRemoved\"","pattern":"PermissionApplied""#),
        "{text}"
    );
    assert!(
        text.contains(r#""field":"watch.permission","value":null,"pattern":"an entry","list":"high_risk""#),
        "{text}"
    );
}

#[test]
fn an_error_in_a_later_document_has_the_line_of_the_file() {
    let second = RULE.replace("0001", "0003").replace("window: 1d", "window: soon");
    let errors = compile(&files(&format!("{RULE}---\n{second}"))).unwrap_err().0;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].line, Some(RULE.lines().count() as u64 + 1 + 16));
}

#[test]
fn rules_with_one_id_and_filters_without_a_rule_are_errors() {
    let mut twice = files(RULE);
    twice.push(PackFile { path: "permissions/again.yml".to_owned(), text: RULE.to_owned() });
    assert!(compile(&twice).unwrap_err().to_string().contains("is already that of permissions/again.yml"));
    let astray = FILTER.replace("rules: [00000000-0000-4000-8000-000000000001]", "rules: [nobody]");
    assert!(compile(&with_filter(&astray)).unwrap_err().to_string().contains("about \"nobody\""));
    assert!(compile(&[]).unwrap_err().to_string().contains("there is no rule"));
}

#[test]
fn a_filter_that_would_filter_everything_or_nothing_by_mistake_is_an_error() {
    let cases = [
        ("rules: [00000000-0000-4000-8000-000000000001]", "rules: []", "a filter names its rules"),
        ("rules: [00000000-0000-4000-8000-000000000001]", "rules: 5", "a filter names its rules"),
        ("rules: [00000000-0000-4000-8000-000000000001]", "rules: {any: 1}", "a filter names its rules"),
        ("condition: not selection", "condition: not selectoin", "the condition speaks of selectoin"),
        ("condition: not selection", "condition: not 1 of x*", "there are 0 such selections"),
        ("condition: not selection", "condition: not selection\n  timeframe: 5m", "is not supported"),
        ("condition: not selection", "condition: not selection\n  exclude: true", "the selection exclude is true"),
        ("title: Provisioning", "title: Provisioning\nstatus: deprecated", "no longer in force"),
        ("title: Provisioning", "title: Provisioning\nlevel: low", "a rule or a filter"),
    ];
    for (from, to, message) in cases {
        assert!(FILTER.contains(from), "{from}");
        let errors = compile(&with_filter(&FILTER.replacen(from, to, 1))).expect_err(to);
        assert!(errors.to_string().contains(message), "{to}: {errors}");
    }
}

#[test]
fn a_word_means_the_same_wherever_it_stands() {
    let record = granted("yes");
    let pack = compile(&files(&RULE.replace("watch.kind: PermissionApplied", "auditPayload.permission: yes"))).unwrap();
    assert!(matched(&pack, &record).is_some());
    let raised = RULE.replace("watch.permission|expand: '%high_risk%'", "auditPayload.permission: yes");
    assert_eq!(matched(&compile(&files(&raised)).unwrap(), &record), Some((Level::High, Route::Notification)));
}

/// The rule, about notifications of webhooks.
fn about_webhooks() -> String {
    RULE.replace("service: audit", "service: webhook").replace("PermissionApplied\n", "permissionsUpdated\n")
}

#[test]
fn a_rule_sees_events_of_its_own_service_only() {
    let rules = [RULE.to_owned(), about_webhooks().replace("000000000001", "000000000003")];
    let mut both = files(&rules[0]);
    both.push(PackFile { path: "webhook/permissions_updated.yml".to_owned(), text: rules[1].clone() });
    let pack = compile(&both).unwrap();
    let services: Vec<Service> = pack.rules().iter().map(|rule| rule.service).collect();
    assert_eq!(services, [Service::Audit, Service::Webhook]);
    let seen = |kind: &str, service| {
        let line = format!(r#"{{"service":"webhook","auditPayload":{{"type":"{kind}"}}}}"#);
        let record = Record::parse(line.as_bytes()).unwrap();
        let matches = pack.matches(&Event::of_service(&record, service));
        matches.iter().map(|found| found.rule.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(seen("PermissionApplied", Service::Audit), ["permission_granted"]);
    assert_eq!(seen("permissionsUpdated", Service::Webhook), ["permissions_updated"]);
    assert!(seen("PermissionApplied", Service::Webhook).is_empty());
    assert!(seen("permissionsUpdated", Service::Audit).is_empty(), "what a record says of itself is of no account");
}

#[test]
fn a_filter_applies_to_rules_of_its_own_service_only() {
    let filter = |service: &str, rules: &str| {
        FILTER.replace("service: audit", service).replace("rules: [00000000-0000-4000-8000-000000000001]", rules)
    };
    let of_scim = granted("CREATE_PROJECT").replace("ann", "okta-scim");
    let pack = compile(&with_filter(&filter("service: audit", "rules: any"))).unwrap();
    assert_eq!(matched(&pack, &of_scim), None);
    let pack = compile(&with_filter(&filter("service: webhook", "rules: any"))).unwrap();
    assert_eq!(matched(&pack, &of_scim), Some((Level::Low, Route::Dashboard)));
    let named = "rules: [00000000-0000-4000-8000-000000000001]";
    let errors = compile(&with_filter(&filter("service: webhook", named))).unwrap_err();
    assert!(errors.to_string().contains("no rule of its service, webhook"), "{errors}");
}

#[test]
fn kinds_are_spelled_as_their_service_spells_them() {
    let kinds = |rule: &str| compile(&files(rule)).unwrap().rules()[0].kinds.clone();
    assert_eq!(
        kinds(&RULE.replace("watch.kind: PermissionApplied", "watch.kind: permissionapplied")),
        ["PermissionApplied"]
    );
    let of_webhooks = about_webhooks().replace("watch.kind: permissionsUpdated", "watch.kind: PermissionsUpdated");
    assert_eq!(kinds(&of_webhooks), ["permissionsUpdated"]);
}
