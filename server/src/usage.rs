//! What an account stores.

use crate::app::App;
use crate::problem::Problem;
use strongroom::account::wire::VaultUsage;

/// Bytes an account stores, what is being received included: what has to fit into its plan.
pub(crate) async fn stored(app: &App, account_id: &str) -> Result<u64, Problem> {
    Ok(by_vault(app, account_id).await?.iter().map(|vault| vault.bytes).sum())
}

/// What each of an account's vaults holds. This service keeps none.
pub(crate) async fn by_vault(_app: &App, _account_id: &str) -> Result<Vec<VaultUsage>, Problem> {
    Ok(Vec::new())
}
