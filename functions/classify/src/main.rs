//! The function `classify`: an export lands in S3; within seconds the lake is right and the people concerned know.

mod classifier;
mod deadline;
mod export;
mod invocation;

use std::sync::Arc;

use immuta_watch::function::begin;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use classifier::Classifier;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (settings, aws) = begin("classify", Ok).await?;
    let classifier = Arc::new(Classifier::new(settings, &aws));
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| invocation::answer(Arc::clone(&classifier), event))).await
}
