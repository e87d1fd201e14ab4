//! Files that are made of the tables here: docs/bindings.md, and the enumerations of each language. Checked in, and held
//! against the tables by a test; `cargo xtask gen` writes them.

use crate::enums::{ENUMS, EnumTable, EnumValue};
use crate::operations::OPERATIONS;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// A binding: where it is, and where it lists which name each operation has in it.
struct Binding {
    language: &'static str,
    folder: &'static str,
}

/// Every binding that is meant to be. One whose folder does not exist is not there yet.
const BINDINGS: &[Binding] = &[
    Binding { language: "C", folder: "ffi" },
    Binding { language: "Python", folder: "bindings/python" },
    Binding { language: "Node", folder: "bindings/node" },
    Binding { language: "Kotlin", folder: "bindings/kotlin" },
    Binding { language: "Swift", folder: "bindings/swift" },
];

/// A generated file: written where the folder exists.
struct Generated {
    folder: &'static str,
    path: &'static str,
    render: fn(&Path) -> String,
}

const GENERATED: &[Generated] = &[
    Generated { folder: "docs", path: "docs/bindings.md", render: page },
    Generated { folder: "ffi", path: "ffi/src/enums.rs", render: c_enums },
    Generated { folder: "bindings/python", path: "bindings/python/python/strongroom/_enums.py", render: python_enums },
    Generated { folder: "bindings/node", path: "bindings/node/src/enums.ts", render: typescript_enums },
    Generated { folder: "bindings/uniffi", path: "bindings/uniffi/src/enums.rs", render: uniffi_enums },
    Generated {
        folder: "bindings/kotlin",
        path: "bindings/kotlin/src/main/kotlin/strongroom/StrongroomException.kt",
        render: kotlin_exceptions,
    },
    Generated {
        folder: "bindings/swift",
        path: "bindings/swift/Sources/Strongroom/StrongroomError.swift",
        render: swift_errors,
    },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The names that operations have in a binding, if it is there.
fn names(root: &Path, binding: &Binding) -> Option<BTreeMap<String, String>> {
    let folder = root.join(binding.folder);
    if !folder.is_dir() {
        return None;
    }
    let path = folder.join("operations.json");
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let listed: BTreeMap<String, Value> = serde_json::from_slice(&text).unwrap();
    Some(listed.into_iter().map(|(name, native)| (name, native.as_str().unwrap().to_owned())).collect())
}

/// docs/bindings.md.
fn page(root: &Path) -> String {
    let mut page = String::from(
        "# Bindings\n\n<!-- Made by `cargo xtask gen` of bindings/common and of each binding's operations.json. -->\n\n\
         All languages are bindings over one layer, `bindings/common`: flat records, handles that can be closed, a job runner \
         with\ncancellation and progress, a boundary no panic crosses, and the tables on this page. A test fails when a binding \
         lacks an operation\nthat is listed here, and when the engine has one that is not.\n\n\
         Paths in a snapshot may be any bytes; every language has a lossless way for them. Ids are lower-case hexadecimal \
         text.\n\n## Operations\n",
    );
    let there: Vec<_> = BINDINGS.iter().filter_map(|binding| Some((binding.language, names(root, binding)?))).collect();
    let mut group = "";
    for operation in OPERATIONS {
        if operation.group != group {
            group = operation.group;
            write!(page, "\n### {group}\n\n| operation | | Rust |").unwrap();
            there.iter().for_each(|(language, _)| write!(page, " {language} |").unwrap());
            page.push_str("\n|---|---|---|");
            there.iter().for_each(|_| page.push_str("---|"));
            page.push('\n');
        }
        write!(page, "| {} | {} | `{}` |", operation.name, operation.doc, operation.rust).unwrap();
        for (language, names) in &there {
            let native = names.get(operation.name).unwrap_or_else(|| panic!("{language} lacks {}", operation.name));
            write!(page, " `{native}` |").unwrap();
        }
        page.push('\n');
    }
    page.push_str("\n## Errors\n\nKinds of errors, with the same numbers and names in every language.\n\n");
    let (errors, others) = ENUMS.split_first().unwrap();
    table(&mut page, errors);
    page.push_str("\n## Enumerations\n");
    for one in others {
        writeln!(page, "\n### {}\n\n{}\n", one.name, one.doc).unwrap();
        table(&mut page, one);
    }
    page
}

fn table(page: &mut String, table: &EnumTable) {
    page.push_str("| number | name | |\n|---|---|---|\n");
    for value in table.values {
        writeln!(page, "| {} | `{}` | {} |", value.code, value.name, value.doc).unwrap();
    }
}

/// `BackingUp` as `BACKING_UP`.
fn shouted(type_name: &str) -> String {
    let mut name = String::new();
    for (at, letter) in type_name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

const MADE: &str = "Made by `cargo xtask gen` of bindings/common; do not edit.";

fn python_enums(_: &Path) -> String {
    let mut text =
        format!("# {MADE}\n\"\"\"Enumerations, the same in every language.\"\"\"\n\nfrom enum import StrEnum\n");
    let names: Vec<_> = ENUMS.iter().map(|table| format!("\"{}\"", table.name)).collect();
    write!(text, "\n__all__ = [\n    {},\n]\n", names.join(",\n    ")).unwrap();
    for table in ENUMS {
        write!(text, "\n\nclass {}(StrEnum):\n    \"\"\"{}\"\"\"\n\n", table.name, table.doc).unwrap();
        for EnumValue { name, type_name, doc, .. } in table.values {
            write!(text, "    {} = \"{name}\"\n    \"\"\"{doc}\"\"\"\n", shouted(type_name)).unwrap();
        }
        text.push_str("\n    @property\n    def code(self) -> int:\n");
        text.push_str("        \"\"\"The stable number, the same in every language.\"\"\"\n        return {\n");
        for EnumValue { name, code, .. } in table.values {
            writeln!(text, "            \"{name}\": {code},").unwrap();
        }
        text.push_str("        }[self.value]\n");
    }
    text
}

fn typescript_enums(_: &Path) -> String {
    let mut text = format!("// {MADE}\n");
    for table in ENUMS {
        let names: Vec<_> = table.values.iter().map(|value| format!("\n  | '{}'", value.name)).collect();
        write!(text, "\n/** {} */\nexport type {} ={};\n", table.doc, table.name, names.concat()).unwrap();
        write!(
            text,
            "\n/** The stable numbers of {{@link {}}}. */\nexport const {}_CODES: Readonly<Record<{}, number>> = {{\n",
            table.name,
            shouted(table.name),
            table.name
        )
        .unwrap();
        for EnumValue { code, name, doc, .. } in table.values {
            writeln!(text, "  /** {doc} */\n  {name}: {code},").unwrap();
        }
        text.push_str("};\n");
    }
    text
}

fn uniffi_enums(_: &Path) -> String {
    let mut text = format!("//! Enumerations, the same in every language. {MADE}\n");
    for table in ENUMS {
        write!(text, "\npub use strongroom_bindings::{};\n", table.name).unwrap();
        write!(text, "\n/// {}\n#[uniffi::remote(Enum)]\n#[repr(u32)]\npub enum {} {{\n", table.doc, table.name)
            .unwrap();
        for value in table.values {
            writeln!(text, "    /// {}\n    {} = {},", value.doc, value.type_name, value.code).unwrap();
        }
        text.push_str("}\n");
    }
    text
}

fn kotlin_exceptions(_: &Path) -> String {
    let mut text =
        format!("// {MADE}\npackage strongroom\n\nimport java.io.IOException\nimport kotlin.time.Duration\n\n");
    text.push_str(
        "/**\n * What every function here fails with, by the kinds of failure that are the same in every language. Storage that an app\n \
         * implements throws these too; anything else it throws comes back to whoever called.\n */\n\
         public sealed class StrongroomException(internal val parts: FailureParts) : IOException(parts.text) {\n    \
         init {\n        (parts.thrown as? Thrown)?.let { initCause(it.throwable) }\n    }\n\n    \
         /** The kind of failure. */\n    public val kind: ErrorKind\n        get() = parts.kind\n\n    \
         /** The number of the kind, the same in every language. */\n    public val code: Int\n        get() = parts.kind.value.toInt()\n\n    \
         /** The operation that failed, as a verb phrase. */\n    public val operation: String\n        get() = parts.operation\n\n    \
         /** The object, path or key it failed on, if one is known. */\n    public val subject: String?\n        get() = parts.subject\n\n    \
         /** A sentence on what was wrong, if there is one. */\n    public val detail: String?\n        get() = parts.detail\n\n    \
         /** What lies behind it, the nearest first. */\n    public val causes: List<String>\n        get() = parts.causes\n\n    \
         /** After how long the same call may succeed; null when it will fail again until something else changes. */\n    \
         public val retryAfter: Duration?\n        get() = parts.retryAfter\n",
    );
    for EnumValue { type_name, doc, .. } in ENUMS[0].values {
        let kind = shouted(type_name);
        write!(
            text,
            "\n    /** {doc} */\n    public class {type_name} internal constructor(parts: FailureParts) : StrongroomException(parts) {{\n        \
             public constructor(\n            message: String,\n            retryAfter: Duration? = null,\n        \
             ) : this(failureOf(ErrorKind.{kind}, message, retryAfter))\n    }}\n"
        )
        .unwrap();
    }
    text.push_str("}\n\ninternal fun failureOf(kind: ErrorKind, message: String, retryAfter: Duration?) =\n    FailureParts(kind, \"call the app\", null, message, message, emptyList(), retryAfter, null)\n\n");
    text.push_str("internal fun exceptionOf(parts: FailureParts): StrongroomException =\n    when (parts.kind) {\n");
    for EnumValue { type_name, .. } in ENUMS[0].values {
        writeln!(text, "        ErrorKind.{} -> StrongroomException.{type_name}(parts)", shouted(type_name)).unwrap();
    }
    text.push_str("    }\n");
    text
}

/// `NotFound` as `notFound`.
fn lower_camel(type_name: &str) -> String {
    let (first, rest) = type_name.split_at(1);
    first.to_ascii_lowercase() + rest
}

fn swift_errors(_: &Path) -> String {
    let mut text = format!("// {MADE}\nimport Foundation\n\n");
    text.push_str(
        "/// What every function here fails with, by the kinds of failure that are the same in every language. Storage that an app\n\
         /// implements throws these too; anything else it throws comes back to whoever called.\n\
         public enum StrongroomError: Error, Sendable {\n",
    );
    for EnumValue { type_name, doc, .. } in ENUMS[0].values {
        let name = lower_camel(type_name);
        // Where it is declared, a word of the language has to be quoted.
        let quoted = if name == "internal" { format!("`{name}`") } else { name };
        writeln!(text, "    /// {doc}\n    case {quoted}(Details)").unwrap();
    }
    text.push_str(
        "\n    /// A failure of this kind, for an app's own storage to throw.\n    \
         public init(_ kind: ErrorKind, _ message: String, retryAfter: Duration? = nil) {\n        \
         self.init(\n            FailureParts(\n                kind: kind, operation: \"call the app\", subject: nil, detail: message, text: message, causes: [],\n                \
         retryAfter: retryAfter, thrown: nil))\n    }\n\n    \
         init(_ parts: FailureParts) {\n        let details = Details(parts: parts)\n        switch parts.kind {\n",
    );
    for EnumValue { type_name, .. } in ENUMS[0].values {
        writeln!(text, "        case .{0}: self = .{0}(details)", lower_camel(type_name)).unwrap();
    }
    text.push_str(
        "        }\n    }\n\n    /// What went wrong.\n    public var details: Details {\n        switch self {\n",
    );
    for EnumValue { type_name, .. } in ENUMS[0].values {
        writeln!(text, "        case .{}(let details): return details", lower_camel(type_name)).unwrap();
    }
    text.push_str(
        "        }\n    }\n\n    /// The kind of failure.\n    public var kind: ErrorKind { details.parts.kind }\n\n    \
         /// The number of the kind, the same in every language.\n    public var code: UInt32 { kind.rawValue }\n\n    \
         /// What went wrong, complete enough to tell a person and to act on.\n    public struct Details: Sendable {\n        \
         let parts: FailureParts\n\n        \
         /// All of it in one line, for people.\n        public var message: String { parts.text }\n        \
         /// The operation that failed, as a verb phrase.\n        public var operation: String { parts.operation }\n        \
         /// The object, path or key it failed on, if one is known.\n        public var subject: String? { parts.subject }\n        \
         /// A sentence on what was wrong, if there is one.\n        public var detail: String? { parts.detail }\n        \
         /// What lies behind it, the nearest first.\n        public var causes: [String] { parts.causes }\n        \
         /// After how long the same call may succeed; nil when it will fail again until something else changes.\n        \
         public var retryAfter: Duration? { parts.retryAfter }\n        \
         /// What a function of the app threw, if that lies behind it.\n        \
         public var cause: (any Error)? { (parts.thrown as? Thrown)?.error }\n    }\n}\n\n\
         extension StrongroomError: LocalizedError, CustomStringConvertible {\n    \
         public var errorDescription: String? { details.message }\n    public var description: String { details.message }\n}\n",
    );
    text
}

fn c_enums(_: &Path) -> String {
    let mut text = format!("//! Enumerations, the same in every language. {MADE}\n");
    for table in ENUMS {
        let c_name = shouted(table.name).to_ascii_lowercase();
        write!(text, "\n/// {}\n/// A number of another value than these comes from a later version.\n", table.doc)
            .unwrap();
        write!(text, "#[allow(non_camel_case_types)]\npub type sr_{c_name} = u32;\n").unwrap();
        for value in table.values {
            let constant = format!("SR_{}_{}", shouted(table.name), shouted(value.type_name));
            writeln!(text, "/// {}\npub const {constant}: u32 = {};", value.doc, value.code).unwrap();
        }
    }
    text.push_str("\n/// The stable name of an error kind.\npub(crate) fn error_kind_name(kind: u32) -> Option<&'static std::ffi::CStr> {\n");
    text.push_str("    Some(match kind {\n");
    for value in ENUMS[0].values {
        writeln!(text, "        {} => c\"{}\",", value.code, value.name).unwrap();
    }
    text.push_str("        _ => return None,\n    })\n}\n");
    text
}

#[test]
fn generated_files_are_what_the_tables_say() {
    let root = root();
    for file in GENERATED.iter().filter(|file| root.join(file.folder).is_dir()) {
        let found = fs::read_to_string(root.join(file.path)).unwrap_or_default();
        assert!(found == (file.render)(&root), "{} is not what `cargo xtask gen` writes", file.path);
    }
}

#[test]
fn bindings_have_every_operation_and_no_other() {
    let root = root();
    for binding in BINDINGS {
        let Some(names) = names(&root, binding) else { continue };
        let missing: Vec<_> =
            OPERATIONS.iter().filter(|one| !names.contains_key(one.name)).map(|one| one.name).collect();
        assert!(missing.is_empty(), "{} lacks {missing:?}", binding.language);
        let unknown: Vec<_> = names.keys().filter(|name| OPERATIONS.iter().all(|one| one.name != *name)).collect();
        assert!(unknown.is_empty(), "{} has {unknown:?}, which is no operation", binding.language);
    }
}

#[test]
#[ignore = "writes files; run by `cargo xtask gen`"]
fn write() {
    assert!(std::env::var_os("STRONGROOM_WRITE_BINDINGS").is_some());
    let root = root();
    for file in GENERATED.iter().filter(|file| root.join(file.folder).is_dir()) {
        let path = root.join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, (file.render)(&root)).unwrap();
    }
}
