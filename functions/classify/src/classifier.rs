//! The function: what it has, and what it does beside the exports.

use std::collections::BTreeSet;

use immuta_watch::aws::SdkConfig;
use immuta_watch::function::telemetry::Severity;
use immuta_watch::function::{Delivered, Desk, InForce, Invocation, Settings, tallied};

/// How many entries of the outbox that other invocations left behind one invocation tries to deliver.
const OTHERS: usize = 20;

/// The function.
pub(crate) struct Classifier {
    pub(crate) desk: Desk,
}

impl Classifier {
    pub(crate) fn new(settings: Settings, aws: &SdkConfig) -> Self {
        Self { desk: Desk::new(settings, aws, aws) }
    }

    /// Delivers what other invocations could not, as far as time allows. What this one left behind (`handled`) was just
    /// tried and counted.
    pub(crate) async fn deliver_the_rest(
        &self,
        in_force: &InForce,
        handled: &BTreeSet<String>,
        invocation: &Invocation,
    ) {
        let done = match self.desk.deliver_outbox(in_force, OTHERS, handled, invocation).await {
            Ok(done) => done,
            Err(error) => Delivered { reason: Some(error.to_string()), ..Delivered::default() },
        };
        if done == Delivered::default() {
            return;
        }
        let severity = if done.reason.is_some() { Severity::Warn } else { Severity::Info };
        let mut line = tallied(invocation.line(severity, "Outbox delivered."), done.tally);
        line = line.with("not_reached", done.not_reached);
        if let Some(reason) = done.reason {
            line = line.with("reason", reason);
        }
        self.desk.log.write(&line);
    }
}
