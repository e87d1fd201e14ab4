//! Tells the linker that Node brings the functions of its interface, and where the types of the addon are noted.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    napi_build::setup();
    println!("cargo::rerun-if-changed=native");
    if let Some(out) = env::var_os("OUT_DIR") {
        // The macros add to what they find.
        let types = PathBuf::from(out).join("types");
        let _ = fs::remove_dir_all(&types);
        if fs::create_dir_all(&types).is_ok() {
            println!("cargo::rustc-env=NAPI_TYPE_DEF_TMP_FOLDER={}", types.display());
        }
    }
}
