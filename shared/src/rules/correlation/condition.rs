//! What must hold of the events of a window.

use std::fmt;

use rsigma_parser::ConditionExpr;

use super::baseline::Baseline;

/// What must hold of the events of one group within the timespan.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// So many events (`event_count`)
    Events(Predicates),
    /// So many different values of a field, or of several together (`value_count`)
    Distinct {
        /// The fields
        fields: Vec<String>,
        /// How many
        holds: Predicates,
    },
    /// A number made of the values of a field (`value_sum`, `value_avg`, `value_median`, `value_percentile`)
    Number {
        /// The field, in a list of one
        field: Vec<String>,
        /// Which number
        of: Aggregate,
        /// How large
        holds: Predicates,
    },
    /// Matches of these rules, in any order (`temporal`)
    Together(Expression),
    /// Matches of all rules, in their order (`temporal_ordered`)
    InOrder,
    /// A match of the first rule, and none of the others (`absence`, which is no part of Sigma)
    Absent(Look),
    /// Something that is not as it was in the weeks before (no part of Sigma)
    Unusual(Baseline),
}

/// A number made of many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    /// Their sum
    Sum,
    /// Their mean
    Average,
    /// The value at this rank, 0 to 100, interpolated between neighbours; 50 is the median
    Percentile(f64),
}

/// On which side of an event another one is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Look {
    /// From the event on
    #[default]
    After,
    /// Up to the event
    Before,
    /// On either side
    Around,
}

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Less
    Lt,
    /// Less or equal
    Lte,
    /// Greater
    Gt,
    /// Greater or equal
    Gte,
    /// Equal
    Eq,
    /// Not equal
    Neq,
}

impl Comparison {
    /// Every comparison, with the key that Sigma has for it.
    pub(super) const ALL: [(&'static str, Comparison); 6] = [
        ("gte", Comparison::Gte),
        ("gt", Comparison::Gt),
        ("lte", Comparison::Lte),
        ("lt", Comparison::Lt),
        ("eq", Comparison::Eq),
        ("neq", Comparison::Neq),
    ];

    fn holds(self, value: f64, than: f64) -> bool {
        match self {
            Self::Lt => value < than,
            Self::Lte => value <= than,
            Self::Gt => value > than,
            Self::Gte => value >= than,
            Self::Eq => (value - than).abs() < f64::EPSILON,
            Self::Neq => (value - than).abs() >= f64::EPSILON,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Lt => "fewer than",
            Self::Lte => "at most",
            Self::Gt => "more than",
            Self::Gte => "at least",
            Self::Eq => "exactly",
            Self::Neq => "any number but",
        }
    }
}

/// Comparisons that must all hold of a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicates(pub(super) Vec<(Comparison, f64)>);

impl Predicates {
    /// Whether all of them hold.
    #[must_use]
    pub fn hold(&self, value: f64) -> bool {
        self.0.iter().all(|(comparison, than)| comparison.holds(value, *than))
    }
}

impl fmt::Display for Predicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (comparison, than)) in self.0.iter().enumerate() {
            let and = if index == 0 { "" } else { " and " };
            write!(f, "{and}{} {than}", comparison.in_words())?;
        }
        Ok(())
    }
}

/// Which rules must have matched, by their positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// This one
    Rule(usize),
    /// All of these
    All(Vec<Expression>),
    /// One of these
    Any(Vec<Expression>),
    /// Not this
    Not(Box<Expression>),
}

impl Expression {
    /// Whether it holds, given which rules matched.
    pub fn holds(&self, matched: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::Rule(position) => matched(*position),
            Self::All(parts) => parts.iter().all(|part| part.holds(matched)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(matched)),
            Self::Not(part) => !part.holds(matched),
        }
    }

    /// Whether it holds only if every one of so many rules matched.
    #[must_use]
    pub fn is_of_all(&self, rules: usize) -> bool {
        matches!(self, Self::All(parts) if (0..rules).all(|rule| parts.contains(&Self::Rule(rule))))
    }

    /// The expression of a condition that names rules; the name that none of them has, if there is one.
    pub(super) fn of(condition: &ConditionExpr, position: &impl Fn(&str) -> Option<usize>) -> Result<Self, String> {
        let all =
            |parts: &[ConditionExpr]| parts.iter().map(|part| Self::of(part, position)).collect::<Result<Vec<_>, _>>();
        match condition {
            ConditionExpr::Identifier(name) => position(name).map(Self::Rule).ok_or_else(|| name.clone()),
            ConditionExpr::And(parts) => all(parts).map(Self::All),
            ConditionExpr::Or(parts) => all(parts).map(Self::Any),
            ConditionExpr::Not(part) => Ok(Self::Not(Box::new(Self::of(part, position)?))),
            ConditionExpr::Selector { .. } => Err("1 of ... or all of ...".to_owned()),
        }
    }

    fn in_words(&self, rules: &[&str]) -> String {
        let joined = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| part.in_words(rules)).collect();
            parts.join(word)
        };
        match self {
            Self::Rule(position) => rules.get(*position).copied().unwrap_or_default().to_owned(),
            Self::All(parts) => joined(parts, " and "),
            Self::Any(parts) => format!("({})", joined(parts, " or ")),
            Self::Not(part) => format!("not {}", part.in_words(rules)),
        }
    }
}

impl Test {
    /// The fields of which it takes the values.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        match self {
            Self::Distinct { fields, .. } => fields,
            Self::Number { field, .. } => field,
            Self::Unusual(baseline) => baseline.looks_for.fields(),
            Self::Events(_) | Self::Together(_) | Self::InOrder | Self::Absent(_) => &[],
        }
    }

    /// Whether it compares a number.
    #[must_use]
    pub fn is_of_a_number(&self) -> bool {
        matches!(self, Self::Events(_) | Self::Distinct { .. } | Self::Number { .. })
    }

    pub(super) fn in_words(&self, rules: &[&str], timespan: &str) -> String {
        let any = rules.join(" or ");
        match self {
            Self::Events(holds) => format!("{holds} events of {any} within {timespan}"),
            Self::Distinct { fields, holds } => {
                format!("{holds} different values of {} in {any} within {timespan}", fields.join(" with "))
            }
            Self::Number { field, of, holds } => {
                let number = match of {
                    Aggregate::Sum => "sum".to_owned(),
                    Aggregate::Average => "mean".to_owned(),
                    Aggregate::Percentile(50.0) => "median".to_owned(),
                    Aggregate::Percentile(rank) => format!("{rank}th percentile"),
                };
                format!("the {number} of {} in {any} is {holds} within {timespan}", field.join(""))
            }
            Self::Together(expression) => {
                format!("{} within {timespan}, in any order", expression.in_words(rules))
            }
            Self::InOrder => format!("{} within {timespan}", rules.join(", then ")),
            Self::Unusual(baseline) => baseline.looks_for.in_words(&any, timespan),
            Self::Absent(look) => {
                let (first, others) =
                    rules.split_first().map_or(("", String::new()), |(first, rest)| (*first, rest.join(" or ")));
                let where_to = match look {
                    Look::After => format!("within {timespan} after it"),
                    Look::Before => format!("within {timespan} before it"),
                    Look::Around => format!("within {timespan} before or after it"),
                };
                format!("{first} without {others} {where_to}")
            }
        }
    }
}
