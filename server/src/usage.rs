//! What an account stores.

use crate::app::App;
use crate::problem::Problem;
use strongroom::account::wire::VaultUsage;

/// Bytes an account stores, what is being received included: what has to fit into its plan.
pub(crate) async fn stored(app: &App, account_id: &str) -> Result<u64, Problem> {
    let totals = app.vaults.totals(account_id).await?;
    Ok(totals.bytes.saturating_add(totals.reserved))
}

/// What each of an account's vaults holds.
pub(crate) async fn by_vault(app: &App, account_id: &str) -> Result<Vec<VaultUsage>, Problem> {
    app.vaults.usage(account_id).await
}
