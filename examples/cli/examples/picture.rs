//! Draws a terminal picture of a real run: `cargo run -p strongroom-cli --example picture docs/quickstart.svg` runs the
//! quickstart as the README does, with colours, and writes what it shows as SVG.

use std::fmt::Write as _;
use std::process::{Command, ExitCode};

/// What is run, and stands at the prompt.
const COMMAND: &str = "cargo xtask quickstart core";

/// Points.
const FONT: f64 = 14.0;
const CELL: f64 = 8.4;
const LINE: f64 = 20.0;
const MARGIN: f64 = 18.0;
const BAR: f64 = 34.0;

fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("usage: picture FILE");
        return ExitCode::from(2);
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut run = Command::new(cargo);
    run.args(COMMAND.split(' ').skip(1)).args(["--color", "always"]);
    let output = match run.output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("picture: {error}");
            return ExitCode::FAILURE;
        }
    };
    if !output.status.success() {
        eprintln!("picture: the run failed\n{}", String::from_utf8_lossy(&output.stderr));
        return ExitCode::FAILURE;
    }
    let text = format!("\x1b[32m$\x1b[0m {COMMAND}\n{}", String::from_utf8_lossy(&output.stdout));
    match std::fs::write(&file, draw(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("picture: {}: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}

/// The picture of a text with colours.
fn draw(text: &str) -> String {
    let lines: Vec<Vec<Run>> = text.trim_end().lines().map(runs).collect();
    let columns = lines.iter().map(|line| line.iter().map(Run::columns).sum::<usize>()).max().unwrap_or(0);
    let width = columns as f64 * CELL + 2.0 * MARGIN;
    let height = BAR + lines.len() as f64 * LINE + MARGIN;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="img" aria-label="A terminal in which the quickstart runs">
<style>text {{ font: {FONT}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d7dae0; white-space: pre }} .b {{ font-weight: bold; fill: #ffffff }} .d {{ fill: #8b93a1 }} .r {{ fill: #ff7b72 }} .g {{ fill: #7ee787 }} .y {{ fill: #e3b341 }} .c {{ fill: #79c0ff }}</style>
<rect width="100%" height="100%" rx="9" fill="#16191f"/>
"##
    );
    for (number, colour) in ["#ff5f57", "#febc2e", "#28c840"].iter().enumerate() {
        let x = MARGIN + 3.0 + number as f64 * 18.0;
        let _ = writeln!(svg, r##"<circle cx="{x}" cy="17" r="5.5" fill="{colour}"/>"##);
    }
    for (number, line) in lines.iter().enumerate() {
        let y = BAR + FONT + number as f64 * LINE;
        let mut column = 0;
        for run in line {
            let length = run.columns();
            if !run.text.trim().is_empty() {
                // The length holds columns in line in every font.
                let (x, wide) = (MARGIN + column as f64 * CELL, length as f64 * CELL);
                let (class, text) = (run.class, escaped(&run.text));
                let _ = writeln!(
                    svg,
                    r##"<text x="{x:.1}" y="{y:.1}" textLength="{wide:.1}" lengthAdjust="spacingAndGlyphs"{class} xml:space="preserve">{text}</text>"##
                );
            }
            column += length;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Text of one colour.
struct Run {
    class: &'static str,
    text: String,
}

impl Run {
    /// Everything these pictures show is one column wide.
    fn columns(&self) -> usize {
        self.text.chars().count()
    }
}

/// Splits a line where its colour changes.
fn runs(line: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut class = "";
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("\x1b[") {
        runs.push(Run { class, text: before.to_owned() });
        let (code, behind) = behind.split_once('m').unwrap_or(("", behind));
        class = match code {
            "1" => r#" class="b""#,
            "2" => r#" class="d""#,
            "31" => r#" class="r""#,
            "32" => r#" class="g""#,
            "33" => r#" class="y""#,
            "36" => r#" class="c""#,
            _ => "",
        };
        rest = behind;
    }
    runs.push(Run { class, text: rest.to_owned() });
    runs
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
