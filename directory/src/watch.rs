/// Follows a long piece of work.
pub trait Watch: Sync {
    /// So many things of this kind are to be done.
    fn begin(&self, what: &'static str, count: usize);
    /// One of them is done.
    fn step(&self);
    /// All of them are done, or the work has ended.
    fn end(&self);
}

/// Follows nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn begin(&self, _what: &'static str, _count: usize) {}
    fn step(&self) {}
    fn end(&self) {}
}
