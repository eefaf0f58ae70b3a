//! Tables for people: columns as wide as their widest cell.

/// Rows in columns that are two spaces apart; a last column may be as long as it wants.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_are_aligned_by_letters_and_lines_end_in_no_space() {
        let rows = [["é", "1", ""], ["abc", "22", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "é    1\nabc  22  x\n");
        assert_eq!(columns::<2>(&[]), "");
    }
}
