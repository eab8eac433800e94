//! The function `classify`: an export lands in S3; within seconds the lake is right and the people concerned know.

mod classifier;
mod deadline;
mod export;
mod invocation;

use std::sync::Arc;

use immuta_watch::aws;
use immuta_watch::function::telemetry::{Line, Severity};
use immuta_watch::function::{Log, Settings};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use classifier::Classifier;

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let settings = match Settings::read(std::env::vars()) {
        Ok(settings) => settings,
        Err(error) => {
            let line = Line::new(Severity::Error, "The function cannot start.").with("reason", error.to_string());
            Log::new("classify").write(&line);
            return Err(error.into());
        }
    };
    let classifier = Arc::new(Classifier::new(settings, &aws::settings().await));
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| invocation::answer(Arc::clone(&classifier), event))).await
}
