//! `webhooks decide`: decides about notifications of a lake once more, to mend what is damaged.

use anyhow::{Context, Result, bail};
use chrono::Utc;
use immuta_watch::lake::{Judge, Kept, names};

use super::open_lake;
use crate::arguments::{DecideWebhooks, PackOptions};
use crate::exit::Exit;
use crate::pack;
use crate::runtime::block_on;
use crate::terminal::{BOLD, GREEN, RED, counted, harmless, say, styled};

pub(crate) fn decide(arguments: &DecideWebhooks) -> Result<Exit> {
    if let Some(wrong) = arguments.receipts.iter().find(|name| names::received_at(name).is_none()) {
        bail!(
            "{wrong} is no name of a notification in a lake; one looks like webhooks/date=2026-11-23/…-140005120.json"
        );
    }
    let store = open_lake(&arguments.lake)?;
    let options = PackOptions { rules: None, config: None };
    let pack::Chosen { pack, configuration, .. } = pack::load_for(&options, &store)?;
    let lake = arguments.lake.to_string();
    let judge = Judge { pack: &pack, configuration: &configuration, lake: &lake };
    let (mut decided, mut failed) = (0, 0);
    for name in &arguments.receipts {
        let shown = harmless(name, 200);
        let again = async {
            let kept = Kept::read(&store, name).await?;
            let Some(kept) = kept else { return Ok(None) };
            judge.decide_again(&store, &kept, Utc::now()).await.map(Some)
        };
        match block_on(again)? {
            Ok(Some(decision)) => {
                decided += 1;
                let alerts = counted(decision.matches().len() as u64, "alert");
                say!("  {shown} {}, {alerts}", styled(GREEN, "decided"))?;
            }
            Ok(None) => {
                failed += 1;
                say!("  {shown} {}", styled(RED, "is not there"))?;
            }
            Err(error) => {
                failed += 1;
                say!("  {shown} {}", styled(RED, format!("not decided: {}", harmless(&error.to_string(), 300))))?;
            }
        }
    }
    say!("{} decided", styled(BOLD, counted(decided, "notification")))?;
    let left = block_on(async { immuta_watch::lake::Store::list(&store, names::OUTBOX).await })?;
    if decided > 0 && !left.context("the outbox cannot be listed")?.is_empty() {
        say!("What is to be told of them is in the outbox; whoever was told before is not told again.")?;
    }
    Ok(if failed > 0 { Exit::LookNeeded } else { Exit::Done })
}
