//! How many connections this process may hold open.

/// Descriptors that are needed for other things than connections.
const RESERVED: u64 = 64;

/// Descriptors left for connections; `None` where the system does not tell or sets no limit.
pub fn available() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// The soft limit from the text of `/proc/self/limits` (proc(5)), less the reserve.
fn parse(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(soft.saturating_sub(RESERVED).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_counts() {
        let limits =
            "Limit  Soft Limit  Hard Limit  Units\nMax open files   1024   524288   files\n";
        assert_eq!(parse(limits), Some(960));
        assert_eq!(parse("Max open files   unlimited   unlimited   files"), None);
        assert_eq!(parse(""), None);
    }
}
