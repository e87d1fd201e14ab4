//! Markdown tables, aligned so that they read well in a terminal too.

/// Renders a table: the first column to the left, all others to the right. Rows that are too short are filled up.
pub(crate) fn markdown(head: &[String], rows: &[Vec<String>]) -> String {
    let cell = |row: &[String], column: usize| row.get(column).map(|cell| escape(cell)).unwrap_or_default();
    let width = |column: usize| {
        let cells = std::iter::once(head).chain(rows.iter().map(Vec::as_slice));
        cells.map(|row| cell(row, column).chars().count()).max().unwrap_or_default().max(3)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    let mut line = |row: &[String]| {
        out.push('|');
        for (column, width) in widths.iter().enumerate() {
            let text = cell(row, column);
            let padded = if column == 0 { format!(" {text:<width$} |") } else { format!(" {text:>width$} |") };
            out.push_str(&padded);
        }
        out.push('\n');
    };
    line(head);
    let rule = |(column, width): (usize, &usize)| {
        if column == 0 { "-".repeat(*width) } else { format!("{}:", "-".repeat(width - 1)) }
    };
    line(&widths.iter().enumerate().map(rule).collect::<Vec<_>>());
    rows.iter().for_each(|row| line(row));
    out
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
        let table =
            markdown(&row(&["step", "a|b", "ratio"]), &[row(&["first backup", "5.8 / 8.4"]), row(&["é", "1", "2"])]);
        assert_eq!(
            table,
            "\
| step         |      a\\|b | ratio |
| ------------ | --------: | ----: |
| first backup | 5.8 / 8.4 |       |
| é            |         1 |     2 |
"
        );
    }
}
