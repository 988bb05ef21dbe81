//! What the system tells of a process: CPU time and memory. Linux only; elsewhere there are no figures.

use std::path::PathBuf;
use std::time::Duration;

/// Ticks of `/proc/PID/stat` a second; the same on every Linux that Rust supports.
const TICKS: u64 = 100;

/// CPU time that the process has used so far, in user and kernel mode.
pub fn cpu_time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(PathBuf::from(format!("/proc/{process}/stat"))).ok()?;
    // The name stands in brackets and may hold blanks; the fields are counted after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS))
}

/// Resident memory in MiB: at this moment, and at most so far.
pub fn memory_mib(process: u32) -> Option<(f64, f64)> {
    let status = std::fs::read_to_string(PathBuf::from(format!("/proc/{process}/status"))).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1_024.0)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

/// CPU time of a process, of its children, and of children that have ended.
pub fn cpu_time_of_family(process: u32) -> Duration {
    let fields = |process: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let fields = stat.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse::<u64>().unwrap_or(0));
        Some(fields.collect::<Vec<_>>())
    };
    let ticks = |fields: &[u64], count: usize| fields.iter().skip(11).take(count).sum::<u64>();
    let own = fields(process).map_or(0, |fields| ticks(&fields, 4));
    let listed = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let children = listed.filter_map(|entry| fields(entry.file_name().to_str()?.parse().ok()?));
    let children: u64 =
        children.filter(|fields| fields.get(1) == Some(&u64::from(process))).map(|fields| ticks(&fields, 2)).sum();
    Duration::from_millis((own + children) * 1_000 / TICKS)
}
