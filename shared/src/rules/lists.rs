//! Lists: named values that rules refer to as `field|expand: '%name%'`, or, with text around each value, as
//! `field|contains|expand: ' %name% '`.
//!
//! The placeholders are replaced here, and not by the engine's own pipeline, because that takes a list's wildcards
//! for plain characters and reads a placeholder without a list as the name of an event field.

use std::collections::BTreeMap;

use rsigma_parser::{Detection, Detections, Modifier, SigmaString, SigmaValue};

use crate::config::{self, ListOverlay};
use crate::spelling::did_you_mean;

/// One list, as its file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The file's name without its ending.
    pub name: String,
    /// Sigma patterns: `*` and `?` are wildcards, case does not matter.
    pub values: Vec<String>,
}

/// Stands for the values of an empty list: a noncharacter that no record holds, so that nothing matches.
const NEVER: &str = "\u{ffff}";

impl List {
    /// Reads a list: one value a line; lines that begin with `#` are comments.
    #[must_use]
    pub fn parse(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), values: config::lines(text).collect() }
    }

    /// The list as an installation has it.
    ///
    /// # Errors
    /// A value is to be removed that is not there.
    fn overlaid(&mut self, overlay: &ListOverlay) -> Result<(), String> {
        if let Some(values) = &overlay.replace {
            self.values.clone_from(values);
        }
        for value in &overlay.remove {
            let Some(position) = self.values.iter().position(|found| found.eq_ignore_ascii_case(value)) else {
                let hint = did_you_mean(value, self.values.iter().map(String::as_str));
                return Err(format!("lists.{}.remove: {value:?} is not on the list{hint}", self.name));
            };
            self.values.remove(position);
        }
        for value in &overlay.add {
            if !self.values.contains(value) {
                self.values.push(value.clone());
            }
        }
        Ok(())
    }
}

/// The lists of a pack by name.
pub(super) type Lists = BTreeMap<String, List>;

/// Puts what the configuration says of lists over those of the pack.
///
/// # Errors
/// A list, or a value to remove, that is not there.
pub(super) fn overlay(lists: &mut Lists, overlays: &BTreeMap<String, ListOverlay>) -> Result<(), Vec<String>> {
    let mut errors = Vec::new();
    for (name, overlay) in overlays {
        if let Some(list) = lists.get_mut(name) {
            errors.extend(list.overlaid(overlay).err());
        } else {
            let hint = did_you_mean(name, lists.keys().map(String::as_str));
            errors.push(format!(
                "lists.{name}: the pack has no list of this name, and a new one is a file of the pack{hint}"
            ));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Which list a field was compared with, in which selection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListUse {
    pub(super) selection: String,
    pub(super) field: String,
    pub(super) list: String,
    /// What stands before and behind each value, as a pattern
    pub(super) around: (String, String),
}

impl ListUse {
    /// Whether a value of the list is compared with a part of the field's value.
    pub(super) fn is_of_parts(&self) -> bool {
        self.around != <(String, String)>::default()
    }

    /// The pattern that a value of the list makes.
    pub(super) fn pattern(&self, value: &str) -> String {
        format!("{}{value}{}", self.around.0, self.around.1)
    }
}

/// Every use of a list in a detection section.
pub(super) type ListUses = Vec<ListUse>;

/// Replaces every placeholder in a detection section.
///
/// # Errors
/// The messages, each with the text in the rule that it is about.
pub(super) fn expand(detections: &mut Detections, lists: &Lists) -> Result<ListUses, Vec<(String, String)>> {
    let mut expansion = Expansion { lists, selection: String::new(), uses: Vec::new(), errors: Vec::new() };
    for (name, detection) in &mut detections.named {
        expansion.selection.clone_from(name);
        expansion.detection(detection);
    }
    if expansion.errors.is_empty() {
        expansion.uses.sort();
        expansion.uses.dedup();
        Ok(expansion.uses)
    } else {
        Err(expansion.errors)
    }
}

struct Expansion<'l> {
    lists: &'l Lists,
    selection: String,
    uses: ListUses,
    errors: Vec<(String, String)>,
}

impl Expansion<'_> {
    fn detection(&mut self, detection: &mut Detection) {
        match detection {
            Detection::AllOf(items) => {
                for item in items {
                    let name = item.field.name.clone().unwrap_or_default();
                    if item.field.has_modifier(Modifier::Expand) {
                        self.values(&name, &item.field.modifiers, &mut item.values);
                        item.field.modifiers.retain(|modifier| *modifier != Modifier::Expand);
                    } else {
                        self.refuse_bare_placeholders(&name, &item.values);
                    }
                }
            }
            Detection::AnyOf(children) | Detection::And(children) => {
                for child in children {
                    self.detection(child);
                }
            }
            Detection::ArrayMatch { body, .. } => self.detection(body),
            Detection::Conditional { named, .. } => named.values_mut().for_each(|child| self.detection(child)),
            Detection::Keywords(values) => self.refuse_bare_placeholders("keywords", values),
        }
    }

    fn values(&mut self, field: &str, modifiers: &[Modifier], values: &mut Vec<SigmaValue>) {
        let allowed = [Modifier::Expand, Modifier::Contains, Modifier::StartsWith, Modifier::EndsWith, Modifier::Cased];
        if modifiers.iter().any(|modifier| !allowed.contains(modifier)) {
            let message = "expand goes with contains, startswith, endswith and cased only".to_owned();
            self.errors.push((format!("{field}|"), message));
        }
        let mut expanded = Vec::new();
        for value in values.drain(..) {
            let Some((before, name, after)) = original(&value).and_then(parts) else {
                let text = original(&value).unwrap_or_default().to_owned();
                let message =
                    format!("{text:?} is no list; with expand, a value is the name of one between percent signs");
                self.errors.push((text, message));
                continue;
            };
            if let Some(list) = self.lists.get(name) {
                let selection = self.selection.clone();
                let open = |one: Modifier| modifiers.iter().any(|found| [Modifier::Contains, one].contains(found));
                let star = |is_open: bool| if is_open { "*" } else { "" };
                let around = (
                    format!("{}{before}", star(open(Modifier::EndsWith))),
                    format!("{after}{}", star(open(Modifier::StartsWith))),
                );
                self.uses.push(ListUse { selection, field: field.to_owned(), list: name.to_owned(), around });
                let whole = |value: &String| SigmaString::new(&format!("{before}{value}{after}"));
                expanded.extend(list.values.iter().map(|value| SigmaValue::String(whole(value))));
                if list.values.is_empty() {
                    expanded.push(SigmaValue::String(SigmaString::from_raw(NEVER)));
                }
            } else {
                let hint = did_you_mean(name, self.lists.keys().map(String::as_str));
                let message =
                    format!("there is no list {name}{hint}; a list is a file lists/{name}.txt, one value a line");
                self.errors.push((format!("%{name}%"), message));
            }
        }
        *values = expanded;
    }

    /// `field: '%list%'` without `expand` would compare with the percent signs themselves.
    fn refuse_bare_placeholders(&mut self, field: &str, values: &[SigmaValue]) {
        for name in values.iter().filter_map(placeholder) {
            let message = format!("a list needs the modifier expand; write `{field}|expand: '%{name}%'`");
            self.errors.push((format!("%{name}%"), message));
        }
    }
}

fn original(value: &SigmaValue) -> Option<&str> {
    match value {
        SigmaValue::String(text) => Some(&text.original),
        _ => None,
    }
}

/// The name between the percent signs, if the value is nothing but a placeholder.
fn placeholder(value: &SigmaValue) -> Option<&str> {
    parts(original(value)?).filter(|(before, _, after)| before.is_empty() && after.is_empty()).map(|(_, name, _)| name)
}

/// The name between percent signs, and what stands around them; none if there is none, or more than one.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('%')?;
    let (name, after) = rest.split_once('%')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (is_name && !after.contains('%')).then_some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_its_lines_without_comments() {
        let list =
            List::parse("x", "\u{feff}# what it is for\r\nUSER_ADMIN\r\n\n  Manage Policies  \n#OLD\nIMPERSONATE_*");
        assert_eq!(list.values, ["USER_ADMIN", "Manage Policies", "IMPERSONATE_*"]);
    }

    #[test]
    fn a_list_may_have_text_around_each_value() {
        assert_eq!(parts("%x%"), Some(("", "x", "")));
        assert_eq!(parts(" %high_risk% "), Some((" ", "high_risk", " ")));
        for none in ["", "%", "%%", "x", "50% of", "%a b%", "%a%%b%"] {
            assert_eq!(parts(none), None, "{none}");
        }
        let around = ("* ".to_owned(), " *".to_owned());
        let used = ListUse { selection: "s".to_owned(), field: "said".to_owned(), list: "x".to_owned(), around };
        assert!(used.is_of_parts());
        assert_eq!(used.pattern("USER_ADMIN"), "* USER_ADMIN *");
    }

    #[test]
    fn an_overlay_replaces_removes_and_adds() {
        let mut lists = Lists::from([("x".to_owned(), List::parse("x", "A\nB"))]);
        let overlaid = |lists: &mut Lists, name: &str, overlay: ListOverlay| {
            overlay_one(lists, name, overlay).map(|()| lists["x"].values.join(" "))
        };
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let change = ListOverlay { remove: values(&["A"]), add: values(&["C", "B"]), ..ListOverlay::default() };
        assert_eq!(overlaid(&mut lists, "x", change.clone()).unwrap(), "B C");
        let wrong = overlaid(&mut lists, "x", change).unwrap_err();
        assert!(wrong[0].contains("\"A\" is not on the list"), "{wrong:?}");
        let replaced = ListOverlay { replace: Some(values(&["D"])), ..ListOverlay::default() };
        assert_eq!(overlaid(&mut lists, "x", replaced.clone()).unwrap(), "D");
        assert!(overlaid(&mut lists, "xy", replaced).unwrap_err()[0].contains("did you mean x"));
    }

    fn overlay_one(lists: &mut Lists, name: &str, change: ListOverlay) -> Result<(), Vec<String>> {
        overlay(lists, &BTreeMap::from([(name.to_owned(), change)]))
    }
}
