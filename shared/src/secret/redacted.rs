/// Gives a type a `Debug` that shows its name and nothing of what it holds.
macro_rules! redacted {
    ($($secret:ident),*) => {$(
        impl std::fmt::Debug for $secret {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($secret), "(redacted)"))
            }
        }
    )*};
}
pub(super) use redacted;
