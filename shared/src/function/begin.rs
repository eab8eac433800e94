//! How every function begins: with its settings and with what AWS's clients are made of, or with a line that says why not.

use super::telemetry::{Line, Severity};
use super::{Log, Settings, SettingsError, write_what_others_say};
use crate::aws::{self, SdkConfig};

/// Begins the log of what others say, reads the settings from the environment, as `needs` lets them pass, and what AWS's
/// clients are made of. A function
/// that cannot begin says why in its log, where `function` names it: Lambda itself shows no more than that the process
/// ended.
///
/// # Errors
/// [`SettingsError`], which is on the log then.
pub async fn begin(
    function: &str,
    needs: impl FnOnce(Settings) -> Result<Settings, SettingsError>,
) -> Result<(Settings, SdkConfig), SettingsError> {
    write_what_others_say();
    match Settings::read(std::env::vars()).and_then(needs) {
        Ok(settings) => Ok((settings, aws::settings().await)),
        Err(error) => {
            let line = Line::new(Severity::Error, "The function cannot start.").with("reason", error.to_string());
            Log::new(function).write(&line);
            Err(error)
        }
    }
}
