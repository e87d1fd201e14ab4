//! The code in the guides of compiled languages as sources of their tests, so that what a guide says compiles and runs.

use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// How a language writes what stands around the blocks of its guide.
pub(crate) struct Language {
    /// The word behind the fence of a block.
    fence: &'static str,
    /// What begins the file, before the imports of the blocks.
    head: &'static str,
    /// What a line of a block begins with that belongs there.
    import: &'static str,
    /// What stands between the imports and the first block, and behind the last.
    around: (&'static str, &'static str),
    /// What stands before each block, around its number.
    open: (&'static str, &'static str),
    /// What stands behind each block.
    close: &'static str,
    /// The beginning of an absolute path, and what makes one below the folder of the test of it.
    paths: (&'static str, &'static str),
}

pub(crate) const KOTLIN: Language = Language {
    fence: "kotlin",
    head: "package guide\n",
    import: "import ",
    around: ("", ""),
    open: ("internal suspend fun App.block", "() {\n"),
    close: "}\n",
    paths: ("Path.of(\"/", "place(\"/"),
};

pub(crate) const SWIFT: Language = Language {
    fence: "swift",
    head: "import XCTest\n",
    import: "import ",
    around: ("", ""),
    open: ("extension App {\n    func block", "() async throws {\n"),
    close: "    }\n}\n",
    paths: ("URL(fileURLWithPath: \"/", "place(\"/"),
};

/// C is one function, and compiled only: its paths are those of no machine.
pub(crate) const C: Language = Language {
    fence: "c",
    head: "#include <stdio.h>\n",
    import: "#include ",
    around: (
        "extern void *my_data;\nextern const sr_bytes folder;\n\
         sr_status on_progress(void *data, const sr_progress *progress, sr_failure *failure);\nvoid guide(void);\nvoid guide(void) {\n",
        "}\n",
    ),
    open: ("/* block ", " */\n"),
    close: "",
    paths: ("", ""),
};

/// As C.
pub(crate) const CPP: Language = Language {
    fence: "cpp",
    head: "#include <iostream>\n",
    import: "#include ",
    around: ("void guide();\nvoid guide() {\n", "}\n"),
    open: ("/* block ", " */\n"),
    close: "",
    paths: ("", ""),
};

/// Writes the source that the blocks of a guide make: a function each, of the `App` that the tests of the language have.
pub(crate) fn write(language: &Language, guide: &Path, source: &Path) -> Result<()> {
    let text = fs::read_to_string(guide).with_context(|| format!("cannot read {}", guide.display()))?;
    let made = made(language, &text);
    ensure!(made.contains(language.open.0), "{} has no block of code", guide.display());
    let folder = source.parent().context("a file has no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(source, made).with_context(|| format!("cannot write {}", source.display()))
}

fn made(language: &Language, guide: &str) -> String {
    let mut imports = String::new();
    let mut functions = String::new();
    let fence = format!("```{}\n", language.fence);
    let blocks =
        guide.split(fence.as_str()).skip(1).map(|part| part.split_once("```").map_or(part, |(block, _)| block));
    for (number, block) in blocks.enumerate() {
        let (before, behind) = language.open;
        // Writing into a text does not fail.
        let _ = write!(functions, "\n{before}{}{behind}", number + 1);
        for line in block.lines() {
            if line.starts_with(language.import) {
                imports.push_str(line);
                imports.push('\n');
            } else {
                let (absolute, below) = language.paths;
                functions.push_str(&if absolute.is_empty() { line.to_owned() } else { line.replace(absolute, below) });
                functions.push('\n');
            }
        }
        functions.push_str(language.close);
    }
    let (before, behind) = language.around;
    format!("// Made of the guide; do not edit.\n{}{imports}{before}{functions}{behind}", language.head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_becomes_a_function_and_its_imports_come_first() {
        let guide = "# Guide\n```kotlin\nimport strongroom.*\n\nval a = Path.of(\"/mnt/a\")\n```\ntext\n```sh\nls\n```\n```kotlin\nb()\n```\n";
        let wanted = "// Made of the guide; do not edit.\npackage guide\nimport strongroom.*\n\n\
                      internal suspend fun App.block1() {\n\nval a = place(\"/mnt/a\")\n}\n\n\
                      internal suspend fun App.block2() {\nb()\n}\n";
        assert_eq!(made(&KOTLIN, guide), wanted);
    }

    #[test]
    fn c_is_one_function_of_all_blocks() {
        let made = made(&C, "```c\n#include <strongroom.h>\n\nint a;\n```\n```c\na = 1;\n```\n");
        let (head, body) = made.split_once("void guide(void) {\n").unwrap();
        assert!(head.contains("#include <strongroom.h>\nextern"), "{made}");
        assert_eq!(body, "\n/* block 1 */\n\nint a;\n\n/* block 2 */\na = 1;\n}\n");
    }

    #[test]
    fn a_guide_without_code_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let guide = folder.path().join("guide.md");
        fs::write(&guide, "no code\n").unwrap();
        let source = folder.path().join("made/Guide.swift");
        assert!(write(&SWIFT, &guide, &source).unwrap_err().to_string().contains("no block"));
        fs::write(&guide, "```swift\nx()\n```\n").unwrap();
        write(&SWIFT, &guide, &source).unwrap();
        assert!(fs::read_to_string(source).unwrap().contains("func block1() async throws {\nx()\n"));
    }
}
