//! One request: verified, kept, decided and told, in this order and in a bounded time. Immuta waits ten seconds for an
//! answer and does not try again, so whatever fails once a notification is kept is left for later, and the answer is 200.

use std::sync::Arc;
use std::time::Duration;

use immuta_watch::aws::{self, SdkConfig};
use immuta_watch::function::telemetry::{Line, Metric, Severity};
use immuta_watch::function::{Desk, InForce, InForceError, Invocation, KeyRing, KeyRingError, Log, Settings, tallied};
use immuta_watch::lake::{Clock, DecideError, Judge, Kept, SystemClock, keep};
use immuta_watch::rules::Route;
use immuta_watch::webhook::{Decision, Outcome, Refusal, Request};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

/// When the answer is given, whatever is still under way: half of what Immuta waits.
const BUDGET: Duration = Duration::from_secs(5);

/// Lambda gives a function ten seconds to start, and then starts it anew.
const TIME_TO_PREPARE: Duration = Duration::from_secs(5);

/// Keys that take longer to read than this are as good as none: what is left is for keeping what they verify.
const TIME_TO_VERIFY: Duration = Duration::from_secs(2);

/// Delivering is begun only if so much of the budget is left; else it is for the sweep.
const TIME_TO_DELIVER: Duration = Duration::from_secs(1);

/// Taken: there is nothing to say.
const OK: u16 = 200;
/// It could not be kept.
const FAILED: u16 = 500;

/// The function.
pub(crate) struct Receiver {
    keys: KeyRing,
    desk: Desk,
}

/// Does what a request asks for. There is always an answer, and it says nothing but its status.
pub(crate) async fn answer(receiver: Arc<Receiver>, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let begun = Instant::now();
    let invocation = Invocation::new(&*event.context.request_id, event.context.deadline);
    let status = receiver.receive(&event.payload, invocation, begun).await;
    let headers = if status == Refusal::Method.status() { json!({ "allow": "POST" }) } else { json!({}) };
    Ok(json!({ "statusCode": status, "headers": headers, "body": "", "isBase64Encoded": false }))
}

/// A notification was kept, and not decided.
#[derive(Debug)]
enum Undecided {
    InForce(InForceError),
    Decide(DecideError),
}

impl Receiver {
    pub(crate) fn new(settings: Settings, aws: &SdkConfig) -> Self {
        let hurried = aws::hurried(aws);
        let log = Log::new(settings.function.clone());
        Self { keys: KeyRing::new(settings.webhook.clone(), &hurried, log), desk: Desk::new(settings, &hurried, aws) }
    }

    /// Reads what every request needs, while nobody waits. Whatever fails is tried again with the first request, which
    /// says so.
    pub(crate) async fn prepare(&self) {
        let until = Instant::now() + TIME_TO_PREPARE;
        let _ = timeout_at(until, self.keys.keys()).await;
        let _ = timeout_at(until, self.desk.look()).await;
    }

    /// The status of the answer.
    async fn receive(self: &Arc<Self>, event: &Value, invocation: Invocation, begun: Instant) -> u16 {
        let received = SystemClock.now();
        let line = |severity, message| invocation.line(severity, message);
        let request = match Request::read(event) {
            Ok(request) => request,
            Err(refusal) => return self.refuse(line(Severity::Warn, "Request refused."), refusal),
        };
        let line = |severity, message| line(severity, message).with("kind", request.kind.clone());
        let reason = match timeout_at(begun + TIME_TO_VERIFY, self.verify(&request)).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(refusal))) => return self.refuse(line(Severity::Warn, "Request refused."), refusal),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the keys could not be read in time".to_owned()),
        };
        if let Some(reason) = reason {
            // Not kept either: whoever cannot be told from Immuta must not fill the lake.
            let lost = line(Severity::Error, "Request could not be verified.").with("reason", reason);
            self.desk.log.write(&lost.count(Metric::WebhooksLost, 1));
            return FAILED;
        }
        let kept = match keep(&self.desk.store, &request.kind, &request.body, received).await {
            Ok(kept) => kept,
            Err(error) => {
                let failed = line(Severity::Error, "Notification could not be kept.").with("reason", error.to_string());
                self.desk.log.write(&failed.count(Metric::WebhooksLost, 1));
                return FAILED;
            }
        };
        let line = |severity, message| line(severity, message).with("receipt", kept.name.clone());
        let bytes = request.body.len();
        let noted = line(Severity::Info, "Notification kept.").with("bytes", bytes);
        self.desk.log.write(&noted.count(Metric::WebhooksReceived, 1));
        // A task of its own: a panic ends it and not the answer, and what takes too long is not broken off in the middle of
        // a delivery, but goes on when Lambda next lets the process run.
        let about = line(Severity::Info, "Notification decided.");
        let work = tokio::spawn(Arc::clone(self).work(kept.clone(), about, invocation.clone(), begun));
        let left = match timeout_at(begun + BUDGET, work).await {
            Ok(Ok(())) => return OK,
            Ok(Err(_)) => "the program failed at an assumption of its own; the log above says where",
            Err(_) => "it takes too long to wait for; what is not done by then is left for the sweep",
        };
        self.desk.log.write(&line(Severity::Warn, "Notification not finished.").with("reason", left));
        OK
    }

    fn refuse(&self, line: Line, refusal: Refusal) -> u16 {
        let status = refusal.status();
        let line = line.with("status", status).with("reason", refusal.to_string());
        self.desk.log.write(&line.count(Metric::WebhooksRefused, 1));
        status
    }

    /// Whether it comes from Immuta, by the keys as they are known, and if not, by the keys as they are now.
    async fn verify(&self, request: &Request) -> Result<Result<(), Refusal>, KeyRingError> {
        match self.keys.keys().await?.verify(request) {
            Ok(()) => Ok(Ok(())),
            Err(refusal) => match self.keys.anew().await {
                Some(keys) => Ok(keys.verify(request)),
                None => Ok(Err(refusal)),
            },
        }
    }

    /// Decides, tells, and says so in the log; then tells of whoever changed what is in force.
    async fn work(self: Arc<Self>, kept: Kept, line: Line, invocation: Invocation, begun: Instant) {
        let (in_force, decision) = match self.decide(&kept, &invocation).await {
            Ok(decided) => decided,
            Err(error) => {
                let reason = match error {
                    Undecided::InForce(error) => error.to_string(),
                    Undecided::Decide(error) => error.to_string(),
                };
                let undecided = line.saying("Notification not decided.").at_least(Severity::Error);
                return self.desk.log.write(&undecided.with("reason", reason));
            }
        };
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut line = decided(line, &decision).count(Metric::DecisionMilliseconds, milliseconds.max(1));
        // Before anything is sent, which may take long: what lies in the outbox is told by somebody, whatever becomes of
        // this process.
        let changes = self.desk.announce_changes(&in_force, &invocation).await;
        if decision.matches().iter().any(|matched| matched.route > Route::Dashboard) {
            line = self.tell(&in_force, &kept, line, begun).await;
        }
        self.desk.log.write(&line);
        for entry in changes {
            if is_time_to_deliver(begun) {
                let _ = self.desk.office_until(&in_force, None).deliver_entry(&entry).await;
            }
        }
    }

    /// Decides by the pack in force now, or the one of a moment ago if that cannot be read: an interruption is worth
    /// nothing an hour later.
    async fn decide(&self, kept: &Kept, invocation: &Invocation) -> Result<(Arc<InForce>, Decision), Undecided> {
        let in_force = self.desk.look_or_go_on(invocation).await.map_err(Undecided::InForce)?;
        let decision = self.judge(&in_force).decide(&self.desk.store, kept, SystemClock.now()).await;
        Ok((in_force, decision.map_err(Undecided::Decide)?))
    }

    fn judge<'j>(&'j self, in_force: &'j InForce) -> Judge<'j> {
        Judge { pack: &in_force.pack, configuration: &in_force.configuration, lake: &self.desk.lake }
    }

    /// Delivers what the decision left in the outbox, if there is time.
    async fn tell(&self, in_force: &InForce, kept: &Kept, line: Line, begun: Instant) -> Line {
        if !is_time_to_deliver(begun) {
            return line.count(Metric::PendingDeliveries, 1);
        }
        let office = self.desk.office_until(in_force, None);
        let (tally, error) = office.deliver(&self.judge(in_force).outbox_of(kept)).await;
        let line = tallied(line, tally);
        match error {
            None => line,
            Some(error) => line.at_least(Severity::Error).with("delivering_failed", error.to_string()),
        }
    }
}

/// Whether there is time to begin with delivering something.
fn is_time_to_deliver(begun: Instant) -> bool {
    begun.elapsed() + TIME_TO_DELIVER <= BUDGET
}

/// The line of a notification that was decided. Of what it says it names the type and the rules that hold alone.
fn decided(line: Line, decision: &Decision) -> Line {
    let line = line.with("decided_kind", decision.kind.clone());
    match &decision.outcome {
        Outcome::Repeat { of } => {
            line.with("outcome", "repeat").with("repeat_of", of.clone()).count(Metric::WebhooksRepeated, 1)
        }
        Outcome::Judged { is_understood, matches, pack, configuration, .. } => {
            let rules: Vec<&str> = matches.iter().map(|matched| matched.rule_name.as_str()).collect();
            let alerts: Vec<String> = matches.iter().map(|matched| matched.alert.to_string()).collect();
            let line = if *is_understood { line } else { line.count(Metric::WebhooksNotUnderstood, 1) };
            line.with("outcome", "judged")
                .with("is_understood", *is_understood)
                .with("rules", rules)
                .with("alerts", alerts)
                .with("pack", pack.clone())
                .with("configuration", configuration.clone())
        }
    }
}
