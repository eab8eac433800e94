//! Whether an audit event and a notification agree in one respect: who, to whom, on what, which permission.
//!
//! Which keys notifications have is not documented, so one and the same person may be `7` in the one and `ann@example.com` in
//! the other. Two that are called by different kinds of names are not known to be different.

use std::collections::BTreeSet;

use crate::event::Party;

/// Shorter names would be found in any sentence.
const SHORTEST_IN_WORDS: usize = 3;

/// What the two say, in one respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agreement {
    /// Everything that the event names, the notification names as well
    Agrees,
    /// The notification says nothing of it but in free words, and there is something of it in these
    InWords,
    /// Something that the event names, but not all of it
    Partly,
    /// One of them does not say, or they call things by different kinds of names
    Unsaid,
    /// They name different ones
    Differs,
}

/// Whether they agree on people or data sources.
pub(super) fn on_parties(event: &[Party], notification: &[Party], texts: &[String]) -> Agreement {
    let is_named = |party: &&Party| notification.iter().any(|other| party.is(other));
    let is_in_words = |party: &&Party| party.called().any(|name| is_said(name, texts));
    let comparable = |party: &Party, other: &Party| {
        party.called().any(|name| other.called().any(|other| Form::of(name) == Form::of(other)))
    };
    let may_differ = || event.iter().any(|party| notification.iter().any(|other| comparable(party, other)));
    let event: Vec<&Party> = event.iter().collect();
    agreement(&event, is_named, (notification.is_empty(), &is_in_words), may_differ)
}

/// Whether they agree on names. Of dotted ones, which tags are, one of the two may have the end alone.
pub(super) fn on_names(
    event: &BTreeSet<String>,
    notification: Option<&BTreeSet<String>>,
    are_dotted: bool,
    texts: &[String],
) -> Agreement {
    let named = || notification.into_iter().flatten();
    let ends_with = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|start| start.ends_with('.'));
    let is_same =
        |name: &str, other: &str| name == other || (are_dotted && (ends_with(name, other) || ends_with(other, name)));
    let is_named = |name: &&String| named().any(|other| is_same(name, other));
    let is_in_words = |name: &&String| is_said(name, texts);
    let may_differ = || event.iter().any(|name| named().any(|other| Form::of(name) == Form::of(other)));
    let is_unsaid = named().next().is_none();
    agreement(&event.iter().collect::<Vec<_>>(), is_named, (is_unsaid, &is_in_words), may_differ)
}

/// Free words count only where no key says anything: they never outweigh what one does.
fn agreement<T>(
    event: &[&T],
    is_named: impl Fn(&&T) -> bool,
    (is_unsaid, is_in_words): (bool, &dyn Fn(&&T) -> bool),
    may_differ: impl Fn() -> bool,
) -> Agreement {
    if event.is_empty() {
        return Agreement::Unsaid;
    }
    if is_unsaid {
        return if event.iter().any(is_in_words) { Agreement::InWords } else { Agreement::Unsaid };
    }
    match event.iter().filter(|each| is_named(each)).count() {
        0 if may_differ() => Agreement::Differs,
        0 => Agreement::Unsaid,
        named if named == event.len() => Agreement::Agrees,
        _ => Agreement::Partly,
    }
}

/// Whether a name stands by itself in one of the texts.
fn is_said(name: &str, texts: &[String]) -> bool {
    name.len() >= SHORTEST_IN_WORDS
        && texts.iter().any(|text| {
            text.match_indices(name).any(|(at, _)| {
                let (before, after) =
                    (text[..at].chars().next_back(), text[at + name.len()..].chars().collect::<FirstTwo>());
                !before.is_some_and(|letter| letter.is_alphanumeric() || "_-.@+".contains(letter)) && !after.goes_on()
            })
        })
}

/// The two letters behind a name.
struct FirstTwo(Option<char>, Option<char>);

impl FromIterator<char> for FirstTwo {
    fn from_iter<I: IntoIterator<Item = char>>(letters: I) -> Self {
        let mut letters = letters.into_iter();
        Self(letters.next(), letters.next())
    }
}

impl FirstTwo {
    /// Whether they belong to the name: a full stop does only if more of it follows.
    fn goes_on(&self) -> bool {
        match (self.0, self.1) {
            (Some('.'), next) => next.is_some_and(char::is_alphanumeric),
            (Some(letter), _) => letter.is_alphanumeric() || "_-@+".contains(letter),
            (None, _) => false,
        }
    }
}

/// Kinds of names. Two names of different kinds may be of the same one; two of one kind that differ are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Number,
    /// A UUID and the like
    Hexadecimal,
    Address,
    /// Several words: what people are shown
    Words,
    Word,
}

impl Form {
    fn of(name: &str) -> Self {
        let is_hexadecimal = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            Form::Number
        } else if name.len() >= 32 && name.bytes().all(is_hexadecimal) {
            Form::Hexadecimal
        } else if name.contains('@') {
            Form::Address
        } else if name.contains(char::is_whitespace) {
            Form::Words
        } else {
            Form::Word
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(ids: &[&str], names: &[&str]) -> Party {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Party { ids: owned(ids), names: owned(names) }
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_same_person_may_be_called_by_another_kind_of_name() {
        let ann = [party(&["ann@example.com"], &["ann lee"])];
        let on = |other: Party| on_parties(&ann, &[other], &[]);
        assert_eq!(on(party(&["ann@example.com"], &[])), Agreement::Agrees);
        assert_eq!(on(party(&["7"], &["ann lee"])), Agreement::Agrees);
        assert_eq!(on(party(&["7"], &[])), Agreement::Unsaid);
        assert_eq!(on(party(&[], &["alee"])), Agreement::Unsaid);
        assert_eq!(on(party(&["bob@example.com"], &[])), Agreement::Differs);
        assert_eq!(on(party(&["7"], &["bob day"])), Agreement::Differs);
        assert_eq!(on_parties(&ann, &[], &[]), Agreement::Unsaid);
    }

    #[test]
    fn a_notification_that_names_some_of_several_agrees_in_part() {
        let both = [party(&[], &["tom"]), party(&[], &["mia"])];
        assert_eq!(on_parties(&both, &[party(&[], &["tom"])], &[]), Agreement::Partly);
        assert_eq!(on_parties(&both, &both, &[]), Agreement::Agrees);
        assert_eq!(on_names(&set(&["a", "b"]), Some(&set(&["b", "c"])), false, &[]), Agreement::Partly);
        assert_eq!(on_names(&set(&["b"]), Some(&set(&["b", "c"])), false, &[]), Agreement::Agrees);
    }

    #[test]
    fn what_no_key_holds_is_looked_for_in_the_words() {
        let texts = ["ann gave user_admin to tom@example.com.".to_owned()];
        assert_eq!(on_names(&set(&["user_admin"]), None, false, &texts), Agreement::InWords);
        assert_eq!(on_parties(&[party(&["tom@example.com"], &[])], &[], &texts), Agreement::InWords);
        for elsewhere in ["admin", "user", "om@example.com", "tom@example.co", "tom"] {
            assert_eq!(on_names(&set(&[elsewhere]), None, false, &texts), Agreement::Unsaid, "{elsewhere}");
        }
        assert_eq!(on_names(&set(&["to"]), None, false, &texts), Agreement::Unsaid, "too short to say anything");
    }

    #[test]
    fn a_tag_may_be_named_by_its_end_and_a_policy_by_its_number() {
        let on = |event: &str, other: &str| on_names(&set(&[event]), Some(&set(&[other])), true, &[]);
        assert_eq!(on("discovered.pii", "pii"), Agreement::Agrees);
        assert_eq!(on("discovered.pii", "ii"), Agreement::Differs);
        assert_eq!(on("mask salaries", "12"), Agreement::Unsaid);
        let domains = on_names(&set(&["finance.emea"]), Some(&set(&["emea"])), false, &[]);
        assert_eq!(domains, Agreement::Differs, "which may be another domain");
    }

    #[test]
    fn words_never_outweigh_what_a_key_says() {
        let texts = ["tom@example.com asked for it".to_owned()];
        let (tom, mia) = ([party(&["tom@example.com"], &[])], [party(&["mia@example.com"], &[])]);
        assert_eq!(on_parties(&tom, &mia, &texts), Agreement::Differs);
        assert_eq!(
            on_names(&set(&["user_admin"]), Some(&set(&["audit"])), false, &["user_admin".to_owned()]),
            Agreement::Differs
        );
    }
}
