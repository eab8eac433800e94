//! The function `webhook`: Immuta tells of a change; within seconds it is kept, judged, and told to whom it concerns.

mod receiver;

use std::sync::Arc;

use immuta_watch::function::{Settings, SettingsError, begin};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use receiver::Receiver;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (settings, aws) = begin("webhook", with_keys).await?;
    let receiver = Arc::new(Receiver::new(settings, &aws));
    receiver.prepare().await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| receiver::answer(Arc::clone(&receiver), event))).await
}

/// Without anything to verify by, whoever knew the address could speak for Immuta.
fn with_keys(settings: Settings) -> Result<Settings, SettingsError> {
    let keys = &settings.webhook;
    if keys.secret_from.is_none() && keys.token_from.is_none() {
        Err(SettingsError::NoWebhookKeys)
    } else {
        Ok(settings)
    }
}
