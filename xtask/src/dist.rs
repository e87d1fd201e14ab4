//! `cargo xtask dist`: the libraries, headers and files for build systems, laid out as they are installed.

use crate::archive;
use crate::bindings;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a program that is linked with the static library needs of the system.
pub(crate) const SYSTEM_LIBRARIES: &[&str] = &["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

const PKG_CONFIG: &str = "\
prefix=${pcfiledir}/../..
libdir=${prefix}/lib
includedir=${prefix}/include

Name: strongroom
Description: The backup engine that apps embed
Version: @VERSION@
Libs: -L${libdir} -lstrongroom
Libs.private: @SYSTEM@
Cflags: -I${includedir}
";

const CMAKE: &str = "\
# find_package(strongroom) gives the targets strongroom::strongroom, the shared library, and strongroom::static.
get_filename_component(_strongroom_prefix \"${CMAKE_CURRENT_LIST_DIR}/../../..\" ABSOLUTE)
if(NOT TARGET strongroom::strongroom)
  add_library(strongroom::strongroom SHARED IMPORTED)
  set_target_properties(strongroom::strongroom PROPERTIES
    IMPORTED_LOCATION \"${_strongroom_prefix}/lib/libstrongroom.so\"
    IMPORTED_SONAME \"libstrongroom.so.0\"
    INTERFACE_INCLUDE_DIRECTORIES \"${_strongroom_prefix}/include\")
endif()
if(NOT TARGET strongroom::static)
  add_library(strongroom::static STATIC IMPORTED)
  set_target_properties(strongroom::static PROPERTIES
    IMPORTED_LOCATION \"${_strongroom_prefix}/lib/libstrongroom.a\"
    INTERFACE_LINK_LIBRARIES \"@SYSTEM@\"
    INTERFACE_INCLUDE_DIRECTORIES \"${_strongroom_prefix}/include\")
endif()
unset(_strongroom_prefix)
";

const CMAKE_VERSION: &str = "\
set(PACKAGE_VERSION \"@VERSION@\")
if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE FALSE)
else()
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
  if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
endif()
";

/// Builds everything in the release profile.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let installed = install(workspace, "release")?;
    println!("{} can be copied to where libraries are installed, such as /usr/local", installed.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds the libraries in this profile and lays them out; the folder that stands for the prefix.
pub(crate) fn install(workspace: &Workspace, profile: &str) -> Result<PathBuf> {
    let built = bindings::build(workspace, &["strongroom-ffi"], profile)?;
    let prefix = workspace.target().join("dist").join(if profile == "dev" { "debug" } else { profile });
    let _ = fs::remove_dir_all(&prefix);
    let version = env!("CARGO_PKG_VERSION");
    let lib = prefix.join("lib");
    let file = format!("libstrongroom.so.{version}");
    copy(&built.join("libstrongroom_ffi.so"), &lib.join(&file))?;
    for link in ["libstrongroom.so.0", "libstrongroom.so"] {
        symlink(&file, lib.join(link)).with_context(|| format!("cannot link {link}"))?;
    }
    if archive::can_hide() {
        let names = archive::defined(&lib.join(&file), true)?;
        archive::hide_all_but(&names, &built.join("libstrongroom_ffi.a"), &lib.join("libstrongroom.a"))?;
    } else {
        println!("the static library shows more than its own names: that takes ld, objcopy, ar and nm on Linux");
        copy(&built.join("libstrongroom_ffi.a"), &lib.join("libstrongroom.a"))?;
    }
    for header in ["strongroom.h", "strongroom.hpp"] {
        copy(&workspace.root().join("ffi/include").join(header), &prefix.join("include").join(header))?;
    }
    let system = SYSTEM_LIBRARIES.join(" ");
    let filled = |text: &str| text.replace("@VERSION@", version).replace("@SYSTEM@", &system);
    let listed = filled(CMAKE).replace(&system, &SYSTEM_LIBRARIES.join(";"));
    write(&lib.join("pkgconfig/strongroom.pc"), &filled(PKG_CONFIG))?;
    write(&lib.join("cmake/strongroom/strongroom-config.cmake"), &listed)?;
    write(&lib.join("cmake/strongroom/strongroom-config-version.cmake"), &filled(CMAKE_VERSION))?;
    Ok(prefix)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    make_folder(to)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

fn write(to: &Path, text: &str) -> Result<()> {
    make_folder(to)?;
    fs::write(to, text).with_context(|| format!("cannot write {}", to.display()))
}

fn make_folder(of: &Path) -> Result<()> {
    let folder = of.parent().context("a file has no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}
