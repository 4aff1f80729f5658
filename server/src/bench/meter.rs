//! What this process has used so far.

use rustix::time::{ClockId, clock_gettime};

/// Processor time of all threads, in milliseconds.
pub(super) fn cpu_ms() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "seconds and nanoseconds of a benchmark")]
    let ms = used.tv_sec as f64 * 1e3 + used.tv_nsec as f64 / 1e6;
    ms
}

/// The most memory that was resident, in KiB; `None` where the system does not say.
pub(super) fn peak_rss_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Two decimals are more than a benchmark can tell.
pub(super) fn rounded(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}
