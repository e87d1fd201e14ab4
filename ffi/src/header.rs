//! Holds include/strongroom.h against the crate it is made of. `cargo xtask gen` writes it.

use std::fs;
use std::path::Path;

/// What stands before everything else in the header.
const INTRODUCTION: &str = "\
/* The C interface of Strongroom. Made by `cargo xtask gen`; do not edit.
 *
 * Results.  Every function that can fail returns SR_OK or an error kind (SR_ERROR_KIND_...). Outputs are written
 *   only when it returns SR_OK; `error`, which may be NULL, only when it does not. An error is freed with sr_free.
 * Ownership.  Handles (structs with an `id`) are closed with the function of their name. Everything else that comes
 *   out of the library is freed with sr_free, by the pointer that was written to the output; what hangs on it goes with
 *   it. What goes into the library is copied before the function returns, unless it is a callback.
 * Handles that were closed, or never were any, are found out: SR_ERROR_KIND_CLOSED, SR_ERROR_KIND_INVALID_ARGUMENT.
 * Pointers may be NULL where it says so; where it does not, NULL is SR_ERROR_KIND_INVALID_ARGUMENT.
 * Text is UTF-8 and ends in NUL. Paths are bytes, with `/` between names, since names may be any bytes.
 * Options begin with struct_size, to be set to the size of the struct; zero is the default of everything else. NULL
 *   options are the defaults.
 * Threads.  Every function may be called from any thread, and any handle used by any number of threads at once.
 *   Long operations run on the calling thread until they are done; stop them through their run from another one.
 * Panics do not leave the library: they are SR_ERROR_KIND_INTERNAL.
 */";

fn made() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    config.header = Some(INTRODUCTION.to_owned());
    let mut out = Vec::new();
    cbindgen::Builder::new().with_crate(root).with_config(config).generate().unwrap().write(&mut out);
    // What clippy wants to be said to who calls these from Rust.
    let safety = "\n *\n * # Safety\n * Pointers are NULL or what the header's introduction says of such arguments.";
    String::from_utf8(out).unwrap().replace(safety, "")
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include/strongroom.h")
}

#[test]
fn the_header_is_what_the_crate_says() {
    assert!(fs::read_to_string(path()).unwrap_or_default() == made(), "run `cargo xtask gen`");
}

#[test]
fn every_function_has_the_prefix_and_a_comment() {
    let header = made();
    let functions = header.matches("\n *\n * # Safety").count();
    assert_eq!(functions, 0, "what is for Rust stays out of the header");
    for line in header.lines().filter(|line| line.starts_with("typedef") && line.ends_with(';')) {
        assert!(line.contains("sr_"), "{line}");
    }
}

#[test]
#[ignore = "writes a file; run by `cargo xtask gen`"]
fn write() {
    assert!(std::env::var_os("STRONGROOM_WRITE_HEADER").is_some());
    fs::create_dir_all(path().parent().unwrap()).unwrap();
    fs::write(path(), made()).unwrap();
}
