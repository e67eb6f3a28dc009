use std::sync::{Mutex, PoisonError};

use holdfast_directory::Watch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Fewer things than this are done before anyone has read what the bar says.
const WORTH_A_BAR: usize = 50;

/// A bar on stderr with the rate and the time left. Where stderr is not a terminal, nothing.
#[derive(Debug, Default)]
pub(crate) struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        // A thread that panics with the lock leaves a bar all the same.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Watch for Bar {
    fn begin(&self, what: &'static str, count: usize) {
        if count < WORTH_A_BAR {
            return;
        }
        let length = u64::try_from(count).ok();
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        // Without colours, so that `NO_COLOR` has nothing to turn off. A style that cannot be read would be a defect: then the
        // bar has its usual one.
        if let Ok(style) =
            ProgressStyle::with_template("{pos}/{len} {msg} [{wide_bar}] {per_sec}, {eta} left")
        {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what);
        self.with(|place| *place = Some(bar));
    }

    fn step(&self) {
        self.with(|bar| {
            if let Some(bar) = bar {
                bar.inc(1);
            }
        });
    }

    fn end(&self) {
        self.with(|bar| {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        });
    }
}
