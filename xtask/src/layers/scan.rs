//! Finds the paths in a Rust file that lead through the crate's module tree.
//!
//! The file is read as tokens, so that comments and strings cannot be taken for code, and paths inside
//! macro calls are found like any other. What is compiled for tests only is left out.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The last segment of a path that ends in `*`.
pub(super) const GLOB: &str = "*";

/// A path that names something in this crate, resolved to start at the crate's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

/// A name that a file's own `use` declarations make visible under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) name: String,
    pub(super) path: Vec<String>,
}

/// What a file says about the module tree.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) references: Vec<Reference>,
    /// The `use` declarations of the file's outermost level.
    pub(super) imports: Vec<Import>,
    /// Modules in files of their own that exist for tests only.
    pub(super) test_modules: Vec<Vec<String>>,
    /// Lines where a `#[path]` attribute takes a module out of its place.
    pub(super) displaced: Vec<usize>,
}

/// Reads a file that is the module `module` of the crate.
pub(super) fn scan(text: &str, module: &[String]) -> Result<Scan> {
    let tokens: TokenStream = text
        .parse()
        .map_err(|error: proc_macro2::LexError| anyhow!("line {}: not Rust: {error}", error.span().start().line))?;
    let mut scan = Scan::default();
    let mut scanner = Scanner { scan: &mut scan, module: module.to_vec() };
    scanner.level(tokens, true);
    Ok(scan)
}

struct Scanner<'a> {
    scan: &'a mut Scan,
    /// The module that the tokens at hand stand in.
    module: Vec<String>,
}

impl Scanner<'_> {
    /// Reads the tokens between one pair of delimiters, or of a whole file.
    fn level(&mut self, tokens: TokenStream, outermost: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if let Some((attribute, inner, after)) = attribute(&tokens, at) {
                if is_test_only(attribute) {
                    if inner {
                        // `#![cfg(test)]` speaks for everything around it.
                        return;
                    }
                    at = self.skip_item(&tokens, after);
                } else {
                    if is_path_attribute(attribute) {
                        self.scan.displaced.push(attribute.span().start().line);
                    }
                    self.level(attribute.stream(), false);
                    at = after;
                }
                continue;
            }
            match &tokens[at] {
                TokenTree::Ident(ident) => {
                    let name = ident.to_string();
                    if name == "mod"
                        && let Some(TokenTree::Ident(child)) = tokens.get(at + 1)
                        && let Some(TokenTree::Group(body)) = tokens.get(at + 2)
                    {
                        self.module.push(plain(&child.to_string()));
                        self.level(body.stream(), false);
                        self.module.pop();
                        at += 3;
                    } else if name == "use" && outermost {
                        at = self.declaration(&tokens, at + 1);
                    } else if is_anchor(&name) && follows_colons(&tokens, at + 1) {
                        at = self.path(&tokens, at);
                    } else {
                        at += 1;
                    }
                }
                TokenTree::Group(group) => {
                    self.level(group.stream(), false);
                    at += 1;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
            }
        }
    }

    /// A path that starts with `crate`, `self` or `super`; returns where it ends.
    fn path(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let mut leaves = Vec::new();
        let end = branch(tokens, at, &[], &mut leaves);
        for leaf in leaves {
            if let Some(path) = self.resolve(&leaf.path) {
                self.scan.references.push(Reference { path, line: leaf.line });
            }
        }
        end
    }

    /// A `use` declaration, which ends at its semicolon; returns where that is.
    fn declaration(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let mut leaves = Vec::new();
        let end = branch(tokens, at, &[], &mut leaves);
        for leaf in leaves {
            let anchored = leaf.path.first().is_some_and(|first| is_anchor(first));
            let path = if anchored { self.resolve(&leaf.path) } else { Some(leaf.path) };
            let Some(path) = path else { continue };
            if anchored {
                self.scan.references.push(Reference { path: path.clone(), line: leaf.line });
            }
            if let Some(name) = leaf.alias.or_else(|| path.last().cloned()) {
                self.scan.imports.push(Import { name, path });
            }
        }
        end
    }

    /// Turns a path that starts with `crate`, `self` or `super` into one from the crate's root.
    fn resolve(&self, path: &[String]) -> Option<Vec<String>> {
        let mut resolved = self.module.clone();
        let mut rest = path;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => resolved.clear(),
                "super" => {
                    resolved.pop()?;
                }
                "self" => {}
                _ => break,
            }
            rest = after;
        }
        resolved.extend(rest.iter().filter(|segment| *segment != "self").cloned());
        Some(resolved)
    }

    /// Steps over an item, a field or an arm that is compiled for tests only.
    fn skip_item(&mut self, tokens: &[TokenTree], mut at: usize) -> usize {
        while let Some((_, _, after)) = attribute(tokens, at) {
            at = after;
        }
        let kind = Kind::of(&tokens[at..]);
        let begin = at;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Ident(word) if *word == "mod" && at - begin <= 3 => {
                    if let (Some(TokenTree::Ident(name)), Some(TokenTree::Punct(_))) =
                        (tokens.get(at), tokens.get(at + 1))
                    {
                        let mut module = self.module.clone();
                        module.push(plain(&name.to_string()));
                        self.scan.test_modules.push(module);
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                TokenTree::Punct(punct) if punct.as_char() == ',' && kind == Kind::Part => break,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && kind != Kind::Declaration => {
                    break;
                }
                _ => {}
            }
        }
        at
    }
}

/// Where something that an attribute stands before comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// At a semicolon, whatever braces come before it: `use`, `static`, `const`, `type`, `let`.
    Declaration,
    /// At its braces or a semicolon: functions, modules, types and their like.
    Item,
    /// At its braces or a comma: fields, variants, arms, arguments.
    Part,
}

impl Kind {
    fn of(tokens: &[TokenTree]) -> Self {
        let mut words = tokens.iter().filter_map(|token| match token {
            TokenTree::Ident(word) => Some(word.to_string()),
            _ => None,
        });
        let first = words.find(|word| word != "pub").unwrap_or_default();
        match first.as_str() {
            "use" | "static" | "type" | "let" => Self::Declaration,
            "const" => match words.next().as_deref() {
                Some("fn" | "unsafe" | "async" | "extern") => Self::Item,
                _ => Self::Declaration,
            },
            "fn" | "unsafe" | "async" | "extern" | "mod" | "struct" | "enum" | "union" | "trait" | "impl"
            | "macro_rules" | "macro" => Self::Item,
            _ => Self::Part,
        }
    }
}

/// One full path of a `use` tree.
struct Leaf {
    path: Vec<String>,
    alias: Option<String>,
    line: usize,
}

/// Follows one path, through the braces it may end in; returns where it ends.
fn branch(tokens: &[TokenTree], mut at: usize, prefix: &[String], leaves: &mut Vec<Leaf>) -> usize {
    let mut path = prefix.to_vec();
    let mut line = None;
    if follows_colons(tokens, at) {
        // `::name` names another crate.
        at += 2;
    }
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => {
                line.get_or_insert(ident.span().start().line);
                path.push(plain(&ident.to_string()));
                at += 1;
            }
            Some(TokenTree::Punct(punct)) if punct.as_char() == '*' => {
                line.get_or_insert(punct.span().start().line);
                path.push(GLOB.to_owned());
                at += 1;
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for part in inner.split(is_comma) {
                    branch(part, 0, &path, leaves);
                }
                return at + 1;
            }
            _ => break,
        }
        let more = matches!(tokens.get(at + 2), Some(TokenTree::Ident(_) | TokenTree::Group(_)))
            || is_star(tokens.get(at + 2));
        if !(follows_colons(tokens, at) && more) {
            break;
        }
        at += 2;
    }
    let Some(line) = line else { return at.max(1) };
    let mut alias = None;
    if let (Some(TokenTree::Ident(word)), Some(TokenTree::Ident(name))) = (tokens.get(at), tokens.get(at + 1))
        && *word == "as"
    {
        alias = Some(plain(&name.to_string()));
    }
    leaves.push(Leaf { path, alias, line });
    at
}

/// An attribute at this place: its bracket, whether it is an inner one, and what follows it.
fn attribute(tokens: &[TokenTree], at: usize) -> Option<(&Group, bool, usize)> {
    if !is_punct(tokens.get(at), '#') {
        return None;
    }
    let inner = is_punct(tokens.get(at + 1), '!');
    let bracket = at + 1 + usize::from(inner);
    match tokens.get(bracket)? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some((group, inner, bracket + 1)),
        _ => None,
    }
}

/// Whether an attribute is a `cfg` that holds in tests only.
fn is_test_only(attribute: &Group) -> bool {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(name), TokenTree::Group(condition)] if *name == "cfg" => {
            requires_test(&condition.stream().into_iter().collect::<Vec<_>>())
        }
        _ => false,
    }
}

fn requires_test(condition: &[TokenTree]) -> bool {
    match condition {
        [TokenTree::Ident(name)] => *name == "test",
        [TokenTree::Ident(name), TokenTree::Group(parts)] if *name == "all" => {
            let parts: Vec<TokenTree> = parts.stream().into_iter().collect();
            parts.split(is_comma).any(requires_test)
        }
        _ => false,
    }
}

fn is_path_attribute(attribute: &Group) -> bool {
    let mut tokens = attribute.stream().into_iter();
    matches!(tokens.next(), Some(TokenTree::Ident(name)) if name == "path") && is_punct(tokens.next().as_ref(), '=')
}

fn is_anchor(name: &str) -> bool {
    matches!(name, "crate" | "self" | "super")
}

fn follows_colons(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

fn is_comma(token: &TokenTree) -> bool {
    is_punct(Some(token), ',')
}

fn is_star(token: Option<&TokenTree>) -> bool {
    is_punct(token, '*')
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// `r#type` and `type` are one name.
fn plain(name: &str) -> String {
    name.strip_prefix("r#").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<String> = module.iter().map(|&name| name.to_owned()).collect();
        let references = scan(text, &module).unwrap().references;
        references.iter().map(|reference| reference.path.join("::")).collect()
    }

    #[test]
    fn declarations_and_plain_paths_are_found() {
        let text = "use crate::store::{Pack, index::{self, Table as T}};
            pub(crate) fn open() -> crate::error::Result<()> { crate::id::Id::<u8>::new() }";
        assert_eq!(
            found(text, &["backup"]),
            ["store::Pack", "store::index", "store::index::Table", "error::Result", "id::Id"]
        );
    }

    #[test]
    fn comments_strings_and_tests_are_not() {
        let text = r##"
            //! See [`crate::repository`] and crate::tree::Tree.
            /* use crate::tree; */
            const TEXT: &str = "use crate::tree::Tree;";
            const RAW: &str = r#"crate::tree"#;
            #[cfg(test)] use crate::tree::{A, B};
            #[cfg(test)] #[allow(unused)] const X: [u8; 2] = { crate::tree::X };
            #[cfg(all(test, unix))] const fn f() { crate::tree::f() }
            #[cfg(test)] impl<A, B> Foo<A, B> { fn f() { crate::tree::f() } }
            #[cfg(test)] mod tests { use super::*; use crate::tree::Tree; }
            use crate::id::Id;
        "##;
        assert_eq!(found(text, &["store"]), ["id::Id"]);
        assert!(found("#![cfg(test)] use crate::tree;", &["store"]).is_empty());
    }

    #[test]
    fn no_more_than_the_test_only_part_is_left_out() {
        let text = "struct S { #[cfg(test)] pub(crate) hits: u64, tree: crate::tree::Tree }
            fn f() { match x { #[cfg(test)] X::Y => crate::repository::y(), X::Z => crate::id::z() } }
            fn g() { #[cfg(test)] let x = { crate::repository::x() }; crate::path::p() }";
        assert_eq!(found(text, &["store"]), ["tree::Tree", "id::z", "path::p"]);
    }

    #[test]
    fn what_may_be_compiled_outside_tests_is_found() {
        let text = "#[cfg(any(test, feature = \"x\"))] use crate::a; #[cfg(not(test))] use crate::b;";
        assert_eq!(found(text, &["store"]), ["a", "b"]);
    }

    #[test]
    fn macro_calls_and_attributes_are_read_like_the_rest() {
        let text = "macro_rules! m { () => { $crate::tree::f() } }
            fn f() { assert!(matches!(x, crate::tree::Kind::A)); }
            #[derive(crate::tree::Derive)] struct S;";
        assert_eq!(found(text, &["store"]), ["tree::f", "tree::Kind::A", "tree::Derive"]);
    }

    #[test]
    fn relative_paths_are_followed_to_the_root() {
        assert_eq!(found("use super::super::tree::T;", &["store", "pack"]), ["tree::T"]);
        assert_eq!(found("use super::{super::tree, x};", &["store", "pack"]), ["tree", "store::x"]);
        assert_eq!(found("use super::tree::T;", &["store"]), ["tree::T"]);
        assert_eq!(found("use super::*; use crate::*;", &["store"]), ["*", "*"]);
        assert_eq!(found("mod inner { use super::super::tree::T; }", &["store"]), ["tree::T"]);
        assert_eq!(found("fn f() { self::g(); self.h(); }", &["store"]), ["store::g"]);
        assert_eq!(found("use super::super::super::far;", &["store"]), Vec::<String>::new());
    }

    #[test]
    fn lines_are_told() {
        let scan = scan("\n\nuse crate::{\n    id::Id,\n    tree::Tree,\n};", &[]).unwrap();
        let lines: Vec<usize> = scan.references.iter().map(|reference| reference.line).collect();
        assert_eq!(lines, [4, 5]);
    }

    #[test]
    fn re_exports_are_read_with_their_names() {
        let text = "mod error; pub use error::{Error, Kind as ErrorKind}; pub use crate::id::Id;";
        let imports = scan(text, &[]).unwrap().imports;
        let pairs: Vec<_> = imports.iter().map(|i| (i.name.as_str(), i.path.join("::"))).collect();
        assert_eq!(
            pairs,
            [
                ("Error", "error::Error".to_owned()),
                ("ErrorKind", "error::Kind".to_owned()),
                ("Id", "id::Id".to_owned())
            ]
        );
    }

    #[test]
    fn test_modules_in_their_own_files_and_displaced_ones_are_told() {
        let scan =
            scan("#[cfg(test)] pub(crate) mod model;\n#[path = \"x.rs\"] mod y;", &["store".to_owned()]).unwrap();
        assert_eq!(scan.test_modules, [["store", "model"]]);
        assert_eq!(scan.displaced, [2]);
    }

    #[test]
    fn a_file_that_is_not_rust_is_refused() {
        let error = scan("fn f() {\n  (\n}", &[]).unwrap_err();
        assert!(error.to_string().contains("not Rust"), "{error}");
    }
}
