//! The layers of core, as data: the one place to say what may import what.

/// From top to bottom. A module imports from the layers below its own; modules of one layer are free
/// of each other.
const LAYERS: &[&[&str]] = &[
    &["fuzz_support", "bench_support"],
    &["repository"],
    &["backup", "restore", "check", "maintain", "copy"],
    &["ingest"],
    &["source", "tree"],
    &["store"],
    &["backend"],
    &["account"],
    &["format"],
    &["crypto", "chunker", "compress"],
    GROUND,
];

/// The ground floor, whose modules may import one another.
const GROUND: &[&str] = &["error", "id", "path", "problem", "report", "cancel", "progress", "threads", "context"];

/// Imports within a layer: the first may import the second.
const SIDEWAYS: &[(&str, &str)] = &[
    // A source yields entries in the order, and under the keys, that the tree is sorted by.
    ("source", "tree"),
];

/// Modules that may import less than all that lies below: these, and the ground floor.
const NARROW: &[(&str, &[&str])] = &[
    // The account protocol works without a repository; of the formats it takes the devices' keys and requests.
    ("account", &["crypto", "format"]),
];

/// Where the table is, for messages.
pub(super) const HERE: &str = "xtask/src/layers/table.rs";

/// Whether the table knows a module of this name.
pub(super) fn knows(module: &str) -> bool {
    layer(module).is_some()
}

/// Whether `from` may import `to`; both are known to the table.
pub(super) fn allows(from: &str, to: &str) -> bool {
    let ground = |module| GROUND.contains(&module);
    if from == to || SIDEWAYS.contains(&(from, to)) || (ground(from) && ground(to)) {
        return true;
    }
    if let Some((_, allowed)) = NARROW.iter().find(|(module, _)| *module == from) {
        return ground(to) || allowed.contains(&to);
    }
    layer(from) < layer(to)
}

/// How far below the top a module stands.
fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_go_downwards_only() {
        assert!(allows("repository", "backup"));
        assert!(allows("backup", "error"));
        assert!(allows("tree", "store"));
        assert!(allows("tree", "format"));
        assert!(allows("format", "crypto"));
        assert!(!allows("store", "tree"));
        assert!(!allows("error", "crypto"));
        assert!(!allows("format", "backend"));
    }

    #[test]
    fn modules_of_one_layer_are_free_of_each_other() {
        assert!(!allows("backup", "restore"));
        assert!(!allows("crypto", "compress"));
        assert!(!allows("tree", "source"));
        assert!(allows("source", "tree"));
        assert!(allows("progress", "cancel") && allows("cancel", "progress"));
    }

    #[test]
    fn the_account_stands_on_crypto_formats_and_the_ground() {
        assert!(allows("account", "crypto"));
        assert!(allows("account", "error"));
        assert!(!allows("account", "compress"));
        // Devices of an account are the devices of repositories: one key, one request, one format.
        assert!(allows("account", "format"));
        assert!(!allows("format", "account"));
        assert!(!allows("account", "backend"));
        assert!(allows("backend", "account"));
    }

    #[test]
    fn every_module_stands_in_one_layer() {
        let mut modules: Vec<_> = LAYERS.iter().flat_map(|layer| layer.iter()).collect();
        modules.sort_unstable();
        let count = modules.len();
        modules.dedup();
        assert_eq!(count, modules.len());
    }
}
