//! The generator's own use of the processor, so that a slow generator is not taken for a slow service.

use std::time::{Duration, Instant};

/// Clock ticks a second in `/proc/self/stat`; fixed at 100 in the interface of every Linux.
const TICKS: f64 = 100.0;

/// Measures from its creation on.
#[derive(Debug, Clone, Copy)]
pub struct CpuMeter {
    at: Instant,
    used: Option<Duration>,
}

impl CpuMeter {
    /// Starts measuring.
    pub fn start() -> Self {
        Self { at: Instant::now(), used: process_time() }
    }

    /// Processor cores kept busy since the start, on average: 0.5 is half of one core.
    /// `None` where the system does not tell.
    pub fn cores(&self) -> Option<f64> {
        let used = process_time()?.saturating_sub(self.used?);
        let passed = self.at.elapsed().as_secs_f64();
        (passed > 0.0).then(|| used.as_secs_f64() / passed)
    }
}

/// Cores that this process may use.
pub fn available_cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores).unwrap_or(u32::MAX)
}

fn process_time() -> Option<Duration> {
    parse(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// User plus system time from the text of `/proc/self/stat` (proc(5), fields 14 and 15).
fn parse(stat: &str) -> Option<Duration> {
    // The second field is the program's name in parentheses and may itself hold spaces.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(Duration::from_secs_f64((f64::from(user) + f64::from(system)) / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_spaces_and_parentheses() {
        let stat = "7 (load (x) y) S 1 7 7 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 4 0 100 0 0";
        assert_eq!(parse(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse("nonsense"), None);
    }
}
