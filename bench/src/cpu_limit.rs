//! A share of a core, as Lambda gives a small function one: in every 20 ms a process runs for so long and then
//! stands still.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;

const PERIOD_US: u32 = 20_000;

/// A control group that limits the processor time of what is put under it. It goes away with this value.
#[derive(Debug)]
pub struct CpuLimit(PathBuf);

impl CpuLimit {
    /// Makes a group that gets `percent` of one core.
    pub fn new(percent: u32) -> Result<Self, Failure> {
        let quota = PERIOD_US / 100 * percent;
        let name = format!("holdfast-bench-{}", std::process::id());
        // The two versions of control groups, each where it is mounted by convention.
        let limited = |parent: &str, limit: &dyn Fn(&Path) -> std::io::Result<()>| {
            let group = Path::new(parent).join(&name);
            fs::create_dir(&group)?;
            let group = Self(group);
            limit(&group.0)?;
            Ok::<_, std::io::Error>(group)
        };
        limited("/sys/fs/cgroup/cpu", &|group| {
            fs::write(group.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
            fs::write(group.join("cpu.cfs_quota_us"), quota.to_string())
        })
        .or_else(|_| {
            limited("/sys/fs/cgroup", &|group| {
                fs::write(group.join("cpu.max"), format!("{quota} {PERIOD_US}"))
            })
        })
        .map_err(|error| format!("no control group can be made here, which takes root: {error}").into())
    }

    /// Limits a process from now on.
    pub fn put_under(&self, pid: u32) -> Result<(), Failure> {
        Ok(fs::write(self.0.join("cgroup.procs"), pid.to_string())?)
    }
}

impl Drop for CpuLimit {
    fn drop(&mut self) {
        // What is left of a group that still has a process in it is empty and limits nothing.
        let _ = fs::remove_dir(&self.0);
    }
}
