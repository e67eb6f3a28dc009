//! A process seen from outside.

use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::Failure;

/// The processor time that a process has used so far, all its threads together.
pub fn cpu_time(pid: u32) -> Result<Duration, Failure> {
    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid)?))?;
    let time: TimeSpec = clock_gettime(clock)?;
    Ok(time.into())
}

/// The most memory that a process has had resident so far, in KiB.
pub fn peak_memory_kib(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.ok_or("the kernel does not tell the peak memory of a process")?;
    Ok(kib.trim().trim_end_matches(" kB").parse()?)
}
