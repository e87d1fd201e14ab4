//! The tests of the C interface, in C and C++: linked both ways, under valgrind, and under the address sanitizer.

use crate::process;
use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use crate::{Options, archive, dist, guides};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every C and C++ source is compiled with.
const STRICT: &[&str] = &["-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-O1", "-pthread"];

/// One test program and how it is built and run.
struct Program {
    name: &'static str,
    compiler: &'static str,
    standard: &'static str,
    source: &'static str,
    is_static: bool,
    sanitize: bool,
    /// Runs under valgrind, which reports what leaks and what is read before it was written.
    valgrind: bool,
    /// What it needs beside a compiler, as a header.
    header: Option<&'static str>,
    /// Arguments behind the root of the workspace, if it takes that.
    scenarios: Option<&'static [&'static str]>,
}

const PLAIN: Program = Program {
    name: "",
    compiler: "gcc",
    standard: "-std=c11",
    source: "ffi/tests/c/interface.c",
    is_static: false,
    sanitize: false,
    valgrind: false,
    header: None,
    scenarios: None,
};

const CPP: Program = Program {
    compiler: "g++",
    standard: "-std=c++17",
    source: "ffi/tests/cpp/scenarios.cpp",
    header: Some("nlohmann/json.hpp"),
    scenarios: Some(&[]),
    ..PLAIN
};

const PROGRAMS: &[Program] = &[
    Program { name: "c-shared", ..PLAIN },
    Program { name: "c-static", is_static: true, ..PLAIN },
    Program { name: "c-valgrind", is_static: true, valgrind: true, ..PLAIN },
    Program { name: "c-address-sanitizer", is_static: true, sanitize: true, ..PLAIN },
    Program { name: "c++-scenarios", ..CPP },
    Program { name: "c++-address-sanitizer", is_static: true, sanitize: true, ..CPP },
    // valgrind takes some fifty times as long, so the scenarios that do the most with the least.
    Program {
        name: "c++-valgrind",
        is_static: true,
        valgrind: true,
        scenarios: Some(&["names", "sources", "ranges", "stopping"]),
        ..CPP
    },
];

/// Builds and runs them all, and looks at what the library exports.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let missing = |outcome: &mut Outcome, what: String| {
        let found = Outcome::missing(what, options.all);
        outcome.tally += found.tally;
        outcome.notes.extend(found.notes);
    };
    let installed = dist::install(workspace, "dev")?;
    for (library, dynamic) in [("libstrongroom.so", true), ("libstrongroom.a", false)] {
        if !dynamic && !archive::can_hide() {
            missing(&mut outcome, "the names in the static library: that takes ld, objcopy, ar and nm".to_owned());
            continue;
        }
        let exported = archive::defined(&installed.join("lib").join(library), dynamic)?;
        let strange: Vec<_> = exported.iter().filter(|name| !name.starts_with("sr_")).collect();
        outcome.tally += if strange.is_empty() && exported.len() > 70 { Tally::PASSED } else { Tally::FAILED };
        if !strange.is_empty() {
            outcome.notes.push(format!("{library} exports {strange:?}"));
        }
    }
    for program in PROGRAMS {
        let tools: Vec<&str> = [program.compiler].into_iter().chain(program.valgrind.then_some("valgrind")).collect();
        if let Some(tool) = tools.iter().find(|tool| !process::exists(Command::new(tool).arg("--version"))) {
            missing(&mut outcome, format!("{}: {tool} is missing", program.name));
            continue;
        }
        if let Some(header) = program.header
            && !has_header(workspace, program.compiler, header)
        {
            missing(&mut outcome, format!("{}: the header {header} is missing", program.name));
            continue;
        }
        match build(workspace, &installed, program).and_then(|built| play(workspace, program, &built)) {
            Ok(()) => outcome.tally += Tally::PASSED,
            Err(error) => {
                outcome.tally += Tally::FAILED;
                outcome.notes.push(format!("{}: {error:#}", program.name));
            }
        }
    }
    for (compiler, standard, file, language) in
        [("gcc", "-std=c11", "guide.c", &guides::C), ("g++", "-std=c++17", "guide.cpp", &guides::CPP)]
    {
        if !process::exists(Command::new(compiler).arg("--version")) {
            missing(&mut outcome, format!("the guide: {compiler} is missing"));
            continue;
        }
        match guide(workspace, &installed, compiler, standard, file, language) {
            Ok(()) => outcome.tally += Tally::PASSED,
            Err(error) => {
                outcome.tally += Tally::FAILED;
                outcome.notes.push(format!("docs/guide-c.md, {file}: {error:#}"));
            }
        }
    }
    match packaged(workspace, &installed) {
        Ok(None) => outcome.tally += Tally::PASSED,
        Ok(Some(why)) => missing(&mut outcome, why),
        Err(error) => {
            outcome.tally += Tally::FAILED;
            outcome.notes.push(format!("the example, by pkg-config and CMake: {error:#}"));
        }
    }
    Ok(outcome)
}

fn has_header(workspace: &Workspace, compiler: &str, header: &str) -> bool {
    let folder = workspace.target().join("xtask");
    let probe = folder.join("probe.cpp");
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&probe, format!("#include <{header}>\n")));
    written.is_ok() && process::exists(Command::new(compiler).args(["-fsyntax-only"]).arg(probe))
}

fn build(workspace: &Workspace, installed: &Path, program: &Program) -> Result<PathBuf> {
    let folder = workspace.target().join("xtask");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let built = folder.join(program.name);
    let mut compile = workspace.command(program.compiler);
    compile.arg(program.standard).args(STRICT).arg("-I").arg(installed.join("include"));
    if program.sanitize {
        compile.args(["-fsanitize=address", "-fno-omit-frame-pointer"]);
    }
    compile.arg(program.source).arg("-o").arg(&built);
    if program.is_static {
        compile.arg(installed.join("lib/libstrongroom.a")).args(dist::SYSTEM_LIBRARIES);
    } else {
        let lib = installed.join("lib");
        compile.arg("-L").arg(&lib).arg("-lstrongroom").arg(format!("-Wl,-rpath,{}", lib.display()));
    }
    process::succeed(&mut compile)?;
    Ok(built)
}

fn play(workspace: &Workspace, program: &Program, built: &Path) -> Result<()> {
    let mut run = if program.valgrind {
        let mut run = workspace.command("valgrind");
        run.args(["-q", "--leak-check=full", "--show-leak-kinds=definite,indirect"]);
        run.args(["--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99"]).arg(built);
        run
    } else {
        workspace.command(built)
    };
    if let Some(names) = program.scenarios {
        run.arg(workspace.root()).args(names);
    }
    println!("{}", program.name);
    process::succeed(&mut run)
}

/// Compiles what the guide says.
fn guide(
    workspace: &Workspace,
    installed: &Path,
    compiler: &str,
    standard: &str,
    file: &str,
    language: &guides::Language,
) -> Result<()> {
    let source = workspace.target().join("xtask").join(file);
    guides::write(language, &workspace.root().join("docs/guide-c.md"), &source)?;
    let mut compile = workspace.command(compiler);
    compile.arg(standard).args(STRICT).arg("-fsyntax-only").arg("-I").arg(installed.join("include")).arg(source);
    process::succeed(&mut compile)
}

/// Builds the example as a stranger would, by pkg-config and by CMake, and runs it. Says what is missing, if something is.
fn packaged(workspace: &Workspace, installed: &Path) -> Result<Option<String>> {
    let example = workspace.root().join("examples/c");
    let work = workspace.target().join("xtask").join("c-example");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    for (tool, argument) in [("pkg-config", "--version"), ("cmake", "--version"), ("make", "--version")] {
        if !process::exists(Command::new(tool).arg(argument)) {
            return Ok(Some(format!("the C example: {tool} is missing")));
        }
    }
    let source = work.join("source");
    fs::create_dir(&source)?;
    fs::write(source.join("hello.txt"), "hello\n")?;
    let pkg_config = installed.join("lib/pkgconfig");
    let mut make = Command::new("make");
    make.arg("-C")
        .arg(&example)
        .arg(format!("BUILD={}", work.join("make").display()))
        .env("PKG_CONFIG_PATH", pkg_config);
    process::succeed(&mut make)?;
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&example).arg("-B").arg(work.join("cmake"));
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", installed.display()));
    process::succeed(&mut configure)?;
    process::succeed(Command::new("cmake").arg("--build").arg(work.join("cmake")))?;
    for (number, program) in ["make/backup", "cmake/backup"].iter().enumerate() {
        let (repository, target) = (work.join(format!("repository{number}")), work.join(format!("restored{number}")));
        let mut run = Command::new(work.join(program));
        process::succeed(run.args([&source, &repository, &target]))?;
        ensure!(fs::read(target.join("hello.txt"))? == b"hello\n", "{program} restored something else");
    }
    Ok(None)
}
