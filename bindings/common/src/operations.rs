//! The operations of the public interface: the one list that every binding is held against.

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Its stable name, in snake case.
    pub name: &'static str,
    /// What it belongs to.
    pub group: &'static str,
    /// How Rust calls it.
    pub rust: &'static str,
    /// What it does.
    pub doc: &'static str,
}

macro_rules! operations {
    ($( $group:literal { $( $name:ident $rust:literal $doc:literal ),* $(,)? } )*) => {
        /// Every operation, group by group.
        pub const OPERATIONS: &[Operation] = &[
            $( $( Operation { name: stringify!($name), group: $group, rust: $rust, doc: $doc }, )* )*
        ];
    };
}

operations! {
    "Storage" {
        backend_local "LocalBackend::new" "a folder of a file system",
        backend_memory "MemoryBackend::new" "the memory of the process",
        backend_host "Backend" "storage that the app implements",
        backend_retry "RetryBackend" "storage whose calls are tried again when they fail for a reason that passes",
    }
    "Secrets" {
        secret_passphrase "Secret::passphrase" "a passphrase",
        secret_recovery_code "Secret::recovery_code" "a recovery code, as it was typed",
        secret_device "Secret::device" "a device's key",
        secret_account_key "Secret::account_key" "the key of an account",
        secret_expect_owner "Secret::expect_owner" "refuses repositories of any other owner",
        generate_recovery_code "RecoveryCode::generate" "a new recovery code",
        device_key_generate "DeviceKey::generate" "new keys of a device",
        device_key_export "DeviceKey::to_bytes" "the keys as bytes, for the platform's key store",
        device_key_import "DeviceKey::from_bytes" "the keys from those bytes",
        device_key_id "DeviceKey::id" "the id a device is listed under",
        device_key_request "DeviceKey::request" "a device's request to be let in",
        read_device_request "DeviceRequest::from_bytes" "what such a request says",
    }
    "Repository" {
        create "Repository::create" "creates one",
        open "Repository::open_with" "opens one",
        close "drop" "lets go of it",
        id "Repository::id" "its id",
        owner_key "Repository::owner_key" "its owner's public key",
        role "Repository::role" "what the secret that opened it allows",
        location "Repository::location" "where it is",
        created "Repository::created" "when it was created",
        cancelled_by "Repository::cancelled_by" "a handle whose calls end with a token",
        state_folder_problem "Repository::state_folder_problem" "why local state is kept in memory",
    }
    "Backing up" {
        backup "Repository::backup" "backs up a source",
        source_files "FileSource" "files and folders, with exclusions",
        source_bytes "AppEntry::bytes" "bytes in memory",
        source_reader "ReaderSource" "a stream of the language's own kind",
        source_entries "IterSource" "an iterator of the app's entries",
        source_tar "TarSource" "a tar stream",
    }
    "Looking" {
        snapshots "Repository::snapshots" "the snapshots that a filter accepts",
        snapshot "Repository::snapshot" "one snapshot, by `latest` or the beginning of its id",
        entry "Repository::entry" "the entry at a path",
        list "Repository::list" "what is in a folder",
        find "Repository::find" "the entries whose paths match",
        diff "Repository::diff" "the paths on which two snapshots differ",
        stats "Repository::stats" "how much the repository holds",
        sessions "Repository::sessions" "who is at work",
    }
    "Getting back" {
        restore "Repository::restore" "a snapshot, or a part of it, into a folder",
        open_file "Repository::open_file" "opens a file of a snapshot",
        file_read "Read" "reads such a file as a stream",
        file_read_at "Seek" "reads a range of it",
        export_tar "Repository::export_tar" "writes a snapshot as a tar stream",
    }
    "Marks" {
        tag "Repository::tag" "adds and removes tags",
        hold "Repository::hold" "holds a snapshot until a time",
        release "Repository::release" "ends a hold",
    }
    "Care" {
        forget "Repository::forget" "removes snapshots, by a policy or by name",
        prune "Repository::prune" "frees what no snapshot needs",
        check "Repository::check" "finds damage",
        repair "Repository::repair" "mends what can be mended",
        rebuild_index "Repository::rebuild_index" "makes the index anew",
        add_parity "Repository::add_parity" "adds recovery data to packs",
        parity "Repository::parity" "how much recovery data packs get",
        healed_packs "Repository::healed_packs" "packs that were read by their recovery data",
        reencrypt "Repository::reencrypt" "moves what is stored to the newest keys",
        copy_to "Repository::copy_to" "copies snapshots to other repositories",
    }
    "Keys and devices" {
        keys "Repository::keys" "the keys that open it",
        add_key "Repository::add_key" "adds a key",
        add_recovery_code "Repository::add_recovery_code" "makes and adds a recovery code",
        remove_key "Repository::remove_key" "removes a key",
        change_passphrase "Repository::change_passphrase" "replaces the passphrase",
        devices "Repository::devices" "the devices that are let in",
        add_device "Repository::add_device" "lets a device in",
        revoke_device "Repository::revoke_device" "shuts a device out",
        rotate "Repository::rotate" "begins a new epoch of keys",
        epoch "Repository::epoch" "the epoch of keys",
    }
    "Running" {
        cancel "CancelToken::cancel" "stops an operation",
        suspend "CancelToken::suspend" "stops it durably, to be resumed",
        progress "Context::progress" "hears how it goes on",
        budget "Context::budget" "bounds threads, memory and transfer rates",
        deadline "Budget::deadline_in" "suspends it durably after a time",
        log "not in the engine" "hands what happens to the app's log",
    }
}
