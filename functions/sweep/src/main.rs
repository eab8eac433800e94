//! The function `sweep`: what nobody else comes back to, by schedule. It delivers what is pending, and finds exports that
//! are not in the lake.

mod changes;
mod close_day;
mod combinations;
mod deliver;
mod history;
mod impacts;
mod reconcile;
mod task;
mod undecided;

use std::sync::Arc;

use immuta_watch::function::{Desk, begin};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use task::Sweeper;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (settings, aws) = begin("sweep", Ok).await?;
    let sweeper = Arc::new(Sweeper { desk: Desk::new(settings, &aws, &aws), aws });
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| task::answer(Arc::clone(&sweeper), event))).await
}
