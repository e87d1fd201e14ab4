//! Bar charts as SVG. Numbers stand beside their bars, so that nothing has to be guessed from lengths.

use std::fmt::Write;

/// Bars side by side in groups, each group on a scale of its own.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    pub(crate) title: String,
    pub(crate) unit: &'static str,
    /// What the bars of a group stand for.
    pub(crate) series: Vec<String>,
    /// How many of them, the first ones, are this workspace's own.
    pub(crate) own: usize,
    pub(crate) groups: Vec<Group>,
}

/// A bar for each of the series, where there is a value.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) label: String,
    pub(crate) values: Vec<Option<f64>>,
}

/// Bars below each other on one scale, each of parts in a row.
#[derive(Debug, Clone)]
pub(crate) struct Stacked {
    pub(crate) title: String,
    pub(crate) unit: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// A bar.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) label: String,
    pub(crate) parts: Vec<(String, f64)>,
}

/// Of this workspace's own tool.
const OWN: [&str; 3] = ["#0b5394", "#3d85c6", "#9fc5e8"];
/// Of others: colours that people tell apart whatever their eyes (Okabe and Ito, 2008), paler than the own ones.
const OTHERS: [&str; 6] = ["#e6a23c", "#56b4a0", "#cc79a7", "#d55e00", "#b3a600", "#8a8a8a"];
/// Parts of a whole.
const PARTS: [&str; 8] = ["#0b5394", "#56b4a0", "#e6a23c", "#cc79a7", "#d55e00", "#9fc5e8", "#b3a600", "#8a8a8a"];
const WIDTH: f64 = 820.0;
/// Where bars begin and end; behind them is room for their numbers.
const LEFT: f64 = 180.0;
const RIGHT: f64 = 740.0;
const BAR: f64 = 13.0;
const LEGEND_COLUMNS: usize = 4;

fn picked(colours: &[&'static str], number: usize) -> &'static str {
    colours[number % colours.len()]
}

/// A picture that grows downwards.
struct Picture {
    body: String,
    y: f64,
}

impl Picture {
    fn new(title: &str) -> Self {
        let mut picture = Picture { body: String::new(), y: 26.0 };
        picture.text(12.0, picture.y, "start", "title", title);
        picture.y += 12.0;
        picture
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _ =
            writeln!(self.body, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#);
    }

    fn bar(&mut self, from: f64, to: f64, height: f64, colour: &str) {
        // What is there is seen.
        let (width, y) = ((to - from).max(1.0), self.y);
        let _ = writeln!(
            self.body,
            r#"<rect x="{from:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{colour}"/>"#
        );
    }

    /// What colours stand for.
    fn legend(&mut self, entries: &[(&str, &str)]) {
        for row in entries.chunks(LEGEND_COLUMNS) {
            for (column, (colour, label)) in row.iter().enumerate() {
                let x = 12.0 + column as f64 * 200.0;
                self.bar(x, x + 12.0, 12.0, colour);
                self.text(x + 18.0, self.y + 10.5, "start", "label", label);
            }
            self.y += 20.0;
        }
        self.y += 6.0;
    }

    fn finish(self) -> String {
        let (body, height) = (self.body, self.y + 10.0);
        // A background of its own, for pages that are dark.
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" width="{WIDTH}" height="{height:.0}" role="img">
<style>
text {{ font-family: system-ui, "Segoe UI", Helvetica, Arial, "DejaVu Sans", sans-serif; font-size: 12px; fill: #333 }}
.title {{ font-size: 15px; font-weight: 600; fill: #111 }}
.group {{ font-weight: 600 }}
.own {{ font-weight: 600; fill: #0b5394 }}
</style>
<rect width="100%" height="100%" fill="#fff"/>
{body}</svg>
"##
        )
    }
}

/// With as many digits as mean something.
fn number(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.2}"),
        value if value < 20.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

impl Bars {
    fn colour(&self, series: usize) -> &'static str {
        match series.checked_sub(self.own) {
            None => picked(&OWN, series),
            Some(other) => picked(&OTHERS, other),
        }
    }

    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let mut picture = Picture::new(&self.title);
        let entries: Vec<_> =
            self.series.iter().enumerate().map(|(series, label)| (self.colour(series), label.as_str())).collect();
        picture.legend(&entries);
        for group in &self.groups {
            let values = || group.values.iter().enumerate().filter_map(|(series, value)| Some((series, (*value)?)));
            let largest = values().map(|(_, value)| value).fold(f64::MIN_POSITIVE, f64::max);
            picture.text(LEFT - 10.0, picture.y + 10.5, "end", "group", &group.label);
            for (series, value) in values() {
                let end = LEFT + (RIGHT - LEFT) * value / largest;
                picture.bar(LEFT, end, BAR, self.colour(series));
                let class = if series < self.own { "own" } else { "label" };
                picture.text(end + 6.0, picture.y + 10.5, "start", class, &format!("{} {}", number(value), self.unit));
                picture.y += BAR + 2.0;
            }
            picture.y += 11.0;
        }
        picture.text(LEFT, picture.y + 4.0, "start", "label", "Each step is on a scale of its own; less is better.");
        picture.y += 8.0;
        picture.finish()
    }
}

impl Stacked {
    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let mut picture = Picture::new(&self.title);
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.rows.iter().flat_map(|row| &row.parts) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let colour = |name: &str| picked(&PARTS, names.iter().position(|known| *known == name).unwrap_or_default());
        let entries: Vec<_> = names.iter().map(|name| (colour(name), *name)).collect();
        picture.legend(&entries);
        let sum = |row: &Row| row.parts.iter().map(|(_, value)| value).sum::<f64>();
        let largest = self.rows.iter().map(sum).fold(f64::MIN_POSITIVE, f64::max);
        for row in &self.rows {
            picture.text(LEFT - 10.0, picture.y + 17.0, "end", "group", &row.label);
            let mut from = LEFT;
            for (name, value) in &row.parts {
                let to = from + (RIGHT - LEFT) * value / largest;
                picture.bar(from, to, 26.0, colour(name));
                from = to;
            }
            picture.text(from + 6.0, picture.y + 17.0, "start", "own", &format!("{} {}", number(sum(row)), self.unit));
            picture.y += 36.0;
        }
        picture.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(svg: &str) -> Vec<f64> {
        let bars = svg.lines().filter(|line| line.starts_with("<rect x=\"180.0\""));
        bars.map(|line| line.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn bars_are_as_long_as_their_values() {
        let bars = Bars {
            title: "a < b".to_owned(),
            unit: "s",
            series: ["own", "other", "third"].map(str::to_owned).to_vec(),
            own: 1,
            groups: vec![
                Group { label: "first".to_owned(), values: vec![Some(2.0), Some(8.0), None] },
                Group { label: "second".to_owned(), values: vec![Some(0.25), None, Some(0.5)] },
            ],
        };
        let svg = bars.svg();
        assert_eq!(widths(&svg), [140.0, 560.0, 280.0, 560.0]);
        assert!(svg.contains("a &lt; b") && svg.contains(">0.25 s<") && svg.contains(">8.0 s<"));
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn parts_stand_in_a_row_on_one_scale() {
        let row = |label: &str, parts: &[(&str, f64)]| Row {
            label: label.to_owned(),
            parts: parts.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        };
        let rows = vec![row("stages", &[("chunk", 1.0), ("hash", 3.0)]), row("backup", &[("all of it", 5.0)])];
        let svg = Stacked { title: "CPU".to_owned(), unit: "s", rows }.svg();
        assert_eq!(widths(&svg), [112.0, 560.0]);
        assert!(svg.contains(">4.0 s<") && svg.contains(">5.0 s<"));
    }
}
