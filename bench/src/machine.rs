use serde::{Deserialize, Serialize};

/// Where figures were measured. Ratios carry over to another machine, figures do not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    rustc: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_default();
            line.split_once(':')
                .map_or("", |(_, value)| value.trim())
                .to_owned()
        };
        let memory_kib: u64 = field(&read("/proc/meminfo"), "MemTotal")
            .trim_end_matches(" kB")
            .parse()
            .unwrap_or_default();
        let rustc = std::process::Command::new("rustc").arg("--version").output();
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: (memory_kib + (1 << 19)) >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            rustc: rustc
                .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
                .unwrap_or_default(),
        }
    }

    /// One line for below a table.
    pub fn line(&self) -> String {
        let Self {
            processor,
            cores,
            memory_gib,
            kernel,
            rustc,
        } = self;
        format!("Measured on {cores} cores of {processor}, {memory_gib} GiB, Linux {kernel}, {rustc}.")
    }
}
